using Sgl.Vision;

namespace Sgl.Rendering.Internal;

/// <summary>Plain drawing on RGB pixels; everything is clipped to the image.</summary>
internal static class Paint
{
    public static RgbImage Canvas(int width, int height, Rgb colour)
    {
        var image = RgbImage.Create(width, height);
        Fill(image, 0, 0, width, height, colour);
        return image;
    }

    public static void Fill(RgbImage image, int x, int y, int width, int height, Rgb colour)
    {
        int left = Math.Max(x, 0), right = Math.Min(x + width, image.Width);
        int top = Math.Max(y, 0), bottom = Math.Min(y + height, image.Height);
        for (var row = top; row < bottom; row++)
        {
            var pixels = image.Row(row);
            for (var column = left; column < right; column++)
            {
                pixels[3 * column] = colour.Red;
                pixels[(3 * column) + 1] = colour.Green;
                pixels[(3 * column) + 2] = colour.Blue;
            }
        }
    }

    /// <summary>Mixes a rectangle with a colour.</summary>
    /// <param name="image">The image.</param>
    /// <param name="x">Left.</param>
    /// <param name="y">Top.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="colour">What to mix in.</param>
    /// <param name="share">0 leaves the image, 1 covers it.</param>
    /// <param name="keepColour">0 takes the image's gray, 1 its own colours.</param>
    public static void Blend(RgbImage image, int x, int y, int width, int height, Rgb colour, double share, double keepColour)
    {
        int left = Math.Max(x, 0), right = Math.Min(x + width, image.Width);
        int top = Math.Max(y, 0), bottom = Math.Min(y + height, image.Height);
        for (var row = top; row < bottom; row++)
        {
            var pixels = image.Row(row);
            for (var i = 3 * left; i < 3 * right; i += 3)
            {
                var gray = (0.299 * pixels[i]) + (0.587 * pixels[i + 1]) + (0.114 * pixels[i + 2]);
                pixels[i] = Mix(pixels[i], gray, colour.Red, share, keepColour);
                pixels[i + 1] = Mix(pixels[i + 1], gray, colour.Green, share, keepColour);
                pixels[i + 2] = Mix(pixels[i + 2], gray, colour.Blue, share, keepColour);
            }
        }
    }

    /// <summary>Gives a rectangle a colour, of which the image's gray decides the lightness in the upper half of the range.</summary>
    public static void Tint(RgbImage image, int x, int y, int width, int height, Rgb colour)
    {
        int left = Math.Max(x, 0), right = Math.Min(x + width, image.Width);
        int top = Math.Max(y, 0), bottom = Math.Min(y + height, image.Height);
        for (var row = top; row < bottom; row++)
        {
            var pixels = image.Row(row);
            for (var i = 3 * left; i < 3 * right; i += 3)
            {
                var gray = ((0.299 * pixels[i]) + (0.587 * pixels[i + 1]) + (0.114 * pixels[i + 2])) / 255;

                // A little white keeps light parts of the image lighter than the pure colour, and its text legible.
                var shade = 0.4 + (0.6 * gray);
                var white = 40 * gray;
                pixels[i] = (byte)Math.Min(255, (colour.Red * shade) + white);
                pixels[i + 1] = (byte)Math.Min(255, (colour.Green * shade) + white);
                pixels[i + 2] = (byte)Math.Min(255, (colour.Blue * shade) + white);
            }
        }
    }

    private static byte Mix(double value, double gray, double colour, double share, double keepColour) =>
        (byte)Math.Round(((1 - share) * (gray + ((value - gray) * keepColour))) + (share * colour));
}
