using Sgl.Models.Graphs;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models;

/// <summary>One linear layer alone: <c>x</c> float32 [n, in] in, <c>y</c> float32 [n, out] out. For measuring and checking formats.</summary>
public static class LinearGraph
{
    /// <summary>Builds the graph.</summary>
    /// <param name="names">Tensor names.</param>
    /// <param name="outputs">Rows of the matrix.</param>
    /// <param name="inputs">Columns of the matrix.</param>
    /// <param name="arithmetic">Compute type and format.</param>
    public static ComputeGraph Build(LinearNames names, int outputs, int inputs, GraphArithmetic arithmetic)
    {
        var g = new GraphBuilder("linear", arithmetic);
        var x = g.ToCompute(g.Input("x", E.Float, "n", inputs));
        g.Output(g.ToFloat(g.Linear(x, names, outputs, inputs)), "y", E.Float, "n", outputs);
        return g.Build();
    }
}
