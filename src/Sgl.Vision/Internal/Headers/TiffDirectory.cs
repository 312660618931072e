using System.Buffers.Binary;

namespace Sgl.Vision.Internal;

/// <summary>One directory of a TIFF structure, which is also what an EXIF block is. Reads within its bytes whatever they say.</summary>
internal readonly ref struct TiffDirectory
{
    private const int EntryBytes = 12;

    private readonly ReadOnlySpan<byte> _data;
    private readonly ReadOnlySpan<byte> _entries;
    private readonly bool _bigEndian;

    private TiffDirectory(ReadOnlySpan<byte> data, ReadOnlySpan<byte> entries, bool bigEndian, uint next)
    {
        _data = data;
        _entries = entries;
        _bigEndian = bigEndian;
        Next = next;
    }

    /// <summary>Offset of the next directory; 0: none.</summary>
    public uint Next { get; }

    /// <summary>The first directory.</summary>
    /// <param name="data">From the byte order mark on; offsets count from it.</param>
    /// <param name="directory">The directory.</param>
    /// <returns>False where there is none.</returns>
    public static bool TryFirst(ReadOnlySpan<byte> data, out TiffDirectory directory)
    {
        directory = default;
        if (data.Length < 8 || !(data.StartsWith("II*\0"u8) || data.StartsWith("MM\0*"u8)))
        {
            return false;
        }

        var bigEndian = data[0] == 'M';
        return TryAt(data, UInt32(data[4..], bigEndian), bigEndian, out directory);
    }

    /// <summary>The directory that follows this one.</summary>
    public bool TryNext(out TiffDirectory directory)
    {
        directory = default;
        return Next != 0 && TryAt(_data, Next, _bigEndian, out directory);
    }

    /// <summary>Number of values of a tag; 0 where it is missing.</summary>
    public long Count(ushort tag) => TryFind(tag, out var entry) ? UInt32(entry[4..], _bigEndian) : 0;

    /// <summary>One unsigned integer of a tag.</summary>
    /// <param name="tag">The tag.</param>
    /// <param name="fallback">Where it is missing or no unsigned integer.</param>
    /// <param name="index">Which of its values.</param>
    public long Value(ushort tag, long fallback, int index = 0)
    {
        if (!TryFind(tag, out var entry) || (uint)index >= UInt32(entry[4..], _bigEndian))
        {
            return fallback;
        }

        var size = SizeOf(UInt16(entry[2..], _bigEndian));
        if (size == 0)
        {
            return fallback;
        }

        // Up to four bytes stand in the entry itself.
        var total = (long)size * UInt32(entry[4..], _bigEndian);
        var at = total <= 4 ? 0L : UInt32(entry[8..], _bigEndian);
        var values = total <= 4 ? entry[8..] : _data;
        at += (long)index * size;
        if (at + size > values.Length)
        {
            return fallback;
        }

        var value = values[(int)at..];
        return size switch
        {
            1 => value[0],
            2 => UInt16(value, _bigEndian),
            _ => UInt32(value, _bigEndian),
        };
    }

    /// <summary>Whether all values of a tag of bytes or integers lie in the file; true where it is missing.</summary>
    public bool IsWhole(ushort tag)
    {
        if (!TryFind(tag, out var entry))
        {
            return true;
        }

        var total = Math.Max(1L, SizeOf(UInt16(entry[2..], _bigEndian))) * UInt32(entry[4..], _bigEndian);
        return total <= 4 || UInt32(entry[8..], _bigEndian) + total <= _data.Length;
    }

    /// <summary>Bytes of a value; 0 for types that are no unsigned integer. Signed and undefined bytes are read as what they are.</summary>
    private static int SizeOf(ushort type) => type switch
    {
        1 or 6 or 7 => 1,
        3 => 2,
        4 => 4,
        _ => 0,
    };

    private static bool TryAt(ReadOnlySpan<byte> data, uint offset, bool bigEndian, out TiffDirectory directory)
    {
        directory = default;
        if (offset < 8 || offset > data.Length - 2)
        {
            return false;
        }

        var entries = UInt16(data[(int)offset..], bigEndian);
        var begin = (int)offset + 2;
        var length = entries * EntryBytes;
        if (length > data.Length - begin)
        {
            return false;
        }

        var next = data.Length - begin - length >= 4 ? UInt32(data[(begin + length)..], bigEndian) : 0;
        directory = new TiffDirectory(data, data.Slice(begin, length), bigEndian, next);
        return true;
    }

    private static ushort UInt16(ReadOnlySpan<byte> data, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(data) : BinaryPrimitives.ReadUInt16LittleEndian(data);

    private static uint UInt32(ReadOnlySpan<byte> data, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(data) : BinaryPrimitives.ReadUInt32LittleEndian(data);

    private bool TryFind(ushort tag, out ReadOnlySpan<byte> entry)
    {
        for (var at = 0; at < _entries.Length; at += EntryBytes)
        {
            if (UInt16(_entries[at..], _bigEndian) == tag)
            {
                entry = _entries.Slice(at, EntryBytes);
                return true;
            }
        }

        entry = default;
        return false;
    }
}
