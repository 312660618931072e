using System.Buffers.Binary;
using System.IO.Compression;
using Sgl.TestKit;

namespace Sgl.Fuzz;

/// <summary>PNG files that are small on the wire and large inside.</summary>
internal static class BadPictures
{
    /// <summary>Black, grey, 8 bit, of any sides.</summary>
    public static byte[] Png(int width, int height, int extraChunks = 0, long textBytes = 0)
    {
        using var file = new MemoryStream();
        file.Write(PngChunks.Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        header[8] = 8;
        PngChunks.Write(file, "IHDR"u8, header);
        for (var i = 0; i < extraChunks; i++)
        {
            PngChunks.Write(file, "tEXt"u8, "k\0v"u8);
        }

        if (textBytes > 0)
        {
            PngChunks.Write(file, "zTXt"u8, [.. "bomb\0\0"u8, .. Zeros(textBytes)]);
        }

        PngChunks.Write(file, "IDAT"u8, Zeros((width + 1L) * height));
        PngChunks.Write(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>The header of a picture, and nothing behind it.</summary>
    public static byte[] HeaderOnly(int width, int height) => Png(1, 1) is var small ? Claim(small, width, height) : small;

    /// <summary>Zeros as zlib packs them.</summary>
    public static byte[] Zeros(long count)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            Fill(zlib, count);
        }

        return packed.ToArray();
    }

    /// <summary>Zeros as gzip packs them.</summary>
    public static byte[] Gzip(long count)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            Fill(gzip, count);
        }

        return packed.ToArray();
    }

    private static byte[] Claim(byte[] png, int width, int height)
    {
        PngChunks.Claim(png, width, height);
        return png;
    }

    private static void Fill(Stream stream, long count)
    {
        var zeros = new byte[1 << 20];
        for (; count > 0; count -= zeros.Length)
        {
            stream.Write(zeros, 0, (int)Math.Min(zeros.Length, count));
        }
    }
}
