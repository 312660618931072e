namespace Sgl.Text;

/// <summary>Limits of a tokenizer.</summary>
public sealed record TokenizerOptions
{
    /// <summary>The longest text that is encoded, in UTF-16 units. One word of this length takes about a second at the default.</summary>
    public int MaxTextLength { get; init; } = 1 << 18;
}
