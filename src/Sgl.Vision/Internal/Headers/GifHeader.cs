using System.Buffers.Binary;

namespace Sgl.Vision.Internal;

/// <summary>Size of a GIF.</summary>
internal static class GifHeader
{
    // The decoder's canvas of four bytes a pixel and the copy that is handed on; 6 to 7 were measured.
    private const double BesidesRgb = 10;

    public static ImageHeader Read(ReadOnlySpan<byte> data)
    {
        if (data.Length < 13)
        {
            throw ImageErrors.Truncated(ImageFormat.Gif);
        }

        // The decoder widens a screen that is too small for its first frame; it is asked again once it has looked.
        int width = BinaryPrimitives.ReadUInt16LittleEndian(data[6..]), height = BinaryPrimitives.ReadUInt16LittleEndian(data[8..]);
        return new ImageHeader
        {
            Format = ImageFormat.Gif,
            Width = width,
            Height = height,
            PeakBytes = PeakMemory.Of(width, height, BesidesRgb),
        };
    }
}
