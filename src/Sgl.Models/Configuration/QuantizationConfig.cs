namespace Sgl.Models;

/// <summary>Ways to store quantised weights that can be read.</summary>
public enum QuantizationMethod
{
    /// <summary>compressed-tensors: INT8 (W8A8), 4-bit groups (W4A16), FP8.</summary>
    CompressedTensors,

    /// <summary>AutoAWQ, 4 bits, layout of its GEMM kernels.</summary>
    Awq,

    /// <summary>GPTQ, 4 bits.</summary>
    Gptq,

    /// <summary>FP8 with one scale per matrix, row or block.</summary>
    Fp8,
}

/// <summary>What <c>quantization_config</c> says. Which layers are quantised shows in the tensors themselves.</summary>
/// <param name="Method">How.</param>
public sealed record QuantizationConfig(QuantizationMethod Method)
{
    /// <summary>Bits of a weight that is stored as a whole number, 8 or 4; null: as FP8, or nothing says so. Of several groups of layers the first counts.</summary>
    public int? Bits { get; init; }

    /// <summary>Inputs that share a scale; null: the whole row, or as many as the tensors' shapes say.</summary>
    public int? GroupSize { get; init; }

    /// <summary>GPTQ's first format stores each zero point minus 1.</summary>
    public bool ZerosMinusOne { get; init; }

    /// <summary>Rows and columns of an FP8 block that share a scale; null: other shapes.</summary>
    public (int Rows, int Columns)? Block { get; init; }
}
