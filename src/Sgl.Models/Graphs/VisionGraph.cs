using Sgl.Models.Graphs;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models;

/// <summary>
/// Vision tower and projector. Output <c>features</c> float32 [visual tokens, hidden] in token order, and <c>last_hidden</c>,
/// the tower's own output before merging, for verification.
/// </summary>
/// <remarks>
/// InternViT and SigLIP: <c>pixel_values</c> float32 [tiles, 3, s, s].
/// Qwen2-VL: <c>pixel_values</c> float32 [patches, 3 * 2 * p * p] of one image with <c>cos</c>, <c>sin</c> float32 [patches, d/2]; attention is full inside the image.
/// </remarks>
public static class VisionGraph
{
    private const float ProjectorNormEps = 1e-5f;

    /// <summary>Builds the graph.</summary>
    /// <param name="config">Model configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="arithmetic">Compute type, and formats of the linear layers.</param>
    public static ComputeGraph Build(VlmConfig config, VisionNames names, GraphArithmetic arithmetic)
    {
        var g = new GraphBuilder("vision", arithmetic);
        var (last, features) = config.Vision.Architecture switch
        {
            VisionArchitecture.InternVit => InternVit(g, config, names),
            VisionArchitecture.SigLip => SigLip(g, config, names),
            VisionArchitecture.Qwen2Vl => Qwen2Vl(g, config, names),
            _ => throw new ArgumentOutOfRangeException(nameof(config)),
        };
        g.Output(g.ToFloat(last), "last_hidden", E.Float, "rows", config.Vision.HiddenSize);
        g.Output(g.ToFloat(features), "features", E.Float, "tokens", config.Language.HiddenSize);
        return g.Build();
    }

    private static (string Last, string Features) InternVit(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        long width = vision.HiddenSize, side = vision.ImageSize / vision.PatchSize, patches = side * side;
        var x = Patches(g, vision, names, patches);
        var images = g.Slice(g.Op("Shape", [x]), 0, 0, 1);
        var classToken = g.Op("Expand", [g.Weight(names.ClassEmbedding!, 1, 1, width), g.Op("Concat", [images, g.Ints(1, width)], GraphBuilder.Attr("axis", 0L))]);
        x = g.Op("Concat", [classToken, x], GraphBuilder.Attr("axis", 1L));
        x = g.Op("Add", [x, g.Weight(names.PositionEmbedding!, 1, patches + 1, width)]);
        var last = VisionBlocks.Build(g, g.Reshape(x, -1, width), vision, names, patches + 1);

        // Pixel shuffle: a square of merge x merge patches becomes one token, row-major in the square (specs: reference notes, section 8).
        long merge = vision.MergeSize, half = side / merge;
        var grid = g.Slice(g.Reshape(last, -1, patches + 1, width), 1, 1, patches + 1);
        grid = g.Reshape(grid, -1, half, merge, half, merge * width);
        grid = vision.TransposedShuffle ? g.Transpose(grid, 0, 3, 1, 2, 4) : g.Transpose(grid, 0, 1, 3, 2, 4);
        long merged = merge * merge * width;
        var normed = g.Norm(g.Reshape(grid, -1, merged), names.ProjectorNorm!, merged, ProjectorNormEps);
        long hidden = config.Language.HiddenSize;
        return (last, VisionBlocks.Projector(g, normed, names, merged, hidden, hidden));
    }

    private static (string Last, string Features) SigLip(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        long width = vision.HiddenSize, side = vision.ImageSize / vision.PatchSize, patches = side * side;
        var x = g.Op("Add", [Patches(g, vision, names, patches), g.Weight(names.PositionEmbedding!, patches, width)]);
        var last = VisionBlocks.Build(g, g.Reshape(x, -1, width), vision, names, patches);
        long hidden = config.Language.HiddenSize;
        return (last, VisionBlocks.Projector(g, last, names, width, hidden, hidden));
    }

    private static (string Last, string Features) Qwen2Vl(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        long width = vision.HiddenSize, d = width / vision.Heads;
        long patchValues = (long)vision.Channels * vision.TemporalPatchSize * vision.PatchSize * vision.PatchSize;
        var pixels = g.ToCompute(g.Input("pixel_values", E.Float, "patches", patchValues));
        var cos = g.ToCompute(g.Input("cos", E.Float, "patches", d / 2));
        var sin = g.ToCompute(g.Input("sin", E.Float, "patches", d / 2));
        var count = g.Op("Squeeze", [g.Slice(g.Op("Shape", [pixels]), 0, 0, 1)]);
        var rows = g.Op("Unsqueeze", [g.Op("Range", [g.IntScalar(0), count, g.IntScalar(1)]), g.Ints(0)]);
        var x = g.Linear(pixels, names.PatchEmbedding, width, patchValues);
        var last = VisionBlocks.Build(g, x, vision, names, -1, y => g.Contributed("RotaryEmbedding", [y, rows, cos, sin]));

        long merged = (long)vision.MergeSize * vision.MergeSize * width;
        var normed = g.Norm(last, names.ProjectorNorm!, width, vision.NormEps);
        return (last, VisionBlocks.Projector(g, g.Reshape(normed, -1, merged), names, merged, merged, config.Language.HiddenSize));
    }

    private static string Patches(GraphBuilder g, VisionConfig vision, VisionNames names, long patches)
    {
        long width = vision.HiddenSize, p = vision.PatchSize;
        var pixels = g.ToCompute(g.Input("pixel_values", E.Float, "tiles", vision.Channels, vision.ImageSize, vision.ImageSize));
        var weight = g.Weight(names.PatchEmbedding.Weight, width, vision.Channels, p, p);
        string[] operands = names.PatchEmbedding.Bias is { } bias ? [pixels, weight, g.Weight(bias, width)] : [pixels, weight];
        var conv = g.Op("Conv", operands, GraphBuilder.Attr("kernel_shape", p, p), GraphBuilder.Attr("strides", p, p));
        return g.Transpose(g.Reshape(conv, 0, width, patches), 0, 2, 1);
    }
}
