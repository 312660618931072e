namespace Sgl.Models.Graphs;

/// <summary>
/// Which results a 16-bit arithmetic stores in its type: those of every operator between whose ends a graph computes in it. What is computed inside one operator (sums of products, statistics of
/// norms, the weights of attention) is in float32 on GPUs too, but for attention's weights, which some kernels round once more.
/// </summary>
internal static class ResultRounding
{
    private static readonly int[] First = [0];
    private static readonly int[] NormedAndSum = [0, 3];

    /// <summary>Numbers of the outputs of an operator that are rounded; none: it only moves values, or is not in the compute type.</summary>
    public static int[] OutputsOf(string type) => type switch
    {
        "SkipSimplifiedLayerNormalization" => NormedAndSum,
        "Add" or "Gelu" or "Gemm" or "GroupQueryAttention" or "LayerNormalization" or "MatMulNBits" or "Mul" or "MultiHeadAttention" or "QuickGelu" or "RotaryEmbedding"
            or "SimplifiedLayerNormalization" => First,
        _ => [],
    };
}
