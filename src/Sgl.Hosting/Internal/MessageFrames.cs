using System.Buffers;
using System.Buffers.Binary;

namespace Sgl.Hosting.Internal;

/// <summary>Follows gRPC's frames (a flag, four bytes of length, the message) through a body that somebody else reads, and tells each one's length once.</summary>
internal sealed class MessageFrames
{
    private const int Header = 5;

    private long _consumed;
    private long _start;
    private long _end = -1;

    /// <summary>Bytes that have arrived.</summary>
    public long Arrived { get; private set; }

    /// <summary>Whether the client owes something: its first message, or the rest of one that has begun.</summary>
    public bool Owes => _start == 0 ? _end < 0 || Arrived < _end : Arrived > _start && (_end < 0 || Arrived < _end);

    /// <summary>Takes what is to be read now.</summary>
    /// <param name="buffer">Begins behind what was consumed.</param>
    /// <param name="begins">Gets the length of a message that begins, and whether it is compressed.</param>
    public void See(in ReadOnlySequence<byte> buffer, Action<long, bool> begins)
    {
        Arrived = Math.Max(Arrived, _consumed + buffer.Length);
        var at = _start - _consumed;
        if (_end >= 0 || at < 0 || buffer.Length - at < Header)
        {
            return;
        }

        Span<byte> header = stackalloc byte[Header];
        buffer.Slice(at, Header).CopyTo(header);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        _end = _start + Header + length;
        begins(length, header[0] != 0);
    }

    /// <summary>Notes that the reader has done with some bytes.</summary>
    public void Consume(long bytes)
    {
        _consumed += bytes;
        if (_end >= 0 && _consumed >= _end)
        {
            (_start, _end) = (_end, -1);
        }
    }
}
