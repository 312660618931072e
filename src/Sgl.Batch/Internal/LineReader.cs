namespace Sgl.Batch.Internal;

/// <summary>A line of a file, without its end.</summary>
/// <param name="Number">1-based.</param>
/// <param name="Offset">Of its first byte.</param>
/// <param name="Bytes">Valid until the next line is asked for; null: longer than the limit.</param>
/// <param name="End">First byte behind it and its end.</param>
/// <param name="IsWhole">Whether it ends with a line feed.</param>
internal readonly record struct FileLine(int Number, long Offset, ReadOnlyMemory<byte>? Bytes, long End, bool IsWhole);

/// <summary>Reads a file line by line in a buffer that grows to the longest line, and no further than a limit.</summary>
internal sealed class LineReader(Stream file, int longest)
{
    private byte[] _buffer = new byte[64 << 10];

    public IEnumerable<FileLine> Lines()
    {
        var (number, offset, start, end) = (0, 0L, 0, 0);
        var tooLong = false;
        for (; ; )
        {
            var feed = _buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                yield return new FileLine(++number, offset, Trimmed(start, feed, tooLong), offset + feed + 1, IsWhole: true);
                (start, offset, tooLong) = (start + feed + 1, offset + feed + 1, false);
                continue;
            }

            if (end - start > longest)
            {
                tooLong = true;
                (offset, start, end) = (offset + (end - start), 0, 0);
            }

            Buffer.BlockCopy(_buffer, start, _buffer, 0, end - start);
            (start, end) = (0, end - start);
            if (end == _buffer.Length)
            {
                Array.Resize(ref _buffer, (int)Math.Min(_buffer.Length * 2L, longest + 1L));
            }

            var read = file.Read(_buffer, end, _buffer.Length - end);
            if (read == 0)
            {
                if (end > 0 || tooLong)
                {
                    yield return new FileLine(++number, offset, Trimmed(0, end, tooLong), offset + end, IsWhole: false);
                }

                yield break;
            }

            end += read;
        }
    }

    // Files come with a mark of UTF-8 and with Windows' ends of lines.
    private ReadOnlyMemory<byte>? Trimmed(int start, int length, bool tooLong)
    {
        if (tooLong || length > longest)
        {
            return null;
        }

        return ((ReadOnlyMemory<byte>)_buffer.AsMemory(start, length)).TrimEnd((byte)'\r');
    }
}
