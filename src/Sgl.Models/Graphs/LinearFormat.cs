namespace Sgl.Models;

/// <summary>How a linear layer's matrix is handed over and multiplied.</summary>
public enum LinearKind
{
    /// <summary>The matrix [out, in] in the graph's compute type.</summary>
    Plain,

    /// <summary>
    /// Row-wise W8A8: int8 [in, out] with one float32 scale per output, activations rounded to 8 bits with one scale per row while running.
    /// CPU, float32 only.
    /// </summary>
    RowWise8,

    /// <summary>4-bit blocks along the inputs with a scale and a zero point each.</summary>
    Blocks4,

    /// <summary>8-bit blocks along the inputs with a scale each, codes around 128.</summary>
    Blocks8,
}

/// <summary>Kind and layout of a linear layer's matrix.</summary>
/// <param name="Kind">Kind.</param>
public sealed record LinearFormat(LinearKind Kind)
{
    /// <summary>The stored matrix, as it is.</summary>
    public static LinearFormat Plain { get; } = new(LinearKind.Plain);

    /// <summary>
    /// <see cref="LinearKind.RowWise8"/> as uint8 around 128 instead of int8: for weights of full 8 bits on processors whose int8 products saturate.
    /// </summary>
    public bool Unsigned { get; init; }

    /// <summary>Inputs that share a scale, of blocks: a power of two from 16 on; GPUs take up to 128.</summary>
    public int BlockSize { get; init; }

    /// <summary>
    /// Of blocks: whether inputs stay in the compute type and each matrix is a product of its own, as GPUs take them: their kernels unpack what they multiply with, and several matrices
    /// in one product would only have to be cut apart again. Otherwise inputs are rounded to 8 bits while running, which CPUs multiply fastest.
    /// </summary>
    public bool KeepsInputs { get; init; }

    /// <summary>Whether the inputs are reordered first, so that those of a block stand together (GPTQ's act-order).</summary>
    public bool Reordered { get; init; }
}

/// <summary>Compute type of a graph, and the format of each of its linear layers.</summary>
/// <param name="type">Element type of activations and of everything that is not a linear layer's matrix.</param>
/// <param name="formats">Format by the weight tensor's name; null: all plain.</param>
public sealed class GraphArithmetic(ComputeType type, Func<string, LinearFormat>? formats = null)
{
    /// <summary>Element type of activations and of everything that is not a linear layer's matrix.</summary>
    public ComputeType Type => type;

    /// <summary>
    /// A 16-bit type that a float32 graph rounds its inputs and the results of its operators to, so that what this arithmetic does to a model shows on a processor that has no such kernels.
    /// Null: nothing is rounded.
    /// </summary>
    public ComputeType? RoundsTo { get; init; }

    /// <summary>Everything in one type.</summary>
    /// <param name="type">The type.</param>
    public static implicit operator GraphArithmetic(ComputeType type) => FromComputeType(type);

    /// <summary>Everything in one type.</summary>
    /// <param name="type">The type.</param>
    public static GraphArithmetic FromComputeType(ComputeType type) => new(type);

    /// <summary>Format of a linear layer.</summary>
    /// <param name="weight">Name of its weight tensor.</param>
    public LinearFormat FormatOf(string weight) => formats?.Invoke(weight) ?? LinearFormat.Plain;
}
