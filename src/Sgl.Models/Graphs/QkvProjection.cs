namespace Sgl.Models.Graphs;

/// <summary>Query, key and value of a decoder layer from each stored layout, q and k normed per head where the layer does; [n, hidden] in, [n, heads * d] and [n, kv * d] out.</summary>
internal static class QkvProjection
{
    public static (string Query, string Key, string Value) Build(GraphBuilder g, string x, LanguageModelConfig config, DecoderLayerNames layer)
    {
        var (q, k, v) = Project(g, x, config, layer.Qkv);
        return (HeadNorm(g, q, layer.QueryNorm, config.Heads, config), HeadNorm(g, k, layer.KeyNorm, config.KvHeads, config), v);
    }

    private static string HeadNorm(GraphBuilder g, string x, string? norm, int heads, LanguageModelConfig config) => norm is null
        ? x
        : g.Reshape(g.RmsNorm(g.Reshape(x, -1, heads, config.HeadDim), norm, config.HeadDim, config.RmsNormEps), -1, (long)heads * config.HeadDim);

    private static (string Query, string Key, string Value) Project(GraphBuilder g, string x, LanguageModelConfig config, QkvNames names)
    {
        long hidden = config.HiddenSize, q = config.Heads * config.HeadDim, kv = config.KvHeads * config.HeadDim;
        switch (names)
        {
            case QkvNames.Separate s:
                var three = g.Linears(x, hidden, (s.Query, q), (s.Key, kv), (s.Value, kv));
                return (three[0], three[1], three[2]);
            case QkvNames.Concatenated c:
                var parts = g.Split(g.Linear(x, c.Qkv, q + (2 * kv), hidden), q, kv, kv);
                return (parts[0], parts[1], parts[2]);
            case QkvNames.Grouped p:
                // [n, kv, group + 2, d]: per key head its queries, then the key, then the value.
                long group = config.Heads / config.KvHeads;
                var all = g.Reshape(g.Linear(x, p.Qkv, q + (2 * kv), hidden), -1, config.KvHeads, group + 2, config.HeadDim);
                return (
                    g.Reshape(g.Slice(all, 2, 0, group), -1, q),
                    g.Reshape(g.Slice(all, 2, group, group + 1), -1, kv),
                    g.Reshape(g.Slice(all, 2, group + 1, group + 2), -1, kv));
            default:
                throw new ArgumentOutOfRangeException(nameof(names));
        }
    }
}
