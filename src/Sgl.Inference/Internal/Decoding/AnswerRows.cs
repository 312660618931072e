using Sgl.Inference.Internal.Decoding.Devices;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The rows of a pass that predict the answer's ids: the prompt's last one, then those of the ids behind it. In the system's memory, or where the head is.</summary>
/// <param name="count">How many.</param>
/// <param name="width">Hidden width.</param>
/// <param name="device">The GPU's memory; null: the system's.</param>
internal sealed class AnswerRows(int count, int width, DeviceRows? device) : IDisposable
{
    private readonly float[] _host = device is null ? new float[count * width] : [];

    /// <summary>How many.</summary>
    public int Count => count;

    /// <summary>The GPU's memory; null: the system's.</summary>
    public DeviceRows? Device => device;

    /// <summary>Keeps consecutive rows of a chunk.</summary>
    public void Write(int at, ChunkRows chunk, int first, int rows)
    {
        if (device is null)
        {
            chunk.HiddenRows.Slice(first * width, rows * width).CopyTo(_host.AsSpan(at * width));
        }
        else
        {
            device.Reserve(count, 0);
            device.Write(at, chunk.Place ?? throw new InvalidOperationException("the chunk is not on the head's GPU"), first, rows);
        }
    }

    /// <summary>Copies rows out of the system's memory.</summary>
    public void CopyTo(int first, int rows, Span<float> target) => _host.AsSpan(first * width, rows * width).CopyTo(target);

    public void Dispose() => device?.Dispose();
}
