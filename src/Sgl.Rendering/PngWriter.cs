using Sgl.Vision;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;

namespace Sgl.Rendering;

/// <summary>Writes 8-bit RGB PNG files. ImageSharp writes and never reads here, see decision 0011.</summary>
public static class PngWriter
{
    private static readonly PngEncoder Encoder = new()
    {
        BitDepth = PngBitDepth.Bit8,
        ColorType = PngColorType.Rgb,
        FilterMethod = PngFilterMethod.Adaptive,
        IgnoreMetadata = true,
    };

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
        using var pixels = Image.WrapMemory<Rgb24>(image.Pixels, image.Width, image.Height);
        pixels.Save(stream, Encoder);
    }
}
