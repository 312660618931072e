namespace Sgl.Vision;

/// <summary>
/// One rectangle of visual tokens: <c>Rows</c> x <c>Columns</c> tokens, row-major, and the part of the image it shows. That of a padded view reaches
/// beyond the image.
/// </summary>
/// <param name="Index">Position in the layout, from 0.</param>
/// <param name="Kind">What it shows.</param>
/// <param name="FirstToken">Its first token, relative to the image's first visual token.</param>
/// <param name="Rows">Rows of tokens.</param>
/// <param name="Columns">Columns of tokens, the newline column included.</param>
/// <param name="X">Left edge of the part shown, in pixels of the original image.</param>
/// <param name="Y">Upper edge of the part shown, in pixels of the original image.</param>
/// <param name="Width">Width of the part shown, in pixels of the original image.</param>
/// <param name="Height">Height of the part shown, in pixels of the original image.</param>
public sealed record VisualTile(
    int Index, TileKind Kind, int FirstToken, int Rows, int Columns, double X, double Y, double Width, double Height)
{
    /// <summary>1 where the last column holds newline tokens (LLaVA-OneVision), otherwise 0.</summary>
    public int NewlineColumns { get; init; }

    /// <summary>Columns of tokens that show something of the image.</summary>
    public int ImageColumns => Columns - NewlineColumns;

    /// <summary>All tokens, newline tokens included.</summary>
    public int TokenCount => Rows * Columns;
}
