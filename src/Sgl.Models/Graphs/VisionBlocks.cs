namespace Sgl.Models.Graphs;

/// <summary>The pre-norm transformer blocks that all vision towers share; activations are [n, width] between blocks.</summary>
internal static class VisionBlocks
{
    /// <summary>Runs all blocks.</summary>
    /// <param name="g">Graph.</param>
    /// <param name="x">[images * tokens, width].</param>
    /// <param name="config">Tower.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="tokens">Tokens per image, -1 when only the run knows.</param>
    /// <param name="rotate">Applies a rotary embedding to [images, tokens, width] queries and keys; null where positions are learned.</param>
    public static string Build(GraphBuilder g, string x, VisionConfig config, VisionNames names, long tokens, Func<string, string>? rotate = null)
    {
        long width = config.HiddenSize;
        foreach (var block in names.Blocks)
        {
            var (q, k, v) = Project(g, g.Norm(x, block.Norm1, width, config.NormEps), block, config);
            string Three(string y) => tokens < 0 ? g.Reshape(y, 1, -1, width) : g.Reshape(y, -1, tokens, width);
            (q, k, v) = (Three(q), Three(k), Three(v));
            if (rotate is not null)
            {
                (q, k) = (rotate(q), rotate(k));
            }

            var attended = g.Contributed("MultiHeadAttention", [q, k, v], GraphBuilder.Attr("num_heads", (long)config.Heads));
            var attention = g.Linear(g.Reshape(attended, -1, width), block.Output, width, width);
            x = g.Op("Add", [x, Scale(g, attention, block.LayerScale1, width)]);
            var inner = g.Activate(g.Linear(g.Norm(x, block.Norm2, width, config.NormEps), block.Fc1, config.IntermediateSize, width), config.Activation);
            x = g.Op("Add", [x, Scale(g, g.Linear(inner, block.Fc2, width, config.IntermediateSize), block.LayerScale2, width)]);
        }

        return x;
    }

    /// <summary>Linear, GELU (erf), linear: the projector behind every tower.</summary>
    public static string Projector(GraphBuilder g, string x, VisionNames names, long inputs, long inner, long outputs) =>
        g.Linear(g.Activate(g.Linear(x, names.Projector1, inner, inputs), ActivationKind.Gelu), names.Projector2, outputs, inner);

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
            block.QueryNorm is null ? q : g.RmsNorm(q, block.QueryNorm, width, config.NormEps),
            block.KeyNorm is null ? k : g.RmsNorm(k, block.KeyNorm, width, config.NormEps),
            v);
    }

    private static string Scale(GraphBuilder g, string x, string? scale, long width) =>
        scale is null ? x : g.Op("Mul", [x, g.Weight(scale, width)]);
}
