namespace Sgl.Vision.Internal;

internal static class PixelLimit
{
    /// <summary>The most that one managed array of RGB bytes can hold, whatever the options say.</summary>
    private const long ArrayLimit = int.MaxValue / 4;

    public static void Check(long width, long height, long maxPixels)
    {
        if (width < 1 || height < 1)
        {
            throw new ImageException(ImageErrorReason.Corrupt, "The image has no pixels.");
        }

        var limit = Math.Min(maxPixels, ArrayLimit);
        if (width > limit / height)
        {
            throw new ImageException(
                ImageErrorReason.TooManyPixels, $"The image has {width} x {height} pixels; at most {limit} are accepted.");
        }
    }
}
