namespace Sgl.Inference;

/// <summary>Arithmetic of linear layers on CPUs; on GPUs how many bits their weights have.</summary>
public enum WeightPrecision
{
    /// <summary>8 bits where a file stores 16-bit types and the decoder is wide enough to gain from it, float32 otherwise.</summary>
    Auto,

    /// <summary>float32.</summary>
    Float32,

    /// <summary>8 bits, but for matrices that rounding changes too much.</summary>
    Int8,

    /// <summary>The decoder's layers in blocks of 4 bits, head and tower as by <see cref="Int8"/>: less memory, faster decoding, slower prefill, larger errors.</summary>
    Int4,
}

/// <summary>What the linear layers of a loaded model compute with.</summary>
public sealed record WeightSummary
{
    /// <summary><c>float32</c>, <c>int8</c>, <c>int4</c>, <c>float16</c> or <c>bfloat16</c>: what most parameters of the decoder's linear layers are in.</summary>
    public required string Kind { get; init; }

    /// <summary>Bits of an 8-bit weight that are used: 8, or 7 on processors whose products saturate; 0 without any.</summary>
    public int Bits { get; init; }

    /// <summary>Linear layers rounded to, or stored in, 8 bits.</summary>
    public int RowWise8 { get; init; }

    /// <summary>Linear layers rounded to, or stored in, 4 bits.</summary>
    public int Blocks4 { get; init; }

    /// <summary>Linear layers in the compute type.</summary>
    public int Plain { get; init; }

    /// <summary>Layers that were to be rounded to fewer bits than they are, since that changes them too much.</summary>
    public int Sensitive { get; init; }

    /// <summary>Bytes of all weights as computed with: packed codes, scales, tensors in the compute type.</summary>
    public required long Bytes { get; init; }

    /// <summary>Why this kind was chosen.</summary>
    public required string Reason { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Kind}{(Bits is 7 ? " (7 bits used)" : "")}: {RowWise8} layers in 8 bits, {Blocks4} in 4, {Plain} plain, {Sensitive} too sensitive for fewer bits; {Reason}";
}
