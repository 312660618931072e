namespace Sgl.Text;

/// <summary>A text is longer than <see cref="TokenizerOptions.MaxTextLength"/>.</summary>
public sealed class TextTooLongException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="length">Length of the text in UTF-16 units.</param>
    /// <param name="limit">The limit in UTF-16 units.</param>
    public TextTooLongException(int length, int limit)
        : base($"the text has {length} characters, the limit is {limit}")
    {
        Length = length;
        Limit = limit;
    }

    /// <summary>Length of the refused text in UTF-16 units.</summary>
    public int Length { get; }

    /// <summary>The limit in UTF-16 units.</summary>
    public int Limit { get; }
}
