namespace Sgl.Vision.Internal;

/// <summary>Bounds of a picture's size, applied to what a header says before anything is decoded.</summary>
internal static class PixelLimit
{
    /// <summary>The most that one managed array of RGB bytes can hold, whatever the options say.</summary>
    private const long ArrayLimit = int.MaxValue / 4;

    public static void Check(long width, long height, ImageDecoderOptions options)
    {
        if (width < 1 || height < 1)
        {
            throw new ImageException(ImageErrorReason.Corrupt, "The image has no pixels.");
        }

        var limit = Math.Min(options.MaxPixels, ArrayLimit);
        if (width > limit / height)
        {
            throw new ImageException(
                ImageErrorReason.TooManyPixels, $"The image has {width} x {height} pixels; at most {limit} are accepted.");
        }

        if (Math.Max(width, height) > options.MaxSide)
        {
            throw new ImageException(
                ImageErrorReason.SideTooLong, $"The image has {width} x {height} pixels; sides of at most {options.MaxSide} are accepted.");
        }

        if (Math.Max(width, height) > Math.Min(width, height) * options.MaxAspectRatio)
        {
            throw new ImageException(
                ImageErrorReason.AspectRatio, $"The image has {width} x {height} pixels; sides up to 1 : {options.MaxAspectRatio} are accepted.");
        }
    }
}
