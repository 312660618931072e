namespace Sgl.Text;

/// <summary>Limits of a tokenizer.</summary>
public sealed record TokenizerOptions
{
    /// <summary>The longest text that is encoded, in UTF-16 units. At the default, one word of this length takes a fraction of a second.</summary>
    public int MaxTextLength { get; init; } = 1 << 18;
}
