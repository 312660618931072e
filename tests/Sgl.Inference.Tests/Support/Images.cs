using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference.Tests.Support;

internal static class Images
{
    /// <summary>One image of many tiles between two texts; one visual token per tile.</summary>
    public static PreparedPrompt Prompt(int tiles) =>
        new([10, 11, .. Enumerable.Repeat(3, tiles), 12], [new ImageSpan(0, 2, tiles)], [Input(tiles, tiles)]);

    /// <summary>Several images, each of one tile of its own.</summary>
    public static PreparedPrompt Prompt(params int[] seeds) => new(
        [10, .. Enumerable.Repeat(3, seeds.Length), 12], [.. seeds.Select((_, i) => new ImageSpan(i, 1 + i, 1))], [.. seeds.Select(seed => Input(1, seed))]);

    private static VisualInput Input(int tiles, int seed)
    {
        var size = TestEngine.Shape.TileSize;
        var random = new Random(seed);
        return new VisualInput
        {
            PixelValues = [.. Enumerable.Range(0, tiles * 3 * size * size).Select(_ => random.NextSingle() - 0.5f)],
            Shape = [tiles, 3, size, size],
            Layout = new VisualLayout(size, size * tiles, [.. Enumerable.Range(0, tiles).Select(t => new VisualTile(t, TileKind.Tile, t, 1, 1, 0, t * size, size, size))]),
        };
    }
}
