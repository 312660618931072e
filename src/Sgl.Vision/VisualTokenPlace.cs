namespace Sgl.Vision;

/// <summary>Where a visual token comes from.</summary>
/// <param name="Token">The token, relative to the image's first visual token.</param>
/// <param name="Tile">The tile that holds it.</param>
/// <param name="Row">Row in the tile.</param>
/// <param name="Column">Column in the tile.</param>
/// <param name="X">Left edge, in pixels of the original image.</param>
/// <param name="Y">Upper edge, in pixels of the original image.</param>
/// <param name="Width">Width, in pixels of the original image; 0 for a newline token, which lies at the right edge of its row.</param>
/// <param name="Height">Height, in pixels of the original image.</param>
/// <param name="IsNewline">Whether it is a newline token, which shows nothing.</param>
public readonly record struct VisualTokenPlace(
    int Token, VisualTile Tile, int Row, int Column, double X, double Y, double Width, double Height, bool IsNewline);
