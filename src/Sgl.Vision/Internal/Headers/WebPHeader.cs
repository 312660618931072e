using System.Buffers.Binary;

namespace Sgl.Vision.Internal;

/// <summary>Size and orientation of a WebP.</summary>
internal static class WebPHeader
{
    // The decoder's frame of four bytes a pixel, its own planes, and the copy that is handed on; 6 to 9 were measured.
    private const double BesidesRgb = 10;

    public static ImageHeader Read(ReadOnlySpan<byte> data)
    {
        if (data.Length < 30)
        {
            throw ImageErrors.Truncated(ImageFormat.WebP);
        }

        ReadOnlySpan<byte> type = data.Slice(12, 4), body = data[20..], exif = default, xmp = default;
        int width, height;
        if (type.SequenceEqual("VP8X"u8))
        {
            width = 1 + UInt24(body[4..]);
            height = 1 + UInt24(body[7..]);
            exif = Find(data[12..], "EXIF"u8);
            xmp = Find(data[12..], "XMP "u8);
        }
        else if (type.SequenceEqual("VP8L"u8) && body[0] == 0x2F)
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(body[1..]);
            width = 1 + (int)(bits & 0x3FFF);
            height = 1 + (int)((bits >> 14) & 0x3FFF);
        }
        else if (type.SequenceEqual("VP8 "u8) && body[3..].StartsWith<byte>([0x9D, 0x01, 0x2A]))
        {
            width = BinaryPrimitives.ReadUInt16LittleEndian(body[6..]) & 0x3FFF;
            height = BinaryPrimitives.ReadUInt16LittleEndian(body[8..]) & 0x3FFF;
        }
        else
        {
            throw ImageErrors.Corrupt(ImageFormat.WebP);
        }

        return new ImageHeader
        {
            Format = ImageFormat.WebP,
            Width = width,
            Height = height,
            Orientation = ExifBlock.Orientation(exif) ?? XmpPacket.Orientation(xmp) ?? 1,
            PeakBytes = PeakMemory.Of(width, height, BesidesRgb),
        };
    }

    private static int UInt24(ReadOnlySpan<byte> data) => data[0] | (data[1] << 8) | (data[2] << 16);

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> chunks, ReadOnlySpan<byte> wanted)
    {
        while (chunks.Length >= 8)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(chunks[4..]);
            if (length > chunks.Length - 8)
            {
                break;
            }

            if (chunks.StartsWith(wanted))
            {
                return chunks.Slice(8, (int)length);
            }

            // Chunks are padded to an even length; the last one may lack its padding.
            chunks = chunks[(int)Math.Min(chunks.Length, 8 + length + (length & 1))..];
        }

        return default;
    }
}
