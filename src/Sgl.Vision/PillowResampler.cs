using System.Buffers;
using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// <c>Image.resize</c> of Pillow, bit for bit: separable convolution with 22-bit fixed-point weights, horizontal pass first, each pass
/// rounded to 8 bits. The reference preprocessing of every family resizes with it, and no other resampler gives the same pixels.
/// </summary>
public static class PillowResampler
{
    /// <summary>Below this many multiplications a pass runs on the calling thread.</summary>
    private const long ParallelWork = 4_000_000;

    /// <summary>Resizes the whole image; the ratio of the sides may change.</summary>
    /// <param name="image">The image.</param>
    /// <param name="width">Columns of the result, at least 1.</param>
    /// <param name="height">Rows of the result, at least 1.</param>
    /// <param name="filter">The filter.</param>
    /// <returns>The resized image; <paramref name="image"/> itself when the size does not change.</returns>
    public static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        if (height == image.Height)
        {
            return Horizontal(image, width, filter);
        }

        if (width == image.Width)
        {
            var vertical = ResampleWeights.Create(image.Height, height, filter);
            return Vertical(image.Pixels, 0, 3 * width, vertical, width, height);
        }

        return Both(image, width, height, filter);
    }

    private static RgbImage Horizontal(RgbImage image, int width, ResampleFilter filter)
    {
        var weights = ResampleWeights.Create(image.Width, width, filter);
        var result = new RgbImage(width, image.Height, GC.AllocateUninitializedArray<byte>(checked(3 * width * image.Height)));
        HorizontalRows(image, 0, image.Height, weights, result.Pixels);
        return result;
    }

    private static RgbImage Both(RgbImage image, int width, int height, ResampleFilter filter)
    {
        var horizontal = ResampleWeights.Create(image.Width, width, filter);
        var vertical = ResampleWeights.Create(image.Height, height, filter);

        // Only the rows the vertical pass reads. When enlarging by a lot or a little it is all of them.
        var firstRow = vertical.First[0];
        var lastRow = vertical.First[^1] + vertical.Count[^1];
        var rows = lastRow - firstRow;
        var buffer = ArrayPool<byte>.Shared.Rent(checked(3 * width * rows));
        try
        {
            HorizontalRows(image, firstRow, rows, horizontal, buffer);
            return Vertical(buffer, firstRow, 3 * width, vertical, width, height);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void HorizontalRows(RgbImage image, int firstRow, int rows, ResampleWeights weights, byte[] target)
    {
        var width = weights.First.Length;
        InBands(rows, (long)rows * width * 3 * weights.Taps, (from, to) =>
        {
            // The convolution loads four bytes a pixel; the copy gives the row's last pixel a byte to spare.
            var padded = ArrayPool<byte>.Shared.Rent((3 * image.Width) + 16);
            for (var y = from; y < to; y++)
            {
                image.Row(firstRow + y).CopyTo(padded);
                Convolution.Row(padded, weights, target.AsSpan(y * width * 3, width * 3));
            }

            ArrayPool<byte>.Shared.Return(padded);
        });
    }

    private static RgbImage Vertical(byte[] source, int firstRow, int stride, ResampleWeights weights, int width, int height)
    {
        var result = new RgbImage(width, height, GC.AllocateUninitializedArray<byte>(checked(3 * width * height)));
        InBands(height, (long)stride * height * weights.Taps, (from, to) =>
        {
            for (var y = from; y < to; y++)
            {
                var rows = source.AsSpan((weights.First[y] - firstRow) * stride, weights.Count[y] * stride);
                Convolution.Column(rows, stride, weights.Weights.AsSpan(y * weights.Taps, weights.Count[y]), result.Row(y));
            }
        });
        return result;
    }

    private static void InBands(int rows, long work, Action<int, int> body)
    {
        var bands = (int)Math.Min(Math.Min(Environment.ProcessorCount, rows), work / ParallelWork);
        if (bands <= 1)
        {
            body(0, rows);
            return;
        }

        _ = Parallel.For(0, bands, b => body((int)((long)rows * b / bands), (int)((long)rows * (b + 1) / bands)));
    }
}
