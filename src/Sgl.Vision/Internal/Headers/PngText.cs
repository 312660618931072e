using System.Buffers.Text;
using System.IO.Compression;

namespace Sgl.Vision.Internal;

/// <summary>
/// Orientation from the text chunks of a PNG: EXIF blocks in hexadecimal, as ImageMagick wrote them before PNG had <c>eXIf</c>, and XMP packets.
/// </summary>
internal static class PngText
{
    /// <summary>Bytes of a text that are looked at, packed and unpacked: twice the hexadecimal of the longest EXIF block in JPEG.</summary>
    private const int MostBytes = 1 << 18;

    /// <summary>Reads a chunk.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="chunk">Its content.</param>
    /// <param name="exif">Set where the text holds an EXIF block that says.</param>
    /// <param name="xmp">Set where the text is an XMP packet that says.</param>
    public static void Read(ReadOnlySpan<byte> type, ReadOnlySpan<byte> chunk, ref int? exif, ref int? xmp)
    {
        var end = chunk.IndexOf((byte)0);
        if (end < 0)
        {
            return;
        }

        var keyword = chunk[..end];
        if (exif is null && (keyword.SequenceEqual("Raw profile type exif"u8) || keyword.SequenceEqual("Raw profile type APP1"u8)))
        {
            exif = ExifBlock.Orientation(FromHex(Text(type, chunk[(end + 1)..])));
        }
        else if (xmp is null && keyword.SequenceEqual("XML:com.adobe.xmp"u8))
        {
            xmp = XmpPacket.Orientation(Text(type, chunk[(end + 1)..]));
        }
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> type, ReadOnlySpan<byte> rest)
    {
        if (type.SequenceEqual("tEXt"u8))
        {
            return rest[..Math.Min(rest.Length, MostBytes)];
        }

        if (type.SequenceEqual("zTXt"u8))
        {
            return rest.IsEmpty ? default : Unpacked(rest[1..]);
        }

        // iTXt: whether it is packed, and how; a language, and the keyword in it, each up to a zero.
        if (rest.Length < 2)
        {
            return default;
        }

        var isPacked = rest[0] != 0;
        rest = rest[2..];
        for (var i = 0; i < 2; i++)
        {
            rest = rest.IndexOf((byte)0) is >= 0 and var zero ? rest[(zero + 1)..] : default;
        }

        return isPacked ? Unpacked(rest) : rest[..Math.Min(rest.Length, MostBytes)];
    }

    /// <summary>The beginning of a packed text; what is sound of it where it is damaged.</summary>
    private static byte[] Unpacked(ReadOnlySpan<byte> packed)
    {
        using var stream = new ZLibStream(new MemoryStream(packed[..Math.Min(packed.Length, MostBytes)].ToArray()), CompressionMode.Decompress);
        var text = new byte[MostBytes];
        var length = 0;
        try
        {
            for (int read; length < text.Length && (read = stream.Read(text, length, text.Length - length)) > 0;)
            {
                length += read;
            }
        }
        catch (InvalidDataException)
        {
        }

        return text[..length];
    }

    /// <summary>A profile: empty line, name, length, then hexadecimal digits in lines.</summary>
    private static byte[] FromHex(ReadOnlySpan<byte> text)
    {
        for (var line = 0; line < 3; line++)
        {
            text = text.IndexOf((byte)'\n') is >= 0 and var end ? text[(end + 1)..] : default;
        }

        var bytes = new byte[text.Length / 2];
        var (length, high) = (0, -1);
        foreach (var c in text)
        {
            if (!Utf8Parser.TryParse([c], out byte digit, out _, 'x'))
            {
                continue;
            }

            if (high < 0)
            {
                high = digit;
            }
            else
            {
                bytes[length++] = (byte)((high << 4) | digit);
                high = -1;
            }
        }

        return bytes[..length];
    }
}
