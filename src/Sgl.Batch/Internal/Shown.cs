namespace Sgl.Batch.Internal;

/// <summary>Text of a file as it may be shown to a person.</summary>
internal static class Shown
{
    private const int Longest = 120;

    /// <summary>Without control characters, and not longer than a line.</summary>
    public static string Text(string text) =>
        string.Concat(text.Take(Longest).Select(c => char.IsControl(c) ? '\uFFFD' : c)) + (text.Length > Longest ? "…" : "");
}
