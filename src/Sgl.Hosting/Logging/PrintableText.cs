using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sgl.Hosting;

/// <summary>
/// Text of clients and models on its way to a log or a terminal, where control characters forge lines, move the cursor or turn the reading direction.
/// </summary>
public static class PrintableText
{
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c)]);

    /// <summary>
    /// The text with everything that does not print shown as an escape (<c>\n</c>, <c>\u001B</c>, <c>\U000E0041</c>): C0 and C1 controls, DEL, line and
    /// paragraph separators, format characters such as the bidirectional overrides, and halves of surrogate pairs.
    /// </summary>
    /// <param name="text">Any text.</param>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (IsPrintable(text))
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var status = Rune.DecodeFromUtf16(rest, out var rune, out var length);
            if (status != OperationStatus.Done)
            {
                Append(rest[0]);
            }
            else if (Prints(rune))
            {
                escaped.Append(rest[..length]);
            }
            else
            {
                Append(rune.Value);
            }

            rest = rest[length..];
        }

        return escaped.ToString();

        void Append(int code) => _ = code switch
        {
            '\n' => escaped.Append("\\n"),
            '\r' => escaped.Append("\\r"),
            '\t' => escaped.Append("\\t"),
            <= char.MaxValue => escaped.Append(CultureInfo.InvariantCulture, $"\\u{code:X4}"),
            _ => escaped.Append(CultureInfo.InvariantCulture, $"\\U{code:X8}"),
        };
    }

    /// <summary>Whether a text has nothing to escape.</summary>
    /// <param name="text">Any text.</param>
    public static bool IsPrintable(ReadOnlySpan<char> text)
    {
        for (var at = text.IndexOfAnyExcept(Plain); at >= 0; at = text.IndexOfAnyExcept(Plain))
        {
            text = text[at..];
            if (Rune.DecodeFromUtf16(text, out var rune, out var length) != OperationStatus.Done || !Prints(rune))
            {
                return false;
            }

            text = text[length..];
        }

        return true;
    }

    private static bool Prints(Rune rune) => Rune.GetUnicodeCategory(rune)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
