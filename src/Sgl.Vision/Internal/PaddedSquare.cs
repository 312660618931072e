namespace Sgl.Vision.Internal;

/// <summary>
/// An image in the middle of a square of the mean colour, resized (LLaVA-OneVision with several images: <c>expand2square</c> of the authors' code,
/// <c>pad_to_square</c> of the transformers library). The square is made a few rows at a time: that of a long image would need many times its memory.
/// </summary>
internal static class PaddedSquare
{
    /// <summary>Longest side of an image that is padded; the work grows with its square.</summary>
    public const int LongestSide = 1 << 15;

    /// <summary>Rows of the square that are there at a time.</summary>
    public const int BandRows = 128;

    /// <summary>Where the image begins in the square, in pixels.</summary>
    public static (int Left, int Top) Offset(int width, int height) => (Math.Max(0, height - width) / 2, Math.Max(0, width - height) / 2);

    /// <exception cref="ImageException">A side is longer than <see cref="LongestSide"/>.</exception>
    public static void Check(int width, int height)
    {
        if (Math.Max(width, height) > LongestSide)
        {
            throw new ImageException(
                ImageErrorReason.TooManyPixels,
                $"The image is {width} x {height} pixels; beside other images each is padded to a square, which may have at most {LongestSide} a side.");
        }
    }

    /// <param name="image">The image.</param>
    /// <param name="side">Side of the result.</param>
    /// <param name="colour">Red, green, blue of the padding.</param>
    /// <param name="cancellationToken">Stops the work between rows.</param>
    public static RgbImage Resize(RgbImage image, int side, (byte Red, byte Green, byte Blue) colour, CancellationToken cancellationToken)
    {
        Check(image.Width, image.Height);
        if (image.Width == image.Height)
        {
            return PillowResampler.Resize(image, side, side, ResampleFilter.Bicubic, cancellationToken);
        }

        // Pillow's passes one after the other: first all rows to the new width, then the columns. Rows of padding stay what they are.
        var length = Math.Max(image.Width, image.Height);
        var (left, top) = Offset(image.Width, image.Height);
        var narrow = Fill(side, length, colour);
        for (var first = 0; first < image.Height; first += BandRows)
        {
            var rows = Math.Min(BandRows, image.Height - first);
            var band = Fill(length, rows, colour);
            band.Paste(image.Crop(0, first, image.Width, rows), left, 0);
            narrow.Paste(PillowResampler.Resize(band, side, rows, ResampleFilter.Bicubic, cancellationToken), 0, top + first);
        }

        return PillowResampler.Resize(narrow, side, side, ResampleFilter.Bicubic, cancellationToken);
    }

    private static RgbImage Fill(int width, int height, (byte Red, byte Green, byte Blue) colour)
    {
        var image = RgbImage.Create(width, height);
        var pixels = image.Pixels.AsSpan();
        if (colour.Red == colour.Green && colour.Green == colour.Blue)
        {
            pixels.Fill(colour.Red);
            return image;
        }

        for (var i = 0; i < pixels.Length; i += 3)
        {
            (pixels[i], pixels[i + 1], pixels[i + 2]) = colour;
        }

        return image;
    }
}
