using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs;

/// <summary>
/// Attention of chosen query rows to every key, summed over heads and weighted rows, one vector per layer (eq. 3 to 5):
/// softmax(q_rows K^T / sqrt(d)) beside the fused attention, whose own map stays hidden. Memory is heads x R x T, never S x T.
/// </summary>
internal sealed class ChosenRowImportance
{
    private readonly GraphBuilder _g;
    private readonly LanguageModelConfig _config;
    private readonly string _rows;
    private readonly string _weight;
    private readonly string? _total;
    private readonly string? _sums;
    private readonly string _mask;
    private readonly string _batch;
    private readonly List<string> _perLayer = [];

    /// <param name="g">Graph.</param>
    /// <param name="config">Decoder configuration.</param>
    /// <param name="totalLength">Keys that count.</param>
    /// <param name="addsToSums">Whether sums over the whole cache are added to, in the device's memory, instead of put out. Their length is known without asking the device.</param>
    public ChosenRowImportance(GraphBuilder g, LanguageModelConfig config, string totalLength, bool addsToSums = false)
    {
        _g = g;
        _config = config;
        _rows = g.Input("importance_rows", E.Int64, "R");
        var limit = g.Input("importance_limit", E.Int64, "B", "R");
        string length;
        if (addsToSums)
        {
            _weight = g.Input("importance_weight", E.Float, "B", 1, "R");
            _sums = g.Input("sums", E.Float, "B", "layers", "capacity");
            length = g.Slice(g.Op("Shape", [_sums]), 0, 2, 3);
        }
        else
        {
            _weight = g.Input("importance_weight", E.Float, "G", "R");
            length = _total = g.Op("Cast", [totalLength], GraphBuilder.Attr("to", (long)E.Int64));
        }

        var keys = g.Op("Range", [g.IntScalar(0), g.Op("Squeeze", [length]), g.IntScalar(1)]);
        var hidden = g.Op("Greater", [keys, g.Op("Unsqueeze", [limit, g.Ints(2)])]);
        // [B, 1, R, 1, T]. Masked scores are replaced, not added to: cache memory behind a shorter sequence may hold anything.
        _mask = g.Op("Unsqueeze", [hidden, g.Ints(1, 3)]);
        _batch = g.Op("Shape", [limit]);
    }

    /// <summary>Adds one layer: rotated queries [B, S, heads * d] and the cache's keys [B, kv, capacity, d], d as in the cache.</summary>
    public void Add(string query, string presentKey)
    {
        long kv = _config.KvHeads, group = _config.Heads / _config.KvHeads, d = DecoderStageGraph.CacheHeadDim(_config);
        var q = _g.Op("Gather", [query, _rows], GraphBuilder.Attr("axis", 1L));
        q = _g.Transpose(_g.Reshape(q, 0, 0, kv, group, d), 0, 2, 1, 3, 4);
        q = _g.Reshape(q, 0, kv, -1, d);
        var k = _total is null ? presentKey : _g.Op("Slice", [presentKey, _g.Ints(0), _total, _g.Ints(2)]);
        var scores = _g.Contributed(
            "FusedMatMul", [_g.ToFloat(q), _g.ToFloat(k)], GraphBuilder.Attr("transB", 1L), GraphBuilder.Attr("alpha", 1f / MathF.Sqrt(_config.HeadDim)));
        var five = _g.Op("Concat", [_g.Slice(_batch, 0, 0, 1), _g.Ints(kv), _g.Slice(_batch, 0, 1, 2), _g.Ints(group, -1)], GraphBuilder.Attr("axis", 0L));
        scores = _g.Op("Where", [_mask, _g.Float(-1e9f), _g.Op("Reshape", [scores, five])]);
        var probabilities = _g.Op("Softmax", [scores], GraphBuilder.Attr("axis", -1L));
        var perRow = _g.Op("ReduceSum", [probabilities, _g.Ints(1, 3)], GraphBuilder.Attr("keepdims", 0L));
        var weighted = _g.Op("MatMul", [_weight, perRow]);
        _perLayer.Add(_sums is null ? _g.Op("Unsqueeze", [weighted, _g.Ints(0)]) : weighted);
    }

    /// <summary>Declares the output.</summary>
    public void Finish()
    {
        if (_sums is null)
        {
            _g.Output(_g.Op("Concat", [.. _perLayer], GraphBuilder.Attr("axis", 0L)), "importance", E.Float, _perLayer.Count, "B", "G", "T");
        }
        else
        {
            var sum = _g.Op("Add", [_sums, _g.Op("Concat", [.. _perLayer], GraphBuilder.Attr("axis", 1L))]);
            _g.Output(sum, "sums_out", E.Float, "B", _perLayer.Count, "capacity");
        }
    }
}
