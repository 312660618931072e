using System.Text;

namespace Sgl.Evaluation.Internal;

/// <summary>
/// Tab-separated values as pandas reads them: a field may be quoted and then hold tabs, line ends and doubled quotes; certain
/// texts mean "missing".
/// </summary>
internal static class TabSeparated
{
    /// <summary>The texts that pandas takes for missing values by default. An option that reads "None" is one of them.</summary>
    private static readonly HashSet<string> Missing = new(StringComparer.Ordinal)
    {
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
        "NaN", "None", "n/a", "nan", "null",
    };

    /// <summary>One row; columns by name, null where missing.</summary>
    internal sealed class Row(int line, Dictionary<string, int> columns, string[] fields)
    {
        public int Line { get; } = line;

        public string? this[string column] =>
            columns.TryGetValue(column, out var i) && i < fields.Length && !Missing.Contains(fields[i]) ? fields[i] : null;
    }

    public static IEnumerable<Row> Read(string file)
    {
        using var reader = new StreamReader(file, Encoding.UTF8);
        Dictionary<string, int>? columns = null;
        var line = 1;
        while (Record(reader, file, ref line) is var (start, fields))
        {
            if (fields is [""])
            {
                continue;
            }

            if (columns is null)
            {
                columns = fields.Select((name, i) => (name, i)).GroupBy(c => c.name).ToDictionary(g => g.Key, g => g.First().i);
                foreach (var needed in new[] { "index", "question", "image" })
                {
                    if (!columns.ContainsKey(needed))
                    {
                        throw new DatasetException(file, start, $"the header has no column '{needed}'");
                    }
                }
            }
            else
            {
                yield return new Row(start, columns, fields);
            }
        }
    }

    private static (int Start, string[] Fields)? Record(StreamReader reader, string file, ref int line)
    {
        if (reader.Peek() < 0)
        {
            return null;
        }

        var start = line;
        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        while (true)
        {
            var next = reader.Read();
            if (next < 0 && quoted)
            {
                throw new DatasetException(file, start, "a quoted field does not end");
            }

            if (next == '\n')
            {
                line++;
            }

            if (quoted)
            {
                if (next != '"')
                {
                    field.Append((char)next);
                }
                else if (reader.Peek() == '"')
                {
                    field.Append((char)reader.Read());
                }
                else
                {
                    quoted = false;
                }
            }
            else if (next is '\t' or '\n' or < 0)
            {
                if (next != '\t' && field.Length > 0 && field[^1] == '\r')
                {
                    field.Length--;
                }

                fields.Add(field.ToString());
                field.Clear();
                if (next != '\t')
                {
                    return (start, [.. fields]);
                }
            }
            else if (next == '"' && field.Length == 0)
            {
                quoted = true;
            }
            else
            {
                field.Append((char)next);
            }
        }
    }
}
