namespace Sgl.Vision.Internal;

/// <summary>Raw samples to RGB by Pillow's rules for <c>convert("RGB")</c>: alpha is dropped, not blended.</summary>
internal static class Bands
{
    public static void ToRgb(ReadOnlySpan<byte> samples, int bands, bool isCmyk, Span<byte> rgb)
    {
        switch (bands)
        {
            case 3:
                samples.CopyTo(rgb);
                break;
            case 4 when isCmyk:
                FromCmyk(samples, rgb);
                break;
            case 4:
                for (int i = 0, o = 0; o < rgb.Length; i += 4, o += 3)
                {
                    rgb[o] = samples[i];
                    rgb[o + 1] = samples[i + 1];
                    rgb[o + 2] = samples[i + 2];
                }

                break;
            default:
                for (int i = 0, o = 0; o < rgb.Length; i += bands, o += 3)
                {
                    rgb[o] = rgb[o + 1] = rgb[o + 2] = samples[i];
                }

                break;
        }
    }

    public static void ToRgb(ReadOnlySpan<ushort> samples, int bands, Span<byte> rgb)
    {
        // Bands 1 and 2 are gray without and with alpha: the same sample makes red, green and blue.
        var step = bands >= 3 ? 1 : 0;
        for (int i = 0, o = 0; o < rgb.Length; i += bands, o += 3)
        {
            rgb[o] = (byte)(samples[i] >> 8);
            rgb[o + 1] = (byte)(samples[i + step] >> 8);
            rgb[o + 2] = (byte)(samples[i + (2 * step)] >> 8);
        }
    }

    private static void FromCmyk(ReadOnlySpan<byte> cmyk, Span<byte> rgb)
    {
        for (int i = 0, o = 0; o < rgb.Length; i += 4, o += 3)
        {
            var white = 255 - cmyk[i + 3];
            rgb[o] = Ink(cmyk[i], white);
            rgb[o + 1] = Ink(cmyk[i + 1], white);
            rgb[o + 2] = Ink(cmyk[i + 2], white);
        }
    }

    /// <summary>Pillow's <c>clip8(nk - MULDIV255(ink, nk))</c>, whose rounding a plain division does not reproduce.</summary>
    private static byte Ink(int ink, int white)
    {
        var t = (ink * white) + 128;
        return (byte)Math.Max(0, white - (((t >> 8) + t) >> 8));
    }
}
