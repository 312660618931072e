using Sgl.Models.Graphs;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models;

/// <summary>
/// A run of consecutive decoder layers: hidden rows in, hidden rows out, KV caches updated in place.
/// One graph serves prefill (batch 1, S rows, empty cache), a chunk behind a cache (batch 1) and decode (batch B, one row each).
/// </summary>
/// <remarks>
/// Inputs: <c>hidden</c> float32 [B, S, hidden]; <c>cos</c>, <c>sin</c> float32 [P, d/2] with <c>rope_rows</c> int64 [B, S] into them;
/// <c>seqlens_k</c> int32 [B] = entries after this step - 1; <c>total_length</c> int32 [1] = the largest number of entries after this step;
/// <c>deepstack.i</c> float32 [R, hidden], for each of the first layers that has one: what is added to the rows behind layer i, R = S, or 1 for all rows;
/// <c>past_key.i</c>, <c>past_value.i</c> compute type [B, kv, capacity, d], bound to the same memory as <c>present_*.i</c>.
/// With importance of chosen rows: <c>importance_rows</c> int64 [R] rows of S whose attention counts, <c>importance_limit</c> int64 [B, R] the last key each may see,
/// <c>importance_weight</c> float32 [G, R] which row belongs to which of G groups; output <c>importance</c> float32 [layers, B, G, T], T = total_length:
/// attention weights (softmax in float32) summed over heads and weighted rows, per key. The full S x T map is never formed.
/// With importance of the decode row: S = 1, no more inputs, the same output with G = 1.
/// With rows on the device nothing that is as long as a prompt crosses between system and GPU: <c>rows</c> compute type [N, hidden] and <c>take</c> int64 [B, S], which of them run (pruning is
/// this), stand for <c>hidden</c>, <c>rows_out</c> compute type [B * S, hidden] for <c>hidden_out</c>, DeepStack is in the compute type, <c>importance_weight</c> is [B, 1, R], and instead of
/// <c>importance</c> there are <c>sums</c> and <c>sums_out</c> float32 [B, layers, capacity], bound to the same memory: attention is added to what is there.
/// </remarks>
public static class DecoderStageGraph
{
    private const int HeadDimMultiple = 8;
    private const long AfterSoftmax = 2;

    /// <summary>d in the KV cache: the attention operator takes multiples of 8 only, so other head widths are filled up with zeros.</summary>
    /// <param name="config">Decoder configuration.</param>
    public static int CacheHeadDim(LanguageModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return (config.HeadDim + HeadDimMultiple - 1) / HeadDimMultiple * HeadDimMultiple;
    }

    /// <summary>Name of the input that is added behind a layer below <see cref="LanguageModelConfig.DeepStackLayers"/>.</summary>
    /// <param name="layer">The layer.</param>
    public static string DeepStackInput(int layer) => $"deepstack.{layer}";

    /// <summary>Builds the graph of layers <paramref name="firstLayer"/>..<paramref name="lastLayer"/> (inclusive).</summary>
    /// <param name="config">Decoder configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="firstLayer">First layer, 0-based.</param>
    /// <param name="lastLayer">Last layer, inclusive.</param>
    /// <param name="importance">Whether and how the graph yields importance.</param>
    /// <param name="arithmetic">Compute type, and formats of the linear layers.</param>
    /// <param name="rowsOnDevice">Whether hidden rows and attention sums stay in the device's memory.</param>
    public static ComputeGraph Build(
        LanguageModelConfig config, DecoderNames names, int firstLayer, int lastLayer, ImportanceOutput importance, GraphArithmetic arithmetic, bool rowsOnDevice = false)
    {
        var g = new GraphBuilder($"layers {firstLayer}-{lastLayer}", arithmetic);
        string residual, batchAndRows;
        if (rowsOnDevice)
        {
            var rowsIn = g.Input("rows", g.ComputeElement, "N", config.HiddenSize);
            batchAndRows = g.Input("take", E.Int64, "B", "S");
            residual = g.Op("Gather", [rowsIn, g.Reshape(batchAndRows, -1)], GraphBuilder.Attr("axis", 0L));
        }
        else
        {
            batchAndRows = g.Input("hidden", E.Float, "B", "S", config.HiddenSize);
            residual = g.Reshape(g.ToCompute(batchAndRows), -1, config.HiddenSize);
        }

        var half = config.HeadDim / 2;
        var cos = g.ToCompute(g.Input("cos", E.Float, "P", half));
        var sin = g.ToCompute(g.Input("sin", E.Float, "P", half));
        var rows = g.Input("rope_rows", E.Int64, "B", "S");
        var seqlens = g.Input("seqlens_k", E.Int32, "B");
        var total = g.Input("total_length", E.Int32, 1);
        var sums = importance == ImportanceOutput.ChosenRows ? new ChosenRowImportance(g, config, total, rowsOnDevice) : null;
        var step = importance == ImportanceOutput.DecodeRow ? new DecodeRowImportance(g) : null;

        var shape = g.Op("Shape", [batchAndRows], GraphBuilder.Attr("end", 2L));
        string Three(string x, long width) => g.Op("Reshape", [x, g.Op("Concat", [shape, g.Ints(width)], GraphBuilder.Attr("axis", 0L))]);

        string normed;
        if (firstLayer == 0)
        {
            normed = g.RmsNorm(residual, names.Layers[0].AttentionNorm, config.HiddenSize, config.RmsNormEps);
        }
        else
        {
            // Inside a stage this norm is fused with an addition, which rounds differently. With nothing to add, the fused operator gives the same
            // bits wherever the decoder is cut.
            var nothing = g.Op("ConstantOfShape", [g.Op("Shape", [residual])]);
            (normed, residual) = SkipNorm(g, g.ToCompute(nothing), residual, names.Layers[firstLayer].AttentionNorm, config);
        }

        for (var i = firstLayer; i <= lastLayer; i++)
        {
            var layer = names.Layers[i];
            var (q, k, v) = QkvProjection.Build(g, normed, config, layer);
            q = g.Contributed("RotaryEmbedding", [Three(q, config.Heads * config.HeadDim), rows, cos, sin]);
            k = g.Contributed("RotaryEmbedding", [Three(k, config.KvHeads * config.HeadDim), rows, cos, sin]);
            v = Three(v, config.KvHeads * config.HeadDim);
            (q, k, v) = (Widen(g, q, config, config.Heads), Widen(g, k, config, config.KvHeads), Widen(g, v, config, config.KvHeads));
            object[] cache = ["B", config.KvHeads, "capacity", CacheHeadDim(config)];
            var pastKey = g.Input($"past_key.{i}", g.ComputeElement, cache);
            var pastValue = g.Input($"past_value.{i}", g.ComputeElement, cache);
            string attended = g.NewValue(), probabilities = step is null ? "" : g.NewValue();
            string presentKey = $"present_key.{i}", presentValue = $"present_value.{i}";
            g.AddContributed(
                "GroupQueryAttention",
                [q, k, v, pastKey, pastValue, seqlens, total],
                step is null ? [attended, presentKey, presentValue] : [attended, presentKey, presentValue, probabilities],
                GraphBuilder.Attr("num_heads", config.Heads),
                GraphBuilder.Attr("kv_num_heads", config.KvHeads),
                GraphBuilder.Attr("scale", 1f / MathF.Sqrt(config.HeadDim)),
                GraphBuilder.Attr("do_rotary", 0L),
                GraphBuilder.Attr("qk_output", step is null ? 0L : AfterSoftmax));
            g.Output(presentKey, presentKey, g.ComputeElement, cache);
            g.Output(presentValue, presentValue, g.ComputeElement, cache);
            sums?.Add(q, presentKey);
            step?.Add(probabilities);

            var output = g.Linear(g.Reshape(Narrow(g, attended, config), -1, config.Heads * config.HeadDim), layer.Output, config.HiddenSize, config.Heads * config.HeadDim);
            (normed, residual) = SkipNorm(g, output, residual, layer.MlpNorm, config);
            var mlp = g.Linear(SwiGlu(g, normed, config, layer.GateUp), layer.Down, config.HiddenSize, config.IntermediateSize);
            if (i < config.DeepStackLayers)
            {
                mlp = g.Op("Add", [mlp, rowsOnDevice ? g.Input(DeepStackInput(i), g.ComputeElement, "R", config.HiddenSize) : g.ToCompute(g.Input(DeepStackInput(i), E.Float, "R", config.HiddenSize))]);
            }

            if (i == lastLayer)
            {
                residual = g.Op("Add", [residual, mlp]);
            }
            else
            {
                (normed, residual) = SkipNorm(g, mlp, residual, names.Layers[i + 1].AttentionNorm, config);
            }
        }

        if (rowsOnDevice)
        {
            g.Output(residual, "rows_out", g.ComputeElement, "M", config.HiddenSize);
        }
        else
        {
            g.Output(g.ToFloat(Three(residual, config.HiddenSize)), "hidden_out", E.Float, "B", "S", config.HiddenSize);
        }

        sums?.Finish();
        step?.Finish();
        return g.Build();
    }

    private static (string Normed, string Sum) SkipNorm(GraphBuilder g, string x, string skip, string weight, LanguageModelConfig config)
    {
        string normed = g.NewValue(), sum = g.NewValue();
        g.AddContributed(
            "SkipSimplifiedLayerNormalization",
            [x, skip, g.Weight(weight, config.HiddenSize)],
            [normed, "", "", sum],
            GraphBuilder.Attr("epsilon", config.RmsNormEps));
        return (normed, sum);
    }

    /// <summary>[B, S, heads * d] with zeros behind each head's d values, so that dot products stay the same.</summary>
    private static string Widen(GraphBuilder g, string x, LanguageModelConfig config, int heads)
    {
        var fill = CacheHeadDim(config) - config.HeadDim;
        if (fill == 0)
        {
            return x;
        }

        var split = g.Reshape(x, 0, 0, heads, config.HeadDim);
        return g.Reshape(g.ComputeElement == E.Float ? g.Op("Pad", [split, g.Ints(0, 0, 0, 0, 0, 0, 0, fill)]) : g.Op("Concat", [split, Zeros()], GraphBuilder.Attr("axis", -1L)), 0, 0, heads * CacheHeadDim(config));

        // Nobody pads bfloat16.
        string Zeros() => g.ToCompute(g.Op("ConstantOfShape", [g.Op("Concat", [g.Slice(g.Op("Shape", [split]), 0, 0, 3), g.Ints(fill)], GraphBuilder.Attr("axis", 0L))]));
    }

    private static string Narrow(GraphBuilder g, string x, LanguageModelConfig config) => CacheHeadDim(config) == config.HeadDim
        ? x
        : g.Slice(g.Reshape(x, 0, 0, config.Heads, CacheHeadDim(config)), 3, 0, config.HeadDim);

    private static string SwiGlu(GraphBuilder g, string x, LanguageModelConfig config, GateUpNames names)
    {
        long width = config.IntermediateSize;
        string gate, up;
        switch (names)
        {
            case GateUpNames.Separate s:
                var two = g.Linears(x, config.HiddenSize, (s.Gate, width), (s.Up, width));
                (gate, up) = (two[0], two[1]);
                break;
            case GateUpNames.Concatenated c:
                var both = g.Split(g.Linear(x, c.GateUp, 2 * width, config.HiddenSize), width, width);
                (gate, up) = (both[0], both[1]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(names));
        }

        return g.Op("Mul", [g.Silu(gate), up]);
    }
}
