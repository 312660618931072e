using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>
/// The small inputs of all runs of a step, side by side, so that they reach the GPU in one copy: first everything is written, then <see cref="Upload"/>, then tensors over it are made.
/// </summary>
internal sealed class DeviceInputs(CudaDevice device, ComputeType type) : IDisposable
{
    private const int Alignment = 256;

    private readonly List<OrtValue> _values = [];
    private NativeBuffer _host = new(1 << 16);
    private DeviceBuffer? _onDevice;
    private long _used;

    /// <summary>Where they are in the GPU's memory; moves when more is needed.</summary>
    public nint Address => _onDevice!.Pointer;

    /// <summary>Forgets the last step's.</summary>
    public void Begin()
    {
        foreach (var value in _values)
        {
            value.Dispose();
        }

        _values.Clear();
        _used = 0;
    }

    /// <summary>Makes room for values; the memory is the caller's to fill before the next call.</summary>
    public Placed Add<T>(int count, out Span<T> values)
        where T : unmanaged
    {
        var at = (_used + Alignment - 1) / Alignment * Alignment;
        var bytes = (long)count * Marshal.SizeOf<T>();
        Reserve(at + bytes);
        values = _host.Span<T>(at, count);
        _used = at + bytes;
        return new Placed(at, bytes, Element<T>());
    }

    /// <summary>Makes room for two arrays of the same length, to be filled together.</summary>
    public (Placed First, Placed Second) AddTwo<T>(int count, out Span<T> first, out Span<T> second)
        where T : unmanaged
    {
        var bytes = (((long)count * Marshal.SizeOf<T>()) + Alignment) / Alignment * Alignment;
        Reserve(_used + Alignment + (2 * bytes));
        return (Add(count, out first), Add(count, out second));
    }

    /// <summary>One value.</summary>
    public Placed Add<T>(T value)
        where T : unmanaged
    {
        var placed = Add<T>(1, out var values);
        values[0] = value;
        return placed;
    }

    /// <summary>A copy.</summary>
    public Placed Copy<T>(ReadOnlySpan<T> source)
        where T : unmanaged
    {
        var placed = Add<T>(source.Length, out var values);
        source.CopyTo(values);
        return placed;
    }

    /// <summary>0, 1, 2, ...</summary>
    public Placed Numbers(int count)
    {
        var placed = Add<long>(count, out var numbers);
        for (var i = 0; i < count; i++)
        {
            numbers[i] = i;
        }

        return placed;
    }

    /// <summary>Rows in the GPU's compute type.</summary>
    public Placed Rows(ReadOnlySpan<float> rows)
    {
        var placed = Add<ushort>(rows.Length, out var narrow);
        HalfPrecision.Narrow(rows, narrow, type);
        return placed with { Element = WeightProvider.ElementType(type) };
    }

    /// <summary>Copies everything to the GPU.</summary>
    public void Upload()
    {
        if (_onDevice is null || _onDevice.ByteLength < _used)
        {
            var old = _onDevice;
            _onDevice = new DeviceBuffer(device.Id, Math.Max(_used, 2 * (old?.ByteLength ?? 0)), "inputs");
            old?.Dispose();
        }

        device.Copy(_onDevice.Pointer, _host.Pointer, _used, CudaRuntime.Copy.ToDevice);
    }

    /// <summary>A tensor over what was added, valid until <see cref="Begin"/>.</summary>
    public OrtValue Tensor(Placed placed, params long[] shape)
    {
        var value = OrtValue.CreateTensorValueWithData(device.Memory, placed.Element, shape, _onDevice!.Pointer + (nint)placed.Offset, placed.Bytes);
        return Own(value);
    }

    /// <summary>Disposes a value with the step's own.</summary>
    public OrtValue Own(OrtValue value)
    {
        _values.Add(value);
        return value;
    }

    public void Dispose()
    {
        Begin();
        _host.Dispose();
        _onDevice?.Dispose();
    }

    private static TensorElementType Element<T>() =>
        typeof(T) == typeof(float) ? TensorElementType.Float
        : typeof(T) == typeof(long) ? TensorElementType.Int64
        : typeof(T) == typeof(int) ? TensorElementType.Int32
        : typeof(T) == typeof(ushort) ? TensorElementType.UInt16
        : throw new NotSupportedException(typeof(T).Name);

    private void Reserve(long bytes)
    {
        if (_host.ByteLength < bytes)
        {
            var old = _host;
            _host = new NativeBuffer(Math.Max(bytes, 2 * old.ByteLength));
            for (long at = 0; at < _used; at += 1 << 30)
            {
                var count = (int)Math.Min(1 << 30, _used - at);
                old.Span<byte>(at, count).CopyTo(_host.Span<byte>(at, count));
            }

            old.Dispose();
        }
    }
}

/// <summary>Where an input of a step lies.</summary>
internal readonly record struct Placed(long Offset, long Bytes, TensorElementType Element);
