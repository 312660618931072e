namespace Sgl.Text;

/// <summary>A run of UTF-16 units of a text.</summary>
/// <param name="Start">Index of the first unit.</param>
/// <param name="Length">Number of units.</param>
public readonly record struct TextRange(int Start, int Length)
{
    /// <summary>Index after the last unit.</summary>
    public int End => Start + Length;
}
