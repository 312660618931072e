using System.Buffers.Binary;

namespace Sgl.Vision.Internal;

/// <summary>Size, kind and orientation of a JPEG.</summary>
internal static class JpegHeader
{
    private const byte StartOfScan = 0xDA, EndOfImage = 0xD9, App1 = 0xE1;

    public static ImageHeader Read(ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<byte> exif = default, xmp = default, frame = default;
        byte kind = 0;
        var scans = 0;
        for (var at = 2; TryMarker(data, ref at, out var marker) && marker != EndOfImage;)
        {
            if (marker is 0x01 or >= 0xD0 and <= 0xD8)
            {
                continue;
            }

            if (at + 2 > data.Length || BinaryPrimitives.ReadUInt16BigEndian(data[at..]) is var length && (length < 2 || length > data.Length - at))
            {
                break;
            }

            var segment = data.Slice(at + 2, length - 2);
            at += length;
            switch (marker)
            {
                case App1 when exif.IsEmpty && segment.StartsWith("Exif\0\0"u8):
                    exif = segment;
                    break;
                case App1 when xmp.IsEmpty && segment.StartsWith("http://ns.adobe.com/xap/1.0/\0"u8):
                    xmp = segment;
                    break;
                case >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC) when frame.IsEmpty:
                    frame = segment;
                    kind = marker;
                    break;
                case StartOfScan:
                    scans++;
                    break;
            }

            // Restarts, stuffed bytes and fill bytes are passed over by the search for the next marker.
            if (scans > 1 && !frame.IsEmpty)
            {
                break;
            }
        }

        if (frame.Length < 6)
        {
            throw ImageFormats.LooksTruncated(data, ImageFormat.Jpeg) ? ImageErrors.Truncated(ImageFormat.Jpeg) : ImageErrors.Corrupt(ImageFormat.Jpeg);
        }

        if (frame[0] != 8 || kind is 0xC3 or 0xC5 or 0xC6 or 0xC7 or >= 0xCB)
        {
            throw ImageErrors.Unsupported("The JPEG image is of a rare kind (lossless, hierarchical or of more than 8 bits) that is not read.");
        }

        int height = BinaryPrimitives.ReadUInt16BigEndian(frame[1..]), width = BinaryPrimitives.ReadUInt16BigEndian(frame[3..]), components = frame[5];
        return new ImageHeader
        {
            Format = ImageFormat.Jpeg,
            Width = width,
            Height = height,
            Orientation = ExifBlock.Orientation(exif) ?? XmpPacket.Orientation(xmp) ?? 1,
            PeakBytes = PeakMemory.Of(width, height, kind is 0xC2 or 0xCA || scans > 1 ? Coefficients(frame[6..], components) : 0),
        };
    }

    /// <summary>Bytes per pixel of the coefficients, which are all kept where the picture comes in several scans.</summary>
    private static double Coefficients(ReadOnlySpan<byte> components, int count)
    {
        double sum = 0, most = 1;
        for (var i = 0; i < count && (3 * i) + 2 < components.Length; i++)
        {
            var area = (components[(3 * i) + 1] >> 4) * (components[(3 * i) + 1] & 15);
            sum += area;
            most = Math.Max(most, area);
        }

        return 2 * sum / most;
    }

    /// <summary>The next marker at or behind a place, stuffed bytes passed over; the place is then behind it.</summary>
    private static bool TryMarker(ReadOnlySpan<byte> data, ref int at, out byte marker)
    {
        marker = 0;
        while (at < data.Length)
        {
            var found = data[at..].IndexOf((byte)0xFF);
            if (found < 0 || at + found + 1 >= data.Length)
            {
                return false;
            }

            at += found + 1;
            marker = data[at];
            if (marker is not (0x00 or 0xFF))
            {
                at++;
                return true;
            }
        }

        return false;
    }
}
