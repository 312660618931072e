using System.Buffers.Binary;
using System.IO.Compression;
using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>Writes 8-bit RGB PNG files.</summary>
public static class PngWriter
{
    /// <summary>The complete file.</summary>
    /// <param name="image">The image.</param>
    public static byte[] Encode(RgbImage image)
    {
        using var stream = new MemoryStream();
        Write(stream, image);
        return stream.ToArray();
    }

    /// <summary>Writes a file, replacing one that is there.</summary>
    /// <param name="path">Where.</param>
    /// <param name="image">The image.</param>
    public static void Write(string path, RgbImage image)
    {
        using var stream = File.Create(path);
        Write(stream, image);
    }

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="image">The image.</param>
    public static void Write(Stream stream, RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        stream.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);

        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Height);
        header[8] = 8; // bits a sample
        header[9] = 2; // RGB
        header[10..].Clear();
        WriteChunk(stream, "IHDR"u8, header);

        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            WriteRows(zlib, image);
        }

        WriteChunk(stream, "IDAT"u8, compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
        WriteChunk(stream, "IEND"u8, []);
    }

    /// <summary>Each row with the filter whose residuals are smallest in sum, the heuristic that the PNG standard recommends.</summary>
    private static void WriteRows(Stream zlib, RgbImage image)
    {
        var length = 3 * image.Width;
        var above = new byte[length];
        var candidate = new byte[length + 1];
        var best = new byte[length + 1];
        for (var y = 0; y < image.Height; y++)
        {
            var row = image.Row(y);
            var bestSum = long.MaxValue;
            for (byte filter = 0; filter < 5; filter++)
            {
                candidate[0] = filter;
                var sum = Filter(filter, row, above, candidate.AsSpan(1));
                if (sum < bestSum)
                {
                    bestSum = sum;
                    (best, candidate) = (candidate, best);
                }
            }

            zlib.Write(best);
            row.CopyTo(above);
        }
    }

    private static long Filter(byte filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> target)
    {
        var sum = 0L;
        for (var i = 0; i < row.Length; i++)
        {
            int left = i >= 3 ? row[i - 3] : 0, up = above[i], corner = i >= 3 ? above[i - 3] : 0;
            var predicted = filter switch
            {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                _ => Paeth(left, up, corner),
            };
            target[i] = (byte)(row[i] - predicted);
            sum += Math.Abs((int)(sbyte)target[i]);
        }

        return sum;
    }

    private static int Paeth(int left, int up, int corner)
    {
        var estimate = left + up - corner;
        int dLeft = Math.Abs(estimate - left), dUp = Math.Abs(estimate - up), dCorner = Math.Abs(estimate - corner);
        return dLeft <= dUp && dLeft <= dCorner ? left : dUp <= dCorner ? up : corner;
    }

    private static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(type);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Finish(Crc32.Append(Crc32.Append(Crc32.Start, type), data)));
        stream.Write(number);
    }
}
