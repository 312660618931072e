namespace Sgl.Text.Internal;

/// <summary>Decides which added tokens are recognised in text that came with a request.</summary>
internal static class ForeignText
{
    /// <summary>
    /// Tokens that mark regions and phrases. They carry no control over the conversation, and questions are asked with them
    /// (referring expressions: <c>&lt;ref&gt;...&lt;/ref&gt;</c>).
    /// </summary>
    private static readonly string[] RegionMarkers =
    [
        "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>",
        "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>",
    ];

    /// <summary>The ranges in which no added token is recognised: all foreign text but the region markers in it.</summary>
    public static List<TextRange> LiteralByDefault(string text, IReadOnlyList<TextRange> foreign, ITokenizer tokenizer)
    {
        var markers = RegionMarkers.Where(tokenizer.AddedTokens.ContainsKey).ToArray();
        var literal = new List<TextRange>();
        foreach (var range in foreign)
        {
            var start = range.Start;
            for (var i = start; i < range.End;)
            {
                var marker = text[i] == '<'
                    ? markers.FirstOrDefault(m => m.Length <= range.End - i && string.CompareOrdinal(text, i, m, 0, m.Length) == 0)
                    : null;
                if (marker is null)
                {
                    i++;
                    continue;
                }

                Add(literal, start, i);
                i += marker.Length;
                start = i;
            }

            Add(literal, start, range.End);
        }

        return literal;
    }

    /// <summary>The ranges in which no added token is recognised when the request may use all but placeholders.</summary>
    public static List<TextRange> LiteralPlaceholders(string text, IReadOnlyList<TextRange> foreign, IEnumerable<string> placeholders)
    {
        var ranges = LiteralRanges.Create(foreign, text.Length);
        var literal = new List<TextRange>();
        foreach (var placeholder in placeholders)
        {
            for (var i = text.IndexOf(placeholder, StringComparison.Ordinal); i >= 0; i = text.IndexOf(placeholder, i + 1, StringComparison.Ordinal))
            {
                if (ranges.Intersects(i, i + placeholder.Length))
                {
                    literal.Add(new(i, placeholder.Length));
                }
            }
        }

        return literal;
    }

    private static void Add(List<TextRange> ranges, int start, int end)
    {
        if (end > start)
        {
            ranges.Add(new(start, end - start));
        }
    }
}
