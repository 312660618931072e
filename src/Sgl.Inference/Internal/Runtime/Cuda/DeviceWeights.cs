using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>
/// Weights in the memory of one GPU, one copy for all sessions of that GPU. The runtime takes them as they lie there, and neither copies nor packs them.
/// </summary>
internal sealed class DeviceWeights(DeviceId device) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<DeviceBuffer>> _buffers = new(StringComparer.Ordinal);

    /// <summary>Bytes of all weights that are there.</summary>
    public long Bytes => _buffers.Values.Where(b => b.IsValueCreated).Sum(b => b.Value.ByteLength);

    /// <summary>A tensor over a weight; the caller disposes the value, the memory stays.</summary>
    /// <param name="key">Name and type.</param>
    /// <param name="element">Type.</param>
    /// <param name="shape">Shape.</param>
    /// <param name="bytes">Length.</param>
    /// <param name="part">What of the model it belongs to, told where there is not enough memory.</param>
    /// <param name="source">Where it is in the system's memory; whoever copies it first disposes what that needed.</param>
    public OrtValue Get(string key, TensorElementType element, long[] shape, long bytes, string part, Func<(nint Pointer, IDisposable? Owner)> source)
    {
        var buffer = _buffers.GetOrAdd(key, _ => new Lazy<DeviceBuffer>(() => Upload(bytes, part, source))).Value;
        return OrtValue.CreateTensorValueWithData(CudaDevice.Of(device).Memory, element, shape, buffer.Pointer, bytes);
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers.Values.Where(b => b.IsValueCreated))
        {
            buffer.Value.Dispose();
        }
    }

    private DeviceBuffer Upload(long bytes, string part, Func<(nint Pointer, IDisposable? Owner)> source)
    {
        var buffer = new DeviceBuffer(device, bytes, part);
        try
        {
            var (pointer, owner) = source();
            using (owner)
            {
                buffer.Write(0, pointer, bytes);
            }

            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }
}
