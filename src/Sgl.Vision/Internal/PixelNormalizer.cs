namespace Sgl.Vision.Internal;

/// <summary>
/// Bytes to normalised floats. A byte has 256 values, so each channel is a table, filled with the reference's own order of
/// float operations: the result is equal to it bit for bit.
/// </summary>
internal sealed class PixelNormalizer
{
    private readonly float[][] _tables;

    private PixelNormalizer(float[][] tables) => _tables = tables;

    /// <summary>torchvision's ToTensor and Normalize: all in float32, division by 255.</summary>
    public static PixelNormalizer TorchVision(IReadOnlyList<float> mean, IReadOnlyList<float> std) =>
        Create(mean, std, static b => b / 255f);

    /// <summary>transformers' rescale (in float64, then rounded to float32) and normalize (float32).</summary>
    public static PixelNormalizer Transformers(IReadOnlyList<float> mean, IReadOnlyList<float> std) =>
        Create(mean, std, static b => (float)(b * (1.0 / 255.0)));

    /// <summary>The values of one channel.</summary>
    public ReadOnlySpan<float> Table(int channel) => _tables[channel];

    /// <summary>Writes a rectangle of an image as [3, height, width].</summary>
    public void WritePlanes(RgbImage image, int x, int y, int width, int height, Span<float> planes)
    {
        float[] red = _tables[0], green = _tables[1], blue = _tables[2];
        var plane = width * height;
        for (var row = 0; row < height; row++)
        {
            var pixels = image.Row(y + row).Slice(3 * x, 3 * width);
            var r = planes.Slice(row * width, width);
            var g = planes.Slice(plane + (row * width), width);
            var b = planes.Slice((2 * plane) + (row * width), width);
            for (int c = 0, i = 0; c < r.Length; c++, i += 3)
            {
                r[c] = red[pixels[i]];
                g[c] = green[pixels[i + 1]];
                b[c] = blue[pixels[i + 2]];
            }
        }
    }

    private static PixelNormalizer Create(IReadOnlyList<float> mean, IReadOnlyList<float> std, Func<int, float> rescale)
    {
        if (mean.Count != 3 || std.Count != 3)
        {
            throw new ArgumentException("Mean and standard deviation need three values, one for each channel.");
        }

        var tables = new float[3][];
        for (var c = 0; c < 3; c++)
        {
            tables[c] = new float[256];
            for (var b = 0; b < 256; b++)
            {
                tables[c][b] = (rescale(b) - mean[c]) / std[c];
            }
        }

        return new PixelNormalizer(tables);
    }
}
