using System.Text;

namespace Sgl.Evaluation;

/// <summary>A table of texts that becomes Markdown or CSV.</summary>
/// <param name="title">Heading of the Markdown form.</param>
/// <param name="columns">Column heads.</param>
public sealed class Table(string title, params string[] columns)
{
    private readonly List<string[]> _rows = [];

    /// <summary>The heading.</summary>
    public string Title { get; } = title;

    /// <summary>The column heads.</summary>
    public IReadOnlyList<string> Columns => columns;

    /// <summary>The rows so far.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows => _rows;

    /// <summary>Remarks that stand below the Markdown table.</summary>
    public IList<string> Notes { get; } = [];

    /// <summary>Adds a row; it must have a cell for every column.</summary>
    public void Add(params string[] cells)
    {
        if (cells.Length != columns.Length)
        {
            throw new ArgumentException($"the table has {columns.Length} columns, the row {cells.Length} cells", nameof(cells));
        }

        _rows.Add(cells);
    }

    /// <summary>GitHub-flavoured Markdown with aligned source; columns of numbers are set flush right.</summary>
    public string ToMarkdown()
    {
        var widths = columns.Select((name, c) => Math.Max(3, _rows.Select(r => Escape(r[c]).Length).Append(Escape(name).Length).Max())).ToArray();
        var numeric = columns.Select((_, c) => c > 0 && _rows.Count > 0 && _rows.All(r => IsNumeric(r[c]))).ToArray();
        var text = new StringBuilder();
        text.Append("### ").Append(Title).Append("\n\n");
        AppendRow(text, columns, widths, numeric);
        text.Append('|');
        for (var c = 0; c < widths.Length; c++)
        {
            text.Append(' ').Append('-', widths[c] - (numeric[c] ? 1 : 0)).Append(numeric[c] ? ":" : "").Append(" |");
        }

        text.Append('\n');
        foreach (var row in _rows)
        {
            AppendRow(text, row, widths, numeric);
        }

        foreach (var note in Notes)
        {
            text.Append('\n').Append(note).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>RFC 4180 with line feeds.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder();
        foreach (var row in _rows.Prepend(columns))
        {
            text.AppendJoin(',', row.Select(Quote)).Append('\n');
        }

        return text.ToString();
    }

    private static void AppendRow(StringBuilder text, string[] cells, int[] widths, bool[] numeric)
    {
        text.Append('|');
        for (var c = 0; c < cells.Length; c++)
        {
            var cell = Escape(cells[c]);
            text.Append(' ').Append(numeric[c] ? cell.PadLeft(widths[c]) : cell.PadRight(widths[c])).Append(" |");
        }

        text.Append('\n');
    }

    private static bool IsNumeric(string cell) => cell is "" or "-" || char.IsAsciiDigit(cell[0]) || (cell[0] is '-' or '+' && cell.Length > 1 && char.IsAsciiDigit(cell[1]));

    private static string Escape(string cell) => cell.Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');

    private static string Quote(string cell) => cell.AsSpan().IndexOfAny(",\"\n\r") < 0
        ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
