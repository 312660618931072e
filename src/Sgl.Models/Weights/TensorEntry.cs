namespace Sgl.Models;

/// <summary>Element types a checkpoint may hold.</summary>
public enum TensorDataType
{
    /// <summary>float32.</summary>
    Float32,

    /// <summary>float16.</summary>
    Float16,

    /// <summary>bfloat16.</summary>
    BFloat16,

    /// <summary>float64.</summary>
    Float64,

    /// <summary>int64.</summary>
    Int64,

    /// <summary>int32.</summary>
    Int32,

    /// <summary>uint8.</summary>
    UInt8,

    /// <summary>int8: quantised weights.</summary>
    Int8,

    /// <summary>float8 of 4 exponent bits, without infinity: quantised weights.</summary>
    Float8E4M3,

    /// <summary>bool.</summary>
    Bool,
}

/// <summary>Where a tensor lies in a safetensors file.</summary>
/// <param name="Name">Tensor name.</param>
/// <param name="DataType">Element type.</param>
/// <param name="Shape">Dimensions.</param>
/// <param name="File">File name inside the folder.</param>
/// <param name="Offset">First byte, from the start of the file.</param>
/// <param name="ByteLength">Length in bytes.</param>
public sealed record TensorEntry(string Name, TensorDataType DataType, IReadOnlyList<long> Shape, string File, long Offset, long ByteLength)
{
    /// <summary>Number of elements.</summary>
    public long ElementCount => Shape.Aggregate(1L, (a, b) => a * b);
}
