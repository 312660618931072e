using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Verification.Tests.Reference;

/// <summary>A prompt of random ids and random images.</summary>
/// <param name="Prompt">For the engine.</param>
/// <param name="Pixels">Pixel values per image.</param>
/// <param name="Tiles">Tiles per image.</param>
internal sealed record TestPrompt(PreparedPrompt Prompt, float[][] Pixels, int[] Tiles);

/// <summary>Prompts for random checkpoints, and generations to their end.</summary>
internal static class Runs
{
    /// <summary>Text, then each image followed by text.</summary>
    /// <param name="shape">Checkpoint.</param>
    /// <param name="seed">Of ids and pixels.</param>
    /// <param name="text">Ids in front of the first image, between two, behind the last: one more than images.</param>
    /// <param name="tiles">Tiles of each image.</param>
    public static TestPrompt Prompt(CheckpointShape shape, int seed, int[] text, int[] tiles)
    {
        var random = new Random(seed);
        var ids = new List<int>();
        var spans = new List<ImageSpan>();
        var pixels = new List<float[]>();
        var images = new List<VisualInput>();
        for (var i = 0; i < text.Length; i++)
        {
            ids.AddRange(Enumerable.Range(0, text[i]).Select(_ => random.Next(5, shape.Vocabulary)));
            if (i == tiles.Length)
            {
                break;
            }

            spans.Add(new ImageSpan(i, ids.Count, tiles[i] * shape.TokensPerTile));
            ids.AddRange(Enumerable.Repeat(3, spans[i].Count));
            pixels.Add([.. Enumerable.Range(0, tiles[i] * 3 * shape.TileSize * shape.TileSize).Select(_ => (random.NextSingle() * 3.4f) - 1.7f)]);
            images.Add(Image(shape, pixels[i], tiles[i]));
        }

        return new TestPrompt(new PreparedPrompt([.. ids], spans, images), [.. pixels], tiles);
    }

    public static Task<VlmEngine> LoadAsync(string folder, string placement = "cpu", params int[] pruneLayers)
    {
        var options = new EngineOptions { Checkpoint = folder, Placement = placement, KvBudgetMiB = 64, ImageTokenId = 3, VisionBatch = 2 };
        foreach (var layer in pruneLayers)
        {
            options.PruneLayers.Add(layer);
        }

        return VlmEngine.LoadAsync(options);
    }

    public static async Task<GenerationResult> GenerateAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }

    private static VisualInput Image(CheckpointShape shape, float[] pixels, int tiles)
    {
        int size = shape.TileSize, side = shape.PatchesPerSide / 2;
        var all = Enumerable.Range(0, tiles).Select(t => new VisualTile(t, TileKind.Tile, t * side * side, side, side, 0, t * size, size, size));
        return new VisualInput { PixelValues = pixels, Shape = [tiles, 3, size, size], Layout = new VisualLayout(size, size * tiles, [.. all]) };
    }
}
