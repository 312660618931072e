using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>Hidden rows in a GPU's memory, [rows, width] in its compute type. Everything happens in the order of its stream.</summary>
internal sealed class DeviceRows(CudaDevice device, int width, ComputeType type) : IDisposable
{
    private DeviceBuffer? _buffer;

    /// <summary>Whose memory.</summary>
    public CudaDevice Device => device;

    /// <summary>Where they are; moves when more is needed.</summary>
    public nint Address => _buffer!.Pointer;

    /// <summary>Rows that it has room for.</summary>
    public int Capacity { get; private set; }

    private long RowBytes => (long)width * WeightProvider.ElementSize(type);

    /// <summary>Makes room.</summary>
    /// <param name="rows">So many rows in all.</param>
    /// <param name="kept">Rows from the first whose contents stay.</param>
    public void Reserve(int rows, int kept = 0)
    {
        if (rows <= Capacity)
        {
            return;
        }

        rows = Math.Max(rows, Capacity + (Capacity / 2));
        var next = new DeviceBuffer(device.Id, rows * RowBytes, "hidden rows");
        if (kept > 0)
        {
            device.Copy(next.Pointer, _buffer!.Pointer, kept * RowBytes, CudaRuntime.Copy.OnDevice);
        }

        // Freeing waits until nobody reads it any more.
        _buffer?.Dispose();
        (_buffer, Capacity) = (next, rows);
    }

    /// <summary>A tensor over consecutive rows; the caller disposes it.</summary>
    public OrtValue Tensor(int first, int count) => OrtValue.CreateTensorValueWithData(
        device.Memory, WeightProvider.ElementType(type), [count, width], _buffer!.Pointer + (nint)(first * RowBytes), count * RowBytes);

    /// <summary>Takes rows over from another place on the same GPU.</summary>
    public void Write(int at, DeviceRows source, int first, int count) =>
        device.Copy(_buffer!.Pointer + (nint)(at * RowBytes), source._buffer!.Pointer + (nint)(first * RowBytes), count * RowBytes, CudaRuntime.Copy.OnDevice);

    /// <summary>Reads rows, and waits for them.</summary>
    /// <param name="first">First row.</param>
    /// <param name="target">[rows, width].</param>
    public unsafe void Read(int first, Span<float> target)
    {
        var values = new ushort[target.Length];
        fixed (ushort* at = values)
        {
            device.Copy((nint)at, _buffer!.Pointer + (nint)(first * RowBytes), (long)values.Length * sizeof(ushort), CudaRuntime.Copy.ToHost);
            device.Wait();
        }

        HalfPrecision.Widen(values, target, type);
    }

    public void Dispose() => _buffer?.Dispose();
}
