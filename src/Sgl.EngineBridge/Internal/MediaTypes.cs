using Sgl.Vision;

namespace Sgl.EngineBridge.Internal;

/// <summary>Media types of pictures.</summary>
internal static class MediaTypes
{
    public const string Png = "image/png";

    public static string Of(ImageFormat format) => format switch
    {
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.Png => Png,
        ImageFormat.Gif => "image/gif",
        ImageFormat.WebP => "image/webp",
        ImageFormat.Bmp => "image/bmp",
        ImageFormat.Tiff => "image/tiff",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "has no media type here"),
    };
}
