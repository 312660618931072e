using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// Weights for all graphs of one checkpoint. A tensor whose stored type is the compute type is used straight from the mapped file;
/// another is converted once and shared by every session that asks for it.
/// </summary>
internal sealed class WeightProvider(TensorStore store) : IDisposable
{
    private const int ChunkElements = 1 << 20;

    private readonly ConcurrentDictionary<(string Name, ComputeType Type), Lazy<NativeBuffer>> _converted = new();
    private readonly ConcurrentBag<OrtValue> _values = [];

    /// <summary>Bytes of converted copies.</summary>
    public long ConvertedBytes => _converted.Values.Where(v => v.IsValueCreated).Sum(v => v.Value.ByteLength);

    /// <summary>A tensor of the graph's shape over the weight; owned by this provider.</summary>
    public OrtValue Get(WeightBinding binding, ComputeType type)
    {
        var entry = store[binding.Name];
        var stored = entry.DataType switch
        {
            TensorDataType.Float32 => ComputeType.Float32,
            TensorDataType.Float16 => ComputeType.Float16,
            TensorDataType.BFloat16 => ComputeType.BFloat16,
            _ => (ComputeType?)null,
        };
        var pointer = stored == type
            ? store.Pointer(entry)
            : _converted.GetOrAdd((entry.Name, type), _ => new Lazy<NativeBuffer>(() => Convert(entry, type))).Value.Pointer;
        var value = OrtValue.CreateTensorValueWithData(
            OrtHost.Cpu, ElementType(type), [.. binding.Shape], pointer, entry.ElementCount * ElementSize(type));
        _values.Add(value);
        return value;
    }

    public static TensorElementType ElementType(ComputeType type) => type switch
    {
        ComputeType.Float32 => TensorElementType.Float,
        ComputeType.Float16 => TensorElementType.Float16,
        ComputeType.BFloat16 => TensorElementType.BFloat16,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    public static int ElementSize(ComputeType type) => type == ComputeType.Float32 ? 4 : 2;

    public void Dispose()
    {
        foreach (var value in _values)
        {
            value.Dispose();
        }

        foreach (var buffer in _converted.Values.Where(v => v.IsValueCreated))
        {
            buffer.Value.Dispose();
        }
    }

    private NativeBuffer Convert(TensorEntry entry, ComputeType type)
    {
        var size = ElementSize(type);
        var buffer = new NativeBuffer(entry.ElementCount * size);
        var chunk = type == ComputeType.Float32 ? null : new float[(int)Math.Min(ChunkElements, entry.ElementCount)];
        for (long first = 0; first < entry.ElementCount; first += ChunkElements)
        {
            var count = (int)Math.Min(ChunkElements, entry.ElementCount - first);
            if (chunk is null)
            {
                store.ReadFloat32(entry, first, buffer.Span<float>(first * size, count));
                continue;
            }

            var values = chunk.AsSpan(0, count);
            store.ReadFloat32(entry, first, values);
            var target = buffer.Span<ushort>(first * size, count);
            for (var i = 0; i < count; i++)
            {
                target[i] = type == ComputeType.Float16
                    ? BitConverter.HalfToUInt16Bits((Half)values[i])
                    : BFloat16Bits(values[i]);
            }
        }

        return buffer;
    }

    private static ushort BFloat16Bits(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        // Round to nearest even; a NaN keeps a set mantissa bit.
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
