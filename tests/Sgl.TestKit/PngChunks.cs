using System.Buffers.Binary;

namespace Sgl.TestKit;

/// <summary>Pieces of PNG files, for files that no encoder would write.</summary>
public static class PngChunks
{
    /// <summary>Eight bytes in front of the first chunk.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Length, type, data, checksum.</summary>
    public static void Write(Stream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        byte[] body = [.. type, .. data];
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        file.Write(number);
    }

    /// <summary>Changes the sides that a file's header claims.</summary>
    public static void Claim(byte[] file, int width, int height)
    {
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), Crc(file.AsSpan(12, 17)));
    }

    private static uint Crc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
            }
        }

        return ~crc;
    }
}
