using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Google.Protobuf;
using Sgl.Rendering;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.TestKit.Serving;

/// <summary>Good and bad images for requests.</summary>
public static class TestImages
{
    /// <summary>A picture with a gradient, as PNG.</summary>
    public static Wire.Image Png(int width, int height, string name = "")
    {
        var image = RgbImage.Create(width, height);
        for (var y = 0; y < height; y++)
        {
            var row = image.Row(y);
            for (var x = 0; x < width; x++)
            {
                row[3 * x] = (byte)(255 * x / width);
                row[(3 * x) + 1] = (byte)(255 * y / height);
                row[(3 * x) + 2] = (byte)((x ^ y) & 255);
            }
        }

        return Of(PngWriter.Encode(image), name);
    }

    /// <summary>A text file.</summary>
    public static Wire.Image TextFile(string name = "") => Of(Encoding.UTF8.GetBytes("This is not an image, whatever its name says.\n"), name);

    /// <summary>A JPEG that ends in the middle.</summary>
    public static Wire.Image TruncatedJpeg()
    {
        var whole = File.ReadAllBytes(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Vision.Tests", "Data", "files", "progressive.jpg"));
        return Of(whole[..(whole.Length / 2)]);
    }

    /// <summary>A PNG of a few hundred bytes whose header announces 30000 x 30000 pixels.</summary>
    public static Wire.Image Bomb()
    {
        using var file = new MemoryStream();
        file.Write(PngChunks.Signature);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, 30000);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), 30000);
        header[8] = 8;
        header[9] = 2;
        PngChunks.Write(file, "IHDR"u8, header);
        using var rows = new MemoryStream();
        using (var zlib = new ZLibStream(rows, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zlib.Write(new byte[1 + (3 * 30000)]);
        }

        PngChunks.Write(file, "IDAT"u8, rows.ToArray());
        PngChunks.Write(file, "IEND"u8, []);
        return Of(file.ToArray());
    }

    /// <summary>An image of these bytes.</summary>
    public static Wire.Image Of(byte[] data, string name = "") => new() { Data = ByteString.CopyFrom(data), Name = name };
}
