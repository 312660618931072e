using Sgl.Models.Graphs;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models;

/// <summary>Final RMSNorm and LM head: <c>hidden</c> float32 [n, hidden] in, <c>logits</c> float32 [n, vocabulary] out.</summary>
public static class HeadGraph
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">Decoder configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="arithmetic">Compute type, and formats of the linear layers.</param>
    public static ComputeGraph Build(LanguageModelConfig config, DecoderNames names, GraphArithmetic arithmetic)
    {
        var g = new GraphBuilder("head", arithmetic);
        var x = g.ToCompute(g.Input("hidden", E.Float, "n", config.HiddenSize));
        var normed = g.RmsNorm(x, names.FinalNorm, config.HiddenSize, config.RmsNormEps);
        var logits = g.Linear(normed, new LinearNames(names.Head), config.VocabularySize, config.HiddenSize);
        g.Output(g.ToFloat(logits), "logits", E.Float, "n", config.VocabularySize);
        return g.Build();
    }

    /// <summary>The same over rows in a device's memory: <c>rows</c> compute type [N, hidden] and <c>take</c> int64 [n], which of them, in; <c>logits</c> float32 [n, vocabulary] out.</summary>
    /// <param name="config">Decoder configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="arithmetic">Compute type, and formats of the linear layers.</param>
    public static ComputeGraph BuildOnDevice(LanguageModelConfig config, DecoderNames names, GraphArithmetic arithmetic)
    {
        var g = new GraphBuilder("head", arithmetic);
        g.Output(TakenLogits(g, config, names), "logits", E.Float, "n", config.VocabularySize);
        return g.Build();
    }

    /// <summary>
    /// What a greedy step needs of the logits: <c>rows</c>, <c>take</c> and <c>wanted</c> int64 [n], an id for each row, in; <c>choice</c> float32 [n, 4] out: the likeliest id below
    /// <paramref name="choosable"/>, its ln P, the entropy in nats, ln P of the wanted id. Ids are whole numbers below 2^24, which float32 holds.
    /// </summary>
    /// <param name="config">Decoder configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="arithmetic">Compute type, and formats of the linear layers.</param>
    /// <param name="choosable">Ids from this one on are padding rows of the embedding table.</param>
    public static ComputeGraph BuildChoice(LanguageModelConfig config, DecoderNames names, GraphArithmetic arithmetic, int choosable)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(config.VocabularySize, 1 << 24);
        var g = new GraphBuilder("greedy head", arithmetic);
        var logs = g.Op("LogSoftmax", [TakenLogits(g, config, names)], GraphBuilder.Attr("axis", -1L));
        var wanted = g.Op("GatherElements", [logs, g.Op("Unsqueeze", [g.Input("wanted", E.Int64, "n"), g.Ints(1)])], GraphBuilder.Attr("axis", 1L));
        var entropy = g.Op("Neg", [g.Op("ReduceSum", [g.Op("Mul", [g.Op("Exp", [logs]), logs]), g.Ints(1)], GraphBuilder.Attr("keepdims", 1L))]);
        string best = g.NewValue(), id = g.NewValue();
        g.Add("TopK", "", [choosable < config.VocabularySize ? g.Slice(logs, 1, 0, choosable) : logs, g.Ints(1)], [best, id], GraphBuilder.Attr("axis", -1L));
        g.Output(
            g.Op("Concat", [g.Op("Cast", [id], GraphBuilder.Attr("to", (long)E.Float)), best, entropy, wanted], GraphBuilder.Attr("axis", 1L)), "choice", E.Float, "n", 4);
        return g.Build();
    }

    private static string TakenLogits(GraphBuilder g, LanguageModelConfig config, DecoderNames names)
    {
        var rows = g.Op("Gather", [g.Input("rows", g.ComputeElement, "N", config.HiddenSize), g.Input("take", E.Int64, "n")], GraphBuilder.Attr("axis", 0L));
        var normed = g.RmsNorm(rows, names.FinalNorm, config.HiddenSize, config.RmsNormEps);
        return g.ToFloat(g.Linear(normed, new LinearNames(names.Head), config.VocabularySize, config.HiddenSize));
    }
}
