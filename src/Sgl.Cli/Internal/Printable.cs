namespace Sgl.Cli.Internal;

/// <summary>Text from models and files on its way to a terminal, which would obey control characters in it.</summary>
internal static class Printable
{
    /// <summary>The text with control characters, line breaks and tabs apart, shown as U+FFFD.</summary>
    public static string Clean(string text) => text.Any(IsControl)
        ? string.Create(text.Length, text, (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = IsControl(source[i]) ? '\uFFFD' : source[i];
            }
        })
        : text;

    /// <summary>The same on one line.</summary>
    public static string Line(string text) => Clean(text.ReplaceLineEndings(" "));

    private static bool IsControl(char c) => char.IsControl(c) && c is not ('\n' or '\t');
}
