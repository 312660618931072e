using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference.Tests.Support;

internal static class Images
{
    /// <summary>One image of many tiles between two texts; one visual token per tile.</summary>
    public static PreparedPrompt Prompt(int tiles)
    {
        var size = TestEngine.Shape.TileSize;
        var random = new Random(tiles);
        var image = new VisualInput
        {
            PixelValues = [.. Enumerable.Range(0, tiles * 3 * size * size).Select(_ => random.NextSingle() - 0.5f)],
            Shape = [tiles, 3, size, size],
            Layout = new VisualLayout(size, size * tiles, [.. Enumerable.Range(0, tiles).Select(t => new VisualTile(t, TileKind.Tile, t, 1, 1, 0, t * size, size, size))]),
        };
        return new PreparedPrompt([10, 11, .. Enumerable.Repeat(3, tiles), 12], [new ImageSpan(0, 2, tiles)], [image]);
    }
}
