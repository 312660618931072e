using System.Runtime.InteropServices;

namespace Sgl.Vision.Internal;

/// <summary>Rows of raw samples to rows of RGB by Pillow's rules; see <see cref="AlphaHandling"/> for transparency.</summary>
internal sealed class SampleConverter
{
    private readonly int _bands;
    private readonly bool _isCmyk;
    private readonly bool _isWide;
    private readonly bool _flatten;
    private readonly byte[] _narrow;

    /// <param name="width">Columns.</param>
    /// <param name="bands">Samples of a pixel, 1 to 5: gray, RGB or CMYK, and one more.</param>
    /// <param name="isWide">Samples of 16 bits in the machine's byte order.</param>
    /// <param name="isCmyk">Inks, not colours.</param>
    /// <param name="flatten">The band beyond gray or RGB is opacity, and the picture is laid on white. Otherwise it is left out.</param>
    public SampleConverter(int width, int bands, bool isWide, bool isCmyk, bool flatten)
    {
        _bands = bands;
        _isWide = isWide;
        _isCmyk = isCmyk;
        _flatten = flatten && !isCmyk && (bands is 2 or 4);
        _narrow = isWide ? new byte[width * bands] : [];
    }

    /// <summary>Converts one row.</summary>
    /// <param name="samples">Its bytes.</param>
    /// <param name="rgb">Three bytes a pixel.</param>
    public void Convert(ReadOnlySpan<byte> samples, Span<byte> rgb)
    {
        if (_isWide)
        {
            var wide = MemoryMarshal.Cast<byte, ushort>(samples);
            for (var i = 0; i < _narrow.Length; i++)
            {
                _narrow[i] = (byte)(wide[i] >> 8);
            }

            samples = _narrow;
        }

        if (_isCmyk)
        {
            FromCmyk(samples, rgb);
        }
        else if (_bands == 3)
        {
            samples.CopyTo(rgb);
        }
        else
        {
            // Bands 1 and 2 are gray without and with alpha: the same sample makes red, green and blue.
            var step = _bands >= 3 ? 1 : 0;
            for (int i = 0, o = 0; o < rgb.Length; i += _bands, o += 3)
            {
                rgb[o] = samples[i];
                rgb[o + 1] = samples[i + step];
                rgb[o + 2] = samples[i + (2 * step)];
            }
        }

        if (_flatten)
        {
            Flatten(samples, rgb);
        }
    }

    /// <summary>Pillow's division by 255, rounded, of a product of two bytes or a sum of such.</summary>
    public static int Divide255(int product)
    {
        var t = product + 128;
        return ((t >> 8) + t) >> 8;
    }

    /// <summary>A colour on white.</summary>
    public static byte OnWhite(int colour, int alpha) => (byte)Divide255((colour * alpha) + (255 * (255 - alpha)));

    private void Flatten(ReadOnlySpan<byte> samples, Span<byte> rgb)
    {
        for (int i = _bands - 1, o = 0; o < rgb.Length; i += _bands, o += 3)
        {
            int alpha = samples[i];
            if (alpha != 255)
            {
                rgb[o] = OnWhite(rgb[o], alpha);
                rgb[o + 1] = OnWhite(rgb[o + 1], alpha);
                rgb[o + 2] = OnWhite(rgb[o + 2], alpha);
            }
        }
    }

    private void FromCmyk(ReadOnlySpan<byte> cmyk, Span<byte> rgb)
    {
        for (int i = 0, o = 0; o < rgb.Length; i += _bands, o += 3)
        {
            var white = 255 - cmyk[i + 3];
            rgb[o] = Ink(cmyk[i], white);
            rgb[o + 1] = Ink(cmyk[i + 1], white);
            rgb[o + 2] = Ink(cmyk[i + 2], white);
        }
    }

    /// <summary>Pillow's <c>clip8(nk - MULDIV255(ink, nk))</c>, whose rounding a plain division does not reproduce.</summary>
    private static byte Ink(int ink, int white) => (byte)Math.Max(0, white - Divide255(ink * white));
}
