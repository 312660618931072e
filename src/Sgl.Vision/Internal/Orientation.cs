namespace Sgl.Vision.Internal;

/// <summary>The eight EXIF orientations (tag 0x0112).</summary>
internal static class Orientation
{
    public static RgbImage Apply(RgbImage image, int orientation)
    {
        if (orientation is < 2 or > 8)
        {
            return image;
        }

        // 5 to 8 exchange rows and columns. An upright pixel (x, y) is read at (x or y, possibly counted from the far side).
        var swaps = orientation >= 5;
        var mirrorX = orientation is 2 or 3 or 7 or 8;
        var mirrorY = orientation is 3 or 4 or 6 or 7;
        int width = image.Width, height = image.Height;
        var (outWidth, outHeight) = swaps ? (height, width) : (width, height);
        var source = image.Pixels;
        var result = GC.AllocateUninitializedArray<byte>(source.Length);
        var o = 0;
        for (var y = 0; y < outHeight; y++)
        {
            for (var x = 0; x < outWidth; x++, o += 3)
            {
                var (sx, sy) = swaps ? (y, x) : (x, y);
                sx = mirrorX ? width - 1 - sx : sx;
                sy = mirrorY ? height - 1 - sy : sy;
                var i = 3 * ((sy * width) + sx);
                result[o] = source[i];
                result[o + 1] = source[i + 1];
                result[o + 2] = source[i + 2];
            }
        }

        return new RgbImage(outWidth, outHeight, result);
    }
}
