namespace Sgl.Vision.Internal;

/// <summary>Recognises formats by their first bytes, and whether a file that does not decode was cut off.</summary>
internal static class ImageFormats
{
    private const string Accepted = "send PNG, JPEG, WebP, GIF, BMP or TIFF";

    /// <summary>The format.</summary>
    /// <exception cref="ImageException">It is none that is read; one that people send all the same is named.</exception>
    public static ImageFormat Detect(ReadOnlySpan<byte> data)
    {
        if (data.StartsWith<byte>([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]))
        {
            return ImageFormat.Png;
        }

        if (data.StartsWith<byte>([0xFF, 0xD8, 0xFF]))
        {
            return ImageFormat.Jpeg;
        }

        if (data.Length >= 12 && data.StartsWith("RIFF"u8) && data[8..].StartsWith("WEBP"u8))
        {
            return ImageFormat.WebP;
        }

        if (data.StartsWith("GIF87a"u8) || data.StartsWith("GIF89a"u8))
        {
            return ImageFormat.Gif;
        }

        if (data.StartsWith("BM"u8))
        {
            return ImageFormat.Bmp;
        }

        if (data.Length >= 8 && (data.StartsWith("II*\0"u8) || data.StartsWith("MM\0*"u8)))
        {
            return ImageFormat.Tiff;
        }

        throw new ImageException(
            ImageErrorReason.UnsupportedFormat,
            Foreign(data) is { } name ? $"The image is {name}, which is not read; {Accepted}." : "The bytes are not a PNG, JPEG, WebP, GIF, BMP or TIFF image.");
    }

    /// <summary>The format's name for people.</summary>
    public static string NameOf(ImageFormat format) => format switch
    {
        ImageFormat.WebP => "WebP",
        _ => format.ToString().ToUpperInvariant(),
    };

    /// <summary>
    /// Whether the end mark is missing. The native library's own error text cannot tell: it is one buffer for the whole process,
    /// in which the errors of concurrent images mix.
    /// </summary>
    public static bool LooksTruncated(ReadOnlySpan<byte> data, ImageFormat format) => format switch
    {
        ImageFormat.Png => data.LastIndexOf("IEND"u8) < 0,
        // An end mark before the last scan belongs to a thumbnail in the EXIF block.
        ImageFormat.Jpeg => data.LastIndexOf<byte>([0xFF, 0xD9]) <= data.LastIndexOf<byte>([0xFF, 0xDA]),
        ImageFormat.Gif => data.TrimEnd((byte)0) is not [.., 0x3B],
        ImageFormat.WebP => BitConverter.ToUInt32(data[4..8]) + 8UL > (ulong)data.Length,
        // The header reader refuses a TIFF whose strips or tiles reach beyond its end.
        _ => false,
    };

    private static string? Foreign(ReadOnlySpan<byte> data)
    {
        if (data.Length >= 12 && data[4..].StartsWith("ftyp"u8))
        {
            return IsoBrand(data);
        }

        return data switch
        {
            _ when data.StartsWith("II+\0"u8) || data.StartsWith("MM\0+"u8) => "a BigTIFF",
            _ when data.StartsWith<byte>([0xFF, 0x0A]) => "JPEG XL",
            _ when data.StartsWith<byte>([0, 0, 0, 0x0C, (byte)'J', (byte)'X', (byte)'L', (byte)' ']) => "JPEG XL",
            _ when data.StartsWith<byte>([0, 0, 0, 0x0C, (byte)'j', (byte)'P', (byte)' ', (byte)' ']) => "JPEG 2000",
            _ when data.StartsWith<byte>([0xFF, 0x4F, 0xFF, 0x51]) => "JPEG 2000",
            _ when data.StartsWith("%PDF"u8) => "a PDF",
            _ when data.StartsWith("8BPS"u8) => "a Photoshop document",
            _ when data.StartsWith<byte>([0, 0, 1, 0]) => "an icon file (ICO)",
            _ when data[..Math.Min(data.Length, 1024)].IndexOf("<svg"u8) >= 0 => "SVG",
            _ => null,
        };
    }

    /// <summary>HEIC and AVIF share a container with video: the major brand tells, or the first compatible one that does.</summary>
    private static string? IsoBrand(ReadOnlySpan<byte> data)
    {
        var length = (int)Math.Min((uint)data.Length, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(data));
        for (var at = 8; at + 4 <= length; at += at == 8 ? 8 : 4)
        {
            var brand = data.Slice(at, 4);
            if (brand.StartsWith("avif"u8) || brand.StartsWith("avis"u8))
            {
                return "AVIF";
            }

            if (brand.StartsWith("hei"u8) || brand.StartsWith("hev"u8))
            {
                return "HEIC";
            }
        }

        return data[8..].StartsWith("mif1"u8) || data[8..].StartsWith("msf1"u8) ? "HEIF" : null;
    }
}
