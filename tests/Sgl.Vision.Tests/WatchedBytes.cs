using System.Buffers;

namespace Sgl.Vision.Tests;

/// <summary>A file that counts how often the decoder reads of it, and asks it to stop after a number of reads.</summary>
/// <param name="bytes">The file.</param>
/// <param name="reads">Stop is asked for at this read; the header takes one.</param>
/// <param name="stop">What is cancelled.</param>
internal sealed class WatchedBytes(byte[] bytes, int reads, CancellationTokenSource stop) : MemoryManager<byte>
{
    public int Reads { get; private set; }

    public override Span<byte> GetSpan()
    {
        Reads++;
        if (Reads == reads)
        {
            stop.Cancel();
        }

        return bytes;
    }

    public override MemoryHandle Pin(int elementIndex = 0) => bytes.AsMemory(elementIndex).Pin();

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
