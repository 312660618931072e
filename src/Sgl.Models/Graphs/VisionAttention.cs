namespace Sgl.Models.Graphs;

/// <summary>Attention of one vision block: queries, keys and values [n, width] to [n, width].</summary>
internal delegate string Attention(string query, string key, string value);

/// <summary>Which rows of a vision block attend to each other.</summary>
internal static class VisionAttention
{
    /// <summary>All rows of a tile, <paramref name="tokens"/> of them.</summary>
    public static Attention Tiles(GraphBuilder g, VisionConfig config, long tokens) =>
        (q, k, v) => Fused(g, config, g.Reshape(q, -1, tokens, config.HiddenSize), g.Reshape(k, -1, tokens, config.HiddenSize), g.Reshape(v, -1, tokens, config.HiddenSize));

    /// <summary>All rows.</summary>
    public static Attention Whole(GraphBuilder g, VisionConfig config) =>
        (q, k, v) => Fused(g, config, g.Reshape(q, 1, -1, config.HiddenSize), g.Reshape(k, 1, -1, config.HiddenSize), g.Reshape(v, 1, -1, config.HiddenSize));

    /// <summary>The rows of a window; see <see cref="VisionWindows"/>.</summary>
    /// <param name="g">Graph.</param>
    /// <param name="config">Tower.</param>
    /// <param name="rows">int64 [windows, longest].</param>
    /// <param name="lengths">int32 [windows].</param>
    /// <param name="slots">int64 [n].</param>
    public static Attention Windows(GraphBuilder g, VisionConfig config, string rows, string lengths, string slots)
    {
        string Window(string x) => g.Op("Gather", [x, rows], GraphBuilder.Attr("axis", 0L));
        return (q, k, v) => g.Op("Gather", [Fused(g, config, Window(q), Window(k), Window(v), "", lengths), slots], GraphBuilder.Attr("axis", 0L));
    }

    private static string Fused(GraphBuilder g, VisionConfig config, string q, string k, string v, params string[] mask) =>
        g.Reshape(g.Contributed("MultiHeadAttention", [q, k, v, .. mask], GraphBuilder.Attr("num_heads", (long)config.Heads)), -1, config.HiddenSize);
}
