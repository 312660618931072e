namespace Sgl.Vision.Internal;

/// <summary>The one thing of an EXIF block that matters here.</summary>
internal static class ExifBlock
{
    private const ushort OrientationTag = 0x0112;

    /// <summary>Orientation, 1 to 8, also 1 where the value makes no sense; null where the block does not say.</summary>
    /// <param name="block">The TIFF structure; the mark "Exif" that JPEG has in front of it may be there.</param>
    public static int? Orientation(ReadOnlySpan<byte> block)
    {
        if (block.StartsWith("Exif\0\0"u8))
        {
            block = block[6..];
        }

        return TiffDirectory.TryFirst(block, out var directory) && directory.Count(OrientationTag) > 0 ? Orientation(directory) : null;
    }

    /// <summary>Orientation of a TIFF's directory; 1 where it does not say or makes no sense.</summary>
    public static int Orientation(TiffDirectory directory) => directory.Value(OrientationTag, 1) is >= 1 and <= 8 and var orientation ? (int)orientation : 1;
}
