using Sgl.Vision;

namespace Sgl.Rendering.Internal;

/// <summary>One drawing of the image, with the tiles whose tokens are marked on it.</summary>
internal sealed class OverlayView(RgbImage canvas, VisualLayout layout, IReadOnlyList<VisualTile> tiles, double scaleX, double scaleY)
{
    public RgbImage Canvas => canvas;

    public IReadOnlyList<VisualTile> Tiles => tiles;

    /// <summary>Tokens that show something, newlines left out, with their rectangle on the canvas.</summary>
    public IEnumerable<(VisualTokenPlace Place, int X, int Y, int Width, int Height)> Cells()
    {
        foreach (var tile in tiles)
        {
            for (var token = tile.FirstToken; token < tile.FirstToken + tile.TokenCount; token++)
            {
                var place = layout.Locate(token);
                if (!place.IsNewline)
                {
                    var (x, y, width, height) = Pixels(place.X, place.Y, place.Width, place.Height);
                    yield return (place, x, y, width, height);
                }
            }
        }
    }

    /// <summary>A rectangle of the original image on the canvas; neighbours share their edges.</summary>
    public (int X, int Y, int Width, int Height) Pixels(double x, double y, double width, double height)
    {
        int left = (int)Math.Round(x * scaleX), top = (int)Math.Round(y * scaleY);
        return (left, top, (int)Math.Round((x + width) * scaleX) - left, (int)Math.Round((y + height) * scaleY) - top);
    }
}
