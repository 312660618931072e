using System.Buffers;
using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// <c>Image.resize</c> of Pillow, bit for bit: separable convolution with 22-bit fixed-point weights, horizontal pass first, each pass
/// rounded to 8 bits. The reference preprocessing of every family resizes with it, and no other resampler gives the same pixels. Between the
/// passes only a window of rows exists, as many as one row of the result is made of and as many again.
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
    /// <param name="cancellationToken">Stops the work between two rows.</param>
    /// <returns>The resized image; <paramref name="image"/> itself when the size does not change.</returns>
    public static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        var result = new RgbImage(width, height, GC.AllocateUninitializedArray<byte>(checked(3 * width * height)));
        var horizontal = width == image.Width ? null : ResampleWeights.Create(image.Width, width, filter);
        var vertical = height == image.Height ? null : ResampleWeights.Create(image.Height, height, filter);
        var work = ((long)image.Height * width * 3 * (horizontal?.Taps ?? 0)) + ((long)height * width * 3 * (vertical?.Taps ?? 0));
        InBands(height, work, (from, to) =>
        {
            if (vertical is null)
            {
                Horizontal(image, horizontal!, result, from, to, cancellationToken);
            }
            else if (horizontal is null)
            {
                Vertical(image, vertical, result, from, to, cancellationToken);
            }
            else
            {
                Both(image, horizontal, vertical, result, from, to, cancellationToken);
            }
        }, cancellationToken);
        return result;
    }

    private static void Horizontal(RgbImage image, ResampleWeights weights, RgbImage result, int from, int to, CancellationToken cancellationToken)
    {
        var padded = RentRow(image);
        for (var y = from; y < to; y++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            HorizontalRow(image, y, padded, weights, result.Row(y));
        }

        ArrayPool<byte>.Shared.Return(padded);
    }

    private static void Vertical(RgbImage image, ResampleWeights weights, RgbImage result, int from, int to, CancellationToken cancellationToken)
    {
        var stride = 3 * image.Width;
        for (var y = from; y < to; y++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rows = image.Pixels.AsSpan(weights.First[y] * stride, weights.Count[y] * stride);
            Convolution.Column(rows, stride, weights.Of(y), result.Row(y));
        }
    }

    /// <summary>Both passes for some rows of the result, over a window of rows that the horizontal pass has made, which slides down.</summary>
    private static void Both(
        RgbImage image, ResampleWeights horizontal, ResampleWeights vertical, RgbImage result, int from, int to, CancellationToken cancellationToken)
    {
        var stride = 3 * result.Width;
        var capacity = 2 * vertical.Taps;
        var padded = RentRow(image);
        var window = ArrayPool<byte>.Shared.Rent(checked(capacity * stride));
        int first = vertical.First[from], end = first;
        for (var y = from; y < to; y++)
        {
            int low = vertical.First[y], high = low + vertical.Count[y];
            if (high - first > capacity)
            {
                var keep = Math.Max(0, end - low);
                window.AsSpan((end - keep - first) * stride, keep * stride).CopyTo(window);
                (first, end) = (low, low + keep);
            }

            for (; end < high; end++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                HorizontalRow(image, end, padded, horizontal, window.AsSpan((end - first) * stride, stride));
            }

            cancellationToken.ThrowIfCancellationRequested();
            Convolution.Column(window.AsSpan((low - first) * stride, (high - low) * stride), stride, vertical.Of(y), result.Row(y));
        }

        ArrayPool<byte>.Shared.Return(window);
        ArrayPool<byte>.Shared.Return(padded);
    }

    /// <summary>The convolution loads four bytes a pixel; a copy of each row gives its last pixel a byte to spare.</summary>
    private static byte[] RentRow(RgbImage image) => ArrayPool<byte>.Shared.Rent((3 * image.Width) + 16);

    private static void HorizontalRow(RgbImage image, int y, byte[] padded, ResampleWeights weights, Span<byte> target)
    {
        image.Row(y).CopyTo(padded);
        Convolution.Row(padded, weights, target);
    }

    private static void InBands(int rows, long work, Action<int, int> body, CancellationToken cancellationToken)
    {
        var bands = (int)Math.Min(Math.Min(Environment.ProcessorCount, rows), work / ParallelWork);
        if (bands <= 1)
        {
            body(0, rows);
            return;
        }

        _ = Parallel.For(
            0, bands, new ParallelOptions { CancellationToken = cancellationToken }, b => body((int)((long)rows * b / bands), (int)((long)rows * (b + 1) / bands)));
    }
}
