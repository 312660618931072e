using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>float32 to the 16-bit types of GPUs and back.</summary>
internal static class HalfPrecision
{
    /// <summary>Rounds to nearest, even on ties.</summary>
    public static void Narrow(ReadOnlySpan<float> values, Span<ushort> target, ComputeType type)
    {
        if (type == ComputeType.Float16)
        {
            TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<ushort, Half>(target));
            return;
        }

        for (var i = 0; i < values.Length; i++)
        {
            target[i] = BFloat16Bits(values[i]);
        }
    }

    /// <summary>Exact.</summary>
    public static void Widen(ReadOnlySpan<ushort> values, Span<float> target, ComputeType type)
    {
        if (type == ComputeType.Float16)
        {
            TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<ushort, Half>(values), target);
            return;
        }

        for (var i = 0; i < values.Length; i++)
        {
            target[i] = BitConverter.UInt32BitsToSingle((uint)values[i] << 16);
        }
    }

    /// <summary>Each value's nearest in the type.</summary>
    public static void Round(Span<float> values, ComputeType type)
    {
        Span<ushort> narrow = stackalloc ushort[512];
        for (var at = 0; at < values.Length; at += narrow.Length)
        {
            var some = values.Slice(at, Math.Min(narrow.Length, values.Length - at));
            Narrow(some, narrow[..some.Length], type);
            Widen(narrow[..some.Length], some, type);
        }
    }

    private static ushort BFloat16Bits(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        // Round to nearest even; a NaN keeps a set mantissa bit.
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
