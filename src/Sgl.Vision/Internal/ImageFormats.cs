namespace Sgl.Vision.Internal;

internal enum ImageFormat
{
    Unknown,
    Png,
    Jpeg,
    WebP,
    Gif,
    Bmp,
}

/// <summary>Recognises formats by their first bytes, and whether a file that does not decode was cut off.</summary>
internal static class ImageFormats
{
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

        return data.StartsWith("BM"u8) ? ImageFormat.Bmp : ImageFormat.Unknown;
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
        _ => false,
    };
}
