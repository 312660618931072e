using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs.Towers;

/// <summary>Patch embedding of square tiles.</summary>
internal static class TilePatches
{
    /// <summary>Input <c>pixel_values</c> [tiles, 3, s, s] to [tiles, patches, width].</summary>
    public static string Embed(GraphBuilder g, VisionConfig vision, VisionNames names, long patches)
    {
        long p = vision.PatchSize, side = vision.ImageSize / p, values = vision.Channels * p * p;
        var pixels = g.ToCompute(g.Input("pixel_values", E.Float, "tiles", vision.Channels, vision.ImageSize, vision.ImageSize));
        if (side * p != vision.ImageSize)
        {
            // What is left over at the right and at the bottom belongs to no patch (SigLIP: 384 = 27 * 14 + 6).
            pixels = g.Slice(g.Slice(pixels, 2, 0, side * p), 3, 0, side * p);
        }

        // A convolution whose windows do not overlap is a product. As such it exists in every arithmetic and needs no further library on a GPU.
        var rows = g.Reshape(g.Transpose(g.Reshape(pixels, -1, vision.Channels, side, p, side, p), 0, 2, 4, 1, 3, 5), -1, values);
        return g.Reshape(g.Linear(rows, names.PatchEmbedding, vision.HiddenSize, values), -1, patches, vision.HiddenSize);
    }
}
