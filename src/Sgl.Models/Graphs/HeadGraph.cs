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
}
