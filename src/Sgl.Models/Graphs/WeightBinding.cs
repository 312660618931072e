namespace Sgl.Models;

/// <summary>What of a weight a graph asks for.</summary>
public enum WeightPart
{
    /// <summary>The tensor itself, in the graph's compute type.</summary>
    Tensor,

    /// <summary>Several one-dimensional tensors behind each other, in the graph's compute type.</summary>
    Joined,

    /// <summary>int8 values [in, out] of one or several linear layers with the same input, side by side.</summary>
    Int8Values,

    /// <summary>The same as uint8 around 128.</summary>
    UInt8Values,

    /// <summary>Their float32 scales [out].</summary>
    Int8Scales,

    /// <summary>4-bit blocks, uint8 [out, blocks, block size / 2], the low half first.</summary>
    Blocks4Values,

    /// <summary>Scales of blocks of 4 or 8 bits, [out * blocks], in the graph's compute type.</summary>
    BlockScales,

    /// <summary>Zero points, uint8 [out * ceil(blocks / 2)], the low half first.</summary>
    Blocks4ZeroPoints,

    /// <summary>8-bit blocks, uint8 around 128, [out, blocks, block size].</summary>
    Blocks8Values,

    /// <summary>int64 [in]: which input stands where.</summary>
    InputOrder,
}

/// <summary>A weight that a graph expects to be handed over before it runs.</summary>
/// <param name="Name">Initializer name in the graph; where <see cref="Part"/> is <see cref="WeightPart.Tensor"/> the tensor's name in the checkpoint.</param>
/// <param name="Shape">Shape in the graph; may be a reshape of the stored one.</param>
public sealed record WeightBinding(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>What is asked for.</summary>
    public WeightPart Part { get; init; }

    /// <summary>Names of the tensors it is made of: weights of linear layers, or for <see cref="WeightPart.Joined"/> the parts.</summary>
    public IReadOnlyList<string> Tensors { get; init; } = [Name];
}
