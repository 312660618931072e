using System.Buffers.Binary;

namespace Sgl.Vision.Internal;

/// <summary>Size, depth, interlacing and orientation of a PNG.</summary>
internal static class PngHeader
{
    private const int SignatureBytes = 8;

    public static ImageHeader Read(ReadOnlySpan<byte> data)
    {
        const int header = SignatureBytes + 8;
        if (data.Length < header + 13)
        {
            throw ImageErrors.Truncated(ImageFormat.Png);
        }

        var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(data[header..]), BinaryPrimitives.ReadUInt32BigEndian(data[(header + 4)..]));
        int depth = data[header + 8], colour = data[header + 9];
        if (!data[(SignatureBytes + 4)..].StartsWith("IHDR"u8) || width is 0 or > int.MaxValue || height is 0 or > int.MaxValue || depth > 16)
        {
            throw ImageErrors.Corrupt(ImageFormat.Png);
        }

        var channels = colour switch { 0 => 1, 2 => 3, 3 => 3, 4 => 2, 6 => 4, _ => throw ImageErrors.Corrupt(ImageFormat.Png) };
        var transparent = Walk(data[SignatureBytes..], out var orientation);
        long frame = (channels + (transparent && colour < 4 ? 1 : 0)) * (depth == 16 ? 2 : 1);

        // An interlaced picture is there as a whole before its first row is known: once as it is unpacked, once as it is handed on.
        var interlaced = data[header + 12] != 0;
        return new ImageHeader
        {
            Format = ImageFormat.Png,
            Width = (int)width,
            Height = (int)height,
            Orientation = orientation,
            PeakBytes = PeakMemory.Of(width, height, interlaced ? 2 * frame : 0),
        };
    }

    /// <returns>Whether a colour or palette entries are transparent.</returns>
    private static bool Walk(ReadOnlySpan<byte> chunks, out int orientation)
    {
        int? exif = null, profile = null, xmp = null;
        bool transparent = false, hasExif = false;
        while (chunks.Length >= 12)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(chunks);
            if (length > chunks.Length - 12)
            {
                break;
            }

            ReadOnlySpan<byte> type = chunks.Slice(4, 4), content = chunks.Slice(8, (int)length);
            if (type.SequenceEqual("eXIf"u8) && !hasExif)
            {
                hasExif = true;
                exif = ExifBlock.Orientation(content);
            }
            else if (type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8) || type.SequenceEqual("iTXt"u8))
            {
                PngText.Read(type, content, ref profile, ref xmp);
            }

            transparent |= type.SequenceEqual("tRNS"u8);
            chunks = chunks[((int)length + 12)..];
        }

        // A block of its own stands for the profile in text, whether it says or not.
        orientation = (hasExif ? exif : profile) ?? xmp ?? 1;
        return transparent;
    }
}
