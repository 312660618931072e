using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs;

/// <summary>Attention of a decode step's row to every key, summed over heads, one vector per layer (eq. 5), from the fused attention's own probabilities.</summary>
internal sealed class DecodeRowImportance(GraphBuilder g)
{
    private readonly List<string> _perLayer = [];

    /// <summary>Adds one layer's probabilities [B, heads, 1, T].</summary>
    public void Add(string probabilities)
    {
        var perKey = g.Op("ReduceSum", [g.ToFloat(probabilities), g.Ints(1, 2)], GraphBuilder.Attr("keepdims", 0L));
        _perLayer.Add(g.Op("Unsqueeze", [perKey, g.Ints(0, 2)]));
    }

    /// <summary>Declares the output [layers, B, 1, T].</summary>
    public void Finish() => g.Output(
        g.Op("Concat", [.. _perLayer], GraphBuilder.Attr("axis", 0L)), "importance", E.Float, _perLayer.Count, "B", 1, "T");
}
