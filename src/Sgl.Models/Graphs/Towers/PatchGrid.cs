using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs.Towers;

/// <summary>What the towers of the Qwen families share: one image as rows of patches in the order of the merge blocks, rotary positions, merger.</summary>
internal sealed class PatchGrid
{
    private readonly GraphBuilder _g;
    private readonly VisionConfig _vision;
    private readonly string _cos;
    private readonly string _sin;
    private readonly string _rows;

    /// <summary>Declares <c>pixel_values</c>, <c>cos</c> and <c>sin</c>, and embeds the patches.</summary>
    public PatchGrid(GraphBuilder g, VisionConfig vision, VisionNames names)
    {
        (_g, _vision) = (g, vision);
        long width = vision.HiddenSize, d = width / vision.Heads;
        long patchValues = (long)vision.Channels * vision.TemporalPatchSize * vision.PatchSize * vision.PatchSize;
        var pixels = g.ToCompute(g.Input("pixel_values", E.Float, "patches", patchValues));
        _cos = g.ToCompute(g.Input("cos", E.Float, "patches", d / 2));
        _sin = g.ToCompute(g.Input("sin", E.Float, "patches", d / 2));
        var count = g.Op("Squeeze", [g.Slice(g.Op("Shape", [pixels]), 0, 0, 1)]);
        _rows = g.Op("Unsqueeze", [g.Op("Range", [g.IntScalar(0), count, g.IntScalar(1)]), g.Ints(0)]);
        Patches = g.Linear(pixels, names.PatchEmbedding, width, patchValues);
    }

    /// <summary>Embedded patches, [patches, width].</summary>
    public string Patches { get; }

    /// <summary>Numbers of a merged token before its projection: merge * merge * width.</summary>
    public long Merged => (long)_vision.MergeSize * _vision.MergeSize * _vision.HiddenSize;

    /// <summary>cos and sin of an image's grid.</summary>
    public static IReadOnlyList<TowerInput> Inputs(VisionConfig config, (int T, int H, int W) grid)
    {
        var rotary = new VisionRotaryTable(config);
        long[] shape = [(long)grid.T * grid.H * grid.W, rotary.Width];
        var cos = new float[shape[0] * shape[1]];
        var sin = new float[cos.Length];
        rotary.Compute(grid, cos, sin);
        return [new TowerInput.Floats("cos", shape, cos), new TowerInput.Floats("sin", shape, sin)];
    }

    /// <summary>Attention of queries and keys that are turned by their patches' rows and columns.</summary>
    public Attention Rotated(Attention inner) => (q, k, v) => inner(Rotate(q), Rotate(k), v);

    /// <summary>Norm per patch, the patches of a merge block side by side, linear, GELU, linear: [tokens, hidden].</summary>
    public string Merge(string x, VlmConfig config, VisionNames names)
    {
        var normed = _g.Norm(x, names.ProjectorNorm!, _vision.HiddenSize, _vision.NormEps);
        return VisionBlocks.Projector(_g, _g.Reshape(normed, -1, Merged), names.Projector1, names.Projector2, Merged, Merged, config.Language.HiddenSize);
    }

    private string Rotate(string x) =>
        _g.Reshape(_g.Contributed("RotaryEmbedding", [_g.Reshape(x, 1, -1, _vision.HiddenSize), _rows, _cos, _sin]), -1, _vision.HiddenSize);
}
