using System.Globalization;
using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// The native resolution of Qwen2-VL, Qwen2.5-VL and Qwen3-VL: both sides are rounded to a multiple of the merge block (28 pixels, Qwen3-VL 32) within the
/// pixel limits, and the patches are listed merge block by merge block. Pixels [grid_h * grid_w, 3 * 2 * p * p], each row in the order (channel, frame, y, x).
/// </summary>
public sealed class Qwen2VlPreprocessor : IImagePreprocessor
{
    private const int LargestRatio = 200;

    /// <summary>Pixels of a resized image, so that its RGB bytes fit into one array.</summary>
    private const long LargestResult = int.MaxValue / 4;

    private readonly Qwen2VlImageOptions _options;
    private readonly PixelNormalizer _normalizer;

    /// <summary>Creates the preprocessing of a checkpoint.</summary>
    /// <param name="options">The checkpoint's settings.</param>
    public Qwen2VlPreprocessor(Qwen2VlImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TemporalPatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MergeSize, 1);
        _options = options;
        _normalizer = PixelNormalizer.Transformers(options.Mean, options.Std);
    }

    /// <inheritdoc/>
    public string Family => "Qwen-VL";

    /// <inheritdoc/>
    public string Description => string.Create(CultureInfo.InvariantCulture, $"own resolution from {_options.MinPixels} to {_options.MaxPixels} pixels, one visual token per {Block} px square");

    /// <inheritdoc/>
    public ImageLimitKinds KnownLimits => ImageLimitKinds.MinPixels | ImageLimitKinds.MaxPixels;

    private int Block => _options.PatchSize * _options.MergeSize;

    /// <inheritdoc/>
    public VisualLayout Plan(int width, int height, ImageLimits? limits = null)
    {
        var (resizedWidth, resizedHeight) = SmartResize(width, height, limits);
        return new VisualLayout(
            width, height, [new VisualTile(0, TileKind.Image, 0, resizedHeight / Block, resizedWidth / Block, 0, 0, width, height)]);
    }

    /// <inheritdoc/>
    public VisualInput Process(RgbImage image, ImageLimits? limits = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (width, height) = SmartResize(image.Width, image.Height, limits);
        var resized = PillowResampler.Resize(image, width, height, ResampleFilter.Bicubic, cancellationToken);
        int patch = _options.PatchSize, gridHeight = height / patch, gridWidth = width / patch;
        var patchFloats = 3 * _options.TemporalPatchSize * patch * patch;
        var pixels = GC.AllocateUninitializedArray<float>(checked(gridHeight * gridWidth * patchFloats));
        var stripFloats = gridWidth * _options.MergeSize * patchFloats;
        _ = Parallel.For(0, height / Block, new ParallelOptions { CancellationToken = cancellationToken }, strip => WriteStrip(resized, strip, pixels.AsSpan(strip * stripFloats, stripFloats)));
        return new VisualInput
        {
            PixelValues = pixels,
            Shape = [gridHeight * gridWidth, patchFloats],
            Layout = Plan(image.Width, image.Height, limits),
            Grid = (1, gridHeight, gridWidth),
        };
    }

    /// <inheritdoc/>
    public ProcessingCost Cost(int width, int height, ImageLimits? limits = null)
    {
        var (resizedWidth, resizedHeight) = SmartResize(width, height, limits);
        var pixels = (long)resizedWidth * resizedHeight;
        return ProcessingCost.Of(3 * _options.TemporalPatchSize * pixels, pixels, width, height);
    }

    /// <summary>
    /// The size an image is resized to: <c>smart_resize</c> of the transformers library from 4.47 on, which enlarges a side below one block
    /// (28 pixels) where earlier versions refused it.
    /// </summary>
    /// <param name="width">Columns of the original image.</param>
    /// <param name="height">Rows of the original image.</param>
    /// <param name="limits">The request's limits, or null for the checkpoint's.</param>
    /// <exception cref="ImageException">One side is more than 200 times the other, or the limits ask for more pixels than an image can have.</exception>
    /// <exception cref="ArgumentException">The limits contradict themselves.</exception>
    public (int Width, int Height) SmartResize(int width, int height, ImageLimits? limits = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        var least = limits?.MinPixels ?? Math.Min(_options.MinPixels, limits?.MaxPixels ?? long.MaxValue);
        var most = limits?.MaxPixels ?? Math.Max(_options.MaxPixels, limits?.MinPixels ?? 0);
        if (least < 1 || most < least)
        {
            throw new ArgumentException($"From {least} to {most} pixels is not a range of at least one pixel.", nameof(limits));
        }

        if ((double)Math.Max(width, height) / Math.Min(width, height) > LargestRatio)
        {
            throw new ImageException(
                ImageErrorReason.AspectRatio, $"The image is {width} x {height} pixels; {Family} accepts sides up to 1 : {LargestRatio}.");
        }

        double area = (double)width * height, block = Block;
        double h = Math.Round(height / block), w = Math.Round(width / block);
        if (h * block * w * block > most)
        {
            var shrink = Math.Sqrt(area / most);
            h = Math.Floor(height / shrink / block);
            w = Math.Floor(width / shrink / block);
        }
        else if (h * block * w * block < least)
        {
            var enlarge = Math.Sqrt(least / area);
            h = Math.Ceiling(height * enlarge / block);
            w = Math.Ceiling(width * enlarge / block);
        }

        // A very long image within a small limit would lose its short side altogether.
        (w, h) = (Math.Max(w, 1) * block, Math.Max(h, 1) * block);
        return w * h <= LargestResult
            ? ((int)w, (int)h)
            : throw new ImageException(
                ImageErrorReason.TooManyPixels,
                FormattableString.Invariant($"The pixel limits would enlarge the image of {width} x {height} pixels to {w:0} x {h:0}."));
    }

    /// <summary>One row of merge blocks: patches ordered (block column, row in block, column in block).</summary>
    private void WriteStrip(RgbImage image, int strip, Span<float> target)
    {
        int patch = _options.PatchSize, merge = _options.MergeSize, frames = _options.TemporalPatchSize;
        var frameFloats = patch * patch;
        var blocks = image.Width / Block;
        for (var block = 0; block < blocks; block++)
        {
            for (var inBlock = 0; inBlock < merge * merge; inBlock++)
            {
                var x = ((block * merge) + (inBlock % merge)) * patch;
                var y = ((strip * merge) + (inBlock / merge)) * patch;
                for (var channel = 0; channel < 3; channel++)
                {
                    var table = _normalizer.Table(channel);
                    var frame = target[..frameFloats];
                    for (int row = 0, o = 0; row < patch; row++)
                    {
                        var pixels = image.Row(y + row).Slice(3 * x, 3 * patch);
                        for (var i = channel; i < pixels.Length; i += 3)
                        {
                            frame[o++] = table[pixels[i]];
                        }
                    }

                    for (var copy = 1; copy < frames; copy++)
                    {
                        frame.CopyTo(target.Slice(copy * frameFloats, frameFloats));
                    }

                    target = target[(frames * frameFloats)..];
                }
            }
        }
    }
}
