namespace Sgl.Vision.Internal;

/// <summary>The one thing of an XMP packet that matters here. As in Pillow, it counts where the EXIF block does not say.</summary>
internal static class XmpPacket
{
    /// <summary>Value of <c>tiff:Orientation</c>, as attribute or element: 1 to 8; null where the packet does not say.</summary>
    public static int? Orientation(ReadOnlySpan<byte> packet)
    {
        var name = "tiff:Orientation"u8;
        for (int at; (at = packet.IndexOf(name)) >= 0;)
        {
            packet = packet[(at + name.Length)..];
            ReadOnlySpan<byte> value = packet switch
            {
                [(byte)'=', (byte)'"' or (byte)'\'', .. var rest] => rest,
                [(byte)'>', .. var rest] => rest,
                _ => default,
            };
            if (value is [>= (byte)'1' and <= (byte)'8' and var digit, var end, ..] && end is (byte)'"' or (byte)'\'' or (byte)'<')
            {
                return digit - '0';
            }
        }

        return null;
    }
}
