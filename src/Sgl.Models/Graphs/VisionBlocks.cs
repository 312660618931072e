namespace Sgl.Models.Graphs;

/// <summary>The pre-norm transformer blocks that all vision towers share; activations are [n, width] between blocks.</summary>
internal static class VisionBlocks
{
    /// <summary>Runs all blocks.</summary>
    /// <param name="g">Graph.</param>
    /// <param name="x">[n, width].</param>
    /// <param name="config">Tower.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="attention">Attention of the block of this number.</param>
    /// <param name="observe">Sees each block's number and output.</param>
    public static string Build(
        GraphBuilder g, string x, VisionConfig config, VisionNames names, Func<int, Attention> attention, Action<int, string>? observe = null)
    {
        long width = config.HiddenSize;
        for (var i = 0; i < names.Blocks.Count; i++)
        {
            var block = names.Blocks[i];
            var (q, k, v) = Project(g, g.Norm(x, block.Norm1, width, config.NormEps), block, config);
            var attended = g.Linear(attention(i)(q, k, v), block.Output, width, width);
            x = g.Op("Add", [x, Scale(g, attended, block.LayerScale1, width)]);
            var mlp = Mlp(g, g.Norm(x, block.Norm2, width, config.NormEps), block, config);
            x = g.Op("Add", [x, Scale(g, mlp, block.LayerScale2, width)]);
            observe?.Invoke(i, x);
        }

        return x;
    }

    /// <summary>Linear, GELU (erf), linear: the projector behind every tower.</summary>
    public static string Projector(GraphBuilder g, string x, LinearNames first, LinearNames second, long inputs, long inner, long outputs) =>
        g.Linear(g.Activate(g.Linear(x, first, inner, inputs), ActivationKind.Gelu), second, outputs, inner);

    private static string Mlp(GraphBuilder g, string x, VisionBlockNames block, VisionConfig config)
    {
        long width = config.HiddenSize, inner = config.IntermediateSize;
        string activated;
        if (block.Gate is null)
        {
            activated = g.Activate(g.Linear(x, block.Fc1, inner, width), config.Activation);
        }
        else
        {
            var two = g.Linears(x, width, (block.Gate, inner), (block.Fc1, inner));
            activated = g.Op("Mul", [g.Activate(two[0], config.Activation), two[1]]);
        }

        return g.Linear(activated, block.Fc2, width, inner);
    }

    private static (string Query, string Key, string Value) Project(GraphBuilder g, string x, VisionBlockNames block, VisionConfig config)
    {
        long width = config.HiddenSize;
        string q, k, v;
        switch (block.Qkv)
        {
            case VisionQkvNames.Packed p:
                var parts = g.Split(g.Linear(x, p.Qkv, 3 * width, width), width, width, width);
                (q, k, v) = (parts[0], parts[1], parts[2]);
                break;
            case VisionQkvNames.Separate s:
                var three = g.Linears(x, width, (s.Query, width), (s.Key, width), (s.Value, width));
                (q, k, v) = (three[0], three[1], three[2]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(block));
        }

        return (
            block.QueryNorm is null ? q : g.RmsNorm(q, block.QueryNorm, width, config.QkNormEps),
            block.KeyNorm is null ? k : g.RmsNorm(k, block.KeyNorm, width, config.QkNormEps),
            v);
    }

    private static string Scale(GraphBuilder g, string x, string? scale, long width) =>
        scale is null ? x : g.Op("Mul", [x, g.Weight(scale, width)]);
}
