using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs.Towers;

/// <summary>Patch embedding of square tiles.</summary>
internal static class TilePatches
{
    /// <summary>Input <c>pixel_values</c> [tiles, 3, s, s] to [tiles, patches, width].</summary>
    public static string Embed(GraphBuilder g, VisionConfig vision, VisionNames names, long patches)
    {
        long width = vision.HiddenSize, p = vision.PatchSize;
        var pixels = g.ToCompute(g.Input("pixel_values", E.Float, "tiles", vision.Channels, vision.ImageSize, vision.ImageSize));
        var weight = g.Weight(names.PatchEmbedding.Weight, width, vision.Channels, p, p);
        string[] operands = names.PatchEmbedding.Bias is { } bias ? [pixels, weight, g.Weight(bias, width)] : [pixels, weight];
        var conv = g.Op("Conv", operands, GraphBuilder.Attr("kernel_shape", p, p), GraphBuilder.Attr("strides", p, p));
        return g.Transpose(g.Reshape(conv, 0, width, patches), 0, 2, 1);
    }
}
