using System.Globalization;
using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// LLaVA-OneVision's anyres_max_9: the whole image in one view, then the image padded on a canvas of the best resolution and cut
/// row-major into views. Pixels [views, 3, side, side], base view first. In prompts with several images each has one view only, padded to a square.
/// </summary>
public sealed class LlavaOneVisionPreprocessor : IImagePreprocessor
{
    private readonly LlavaOneVisionImageOptions _options;
    private readonly PixelNormalizer _normalizer;
    private readonly IReadOnlyList<(int Height, int Width)> _pinpoints;
    private readonly int _tokensPerSide;

    /// <summary>Creates the preprocessing of a checkpoint.</summary>
    /// <param name="options">The checkpoint's settings.</param>
    /// <exception cref="ArgumentException">A pinpoint is no multiple of the image size, or the patch is larger than the image.</exception>
    public LlavaOneVisionPreprocessor(LlavaOneVisionImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ImageSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ImageSize, options.PatchSize);
        _options = options;
        _normalizer = PixelNormalizer.Transformers(options.Mean, options.Std);
        _tokensPerSide = options.ImageSize / options.PatchSize;
        _pinpoints = options.Pinpoints ?? AllUpToSix(options.ImageSize);
        if (_pinpoints.Count == 0
            || _pinpoints.Any(p => p.Height < 1 || p.Width < 1 || p.Height % options.ImageSize != 0 || p.Width % options.ImageSize != 0))
        {
            throw new ArgumentException(
                $"image_grid_pinpoints must be multiples of the image size {options.ImageSize}.", nameof(options));
        }
    }

    /// <inheritdoc/>
    public string Family => "LLaVA-OneVision";

    /// <inheritdoc/>
    public string Description
    {
        get
        {
            var side = _options.ImageSize / _options.PatchSize;
            return string.Create(CultureInfo.InvariantCulture, $"base view and tiles of {_options.ImageSize} px, {side * side} visual tokens each, at most {_options.MaxTilesAnyres} tiles' worth");
        }
    }

    /// <inheritdoc/>
    public ImageLimitKinds KnownLimits => ImageLimitKinds.MaxTiles;

    /// <inheritdoc/>
    public IImagePreprocessor ForImages(int count) =>
        count <= 1 || _options.SingleView ? this : new LlavaOneVisionPreprocessor(_options with { SingleView = true });

    /// <inheritdoc/>
    public VisualLayout Plan(int width, int height, ImageLimits? limits = null)
    {
        if (_options.SingleView)
        {
            PaddedSquare.Check(width, height);
            var (left, top) = PaddedSquare.Offset(width, height);
            var square = Math.Max(width, height);
            var view = BaseTile(square, square) with { X = -left, Y = -top };
            var newline = new VisualTile(1, TileKind.Packed, view.TokenCount, 1, 1, width, 0, 0, height) { NewlineColumns = 1 };
            return new VisualLayout(width, height, [view, newline]);
        }

        var baseTile = BaseTile(width, height);
        return new VisualLayout(width, height, [baseTile, PackedTile(width, height, baseTile.TokenCount, Geometry(width, height, limits))]);
    }

    /// <inheritdoc/>
    public VisualInput Process(RgbImage image, ImageLimits? limits = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        var side = _options.ImageSize;
        var viewFloats = 3 * side * side;
        var layout = Plan(image.Width, image.Height, limits);
        var geometry = _options.SingleView ? null : Geometry(image.Width, image.Height, limits);
        var views = 1 + (geometry is null ? 0 : geometry.Packed.GridRows * geometry.Packed.GridColumns);
        var pixels = GC.AllocateUninitializedArray<float>(checked(views * viewFloats));
        var whole = _options.SingleView ? PaddedSquare.Resize(image, side, Padding(), cancellationToken) : PillowResampler.Resize(image, side, side, ResampleFilter.Bicubic, cancellationToken);
        _normalizer.WritePlanes(whole, 0, 0, side, side, pixels.AsSpan(0, viewFloats));
        if (geometry is not null)
        {
            var canvas = PaintCanvas(image, geometry, _options.OddPadding, cancellationToken);
            _ = Parallel.For(1, views, new ParallelOptions { CancellationToken = cancellationToken }, v =>
            {
                int x = (v - 1) % geometry.Packed.GridColumns * side, y = (v - 1) / geometry.Packed.GridColumns * side;
                var view = canvas.Crop(x, y, Math.Min(side, canvas.Width - x), Math.Min(side, canvas.Height - y));
                view = PillowResampler.Resize(view, side, side, ResampleFilter.Bicubic, cancellationToken);
                _normalizer.WritePlanes(view, 0, 0, side, side, pixels.AsSpan(v * viewFloats, viewFloats));
            });
        }

        return new VisualInput
        {
            PixelValues = pixels,
            Shape = [views, 3, side, side],
            Layout = layout,
            Packed = geometry?.Packed,
        };
    }

    /// <inheritdoc/>
    public ProcessingCost Cost(int width, int height, ImageLimits? limits = null)
    {
        var side = (long)_options.ImageSize * _options.ImageSize;
        if (_options.SingleView)
        {
            PaddedSquare.Check(width, height);
            return ProcessingCost.Of(3 * side, side + ((_options.ImageSize + (2L * PaddedSquare.BandRows)) * Math.Max(width, height)), width, height);
        }

        // The resized picture, the canvas it lies on, and its views.
        var packed = Geometry(width, height, limits).Packed;
        var canvas = side * packed.GridRows * packed.GridColumns;
        return ProcessingCost.Of(3 * (side + canvas), side + (3 * canvas), width, height);
    }

    /// <summary>How the features of an image of this size are packed; null where each image has one view only.</summary>
    /// <param name="width">Columns of the original image.</param>
    /// <param name="height">Rows of the original image.</param>
    /// <param name="limits">The request's limits, or null for the checkpoint's.</param>
    /// <exception cref="ImageException">The short side would hold no visual token.</exception>
    /// <exception cref="ArgumentException">The limits contradict themselves.</exception>
    public PackedGeometry? Pack(int width, int height, ImageLimits? limits = null) =>
        _options.SingleView ? null : Geometry(width, height, limits).Packed;

    private static RgbImage PaintCanvas(RgbImage image, AnyresGeometry geometry, OddPadding oddPadding, CancellationToken cancellationToken)
    {
        // Half the missing pixels on each side; the old rule drops the odd one, and the canvas with it.
        var width = oddPadding == OddPadding.Short ? geometry.ResizedWidth + (2 * geometry.Left) : geometry.CanvasWidth;
        var height = oddPadding == OddPadding.Short ? geometry.ResizedHeight + (2 * geometry.Top) : geometry.CanvasHeight;
        var resized = PillowResampler.Resize(image, geometry.ResizedWidth, geometry.ResizedHeight, ResampleFilter.Bicubic, cancellationToken);
        if (resized.Width == width && resized.Height == height)
        {
            return resized;
        }

        var canvas = RgbImage.Create(width, height);
        canvas.Paste(resized, geometry.Left, geometry.Top);
        return canvas;
    }

    private static (int Height, int Width)[] AllUpToSix(int imageSize) =>
        [.. from rows in Enumerable.Range(1, 6) from columns in Enumerable.Range(1, 6) select (rows * imageSize, columns * imageSize)];

    private (byte Red, byte Green, byte Blue) Padding()
    {
        return (Level(0), Level(1), Level(2));

        byte Level(int channel) => (byte)Math.Clamp((int)(_options.Mean[channel] * 255.0), 0, 255);
    }

    private AnyresGeometry Geometry(int width, int height, ImageLimits? limits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        var maxTiles = limits?.MaxTiles ?? _options.MaxTilesAnyres;
        return maxTiles >= 1
            ? AnyresGeometry.Create(width, height, _pinpoints, _options.ImageSize, _tokensPerSide, maxTiles)
            : throw new ArgumentException($"{maxTiles} tiles are not at least one.", nameof(limits));
    }

    private VisualTile BaseTile(int width, int height)
    {
        var seen = (double)(_tokensPerSide * _options.PatchSize) / _options.ImageSize;
        return new VisualTile(0, TileKind.Base, 0, _tokensPerSide, _tokensPerSide, 0, 0, width * seen, height * seen);
    }

    private VisualTile PackedTile(int width, int height, int firstToken, AnyresGeometry geometry)
    {
        // Token edges on the canvas, mapped back to the image. Rounding when padding was removed can leave up to a token beyond it.
        var packed = geometry.Packed;
        var tokenSide = (double)_options.ImageSize / _tokensPerSide;
        double scaleX = (double)width / geometry.ResizedWidth, scaleY = (double)height / geometry.ResizedHeight;
        var left = Math.Clamp(((packed.FirstColumn * tokenSide) - geometry.Left) * scaleX, 0, width);
        var right = Math.Clamp((((packed.FirstColumn + packed.UnpaddedColumns) * tokenSide) - geometry.Left) * scaleX, 0, width);
        var top = Math.Clamp(((packed.FirstRow * tokenSide) - geometry.Top) * scaleY, 0, height);
        var bottom = Math.Clamp((((packed.FirstRow + packed.UnpaddedRows) * tokenSide) - geometry.Top) * scaleY, 0, height);
        return new VisualTile(
            1, TileKind.Packed, firstToken, packed.Rows, packed.Columns + 1, left, top, right - left, bottom - top)
        { NewlineColumns = 1 };
    }
}
