using System.Globalization;
using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// InternVL2's dynamic tiling: the image is squashed to the grid of tiles whose ratio is closest to its own, the tiles are cut
/// row-major, and the whole image follows as a thumbnail. Pixels [tiles, 3, side, side].
/// </summary>
public sealed class InternVlPreprocessor : IImagePreprocessor
{
    private readonly InternVlImageOptions _options;
    private readonly PixelNormalizer _normalizer;

    /// <summary>Creates the preprocessing of a checkpoint.</summary>
    /// <param name="options">The checkpoint's settings.</param>
    public InternVlPreprocessor(InternVlImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ImageSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TokensPerTileSide, 1);
        _options = options;
        _normalizer = PixelNormalizer.TorchVision(options.Mean, options.Std);
    }

    /// <inheritdoc/>
    public string Family => "InternVL2";

    /// <inheritdoc/>
    public string Description => string.Create(CultureInfo.InvariantCulture, $"{(_options.DynamicImageSize ? $"{_options.MinTiles} to {_options.MaxTiles} tiles" : "one tile")} of {_options.ImageSize} px{(_options.UseThumbnail && _options.DynamicImageSize ? " and a thumbnail" : "")}, {_options.TokensPerTileSide * _options.TokensPerTileSide} visual tokens each");

    /// <inheritdoc/>
    public ImageLimitKinds KnownLimits => ImageLimitKinds.MinTiles | ImageLimitKinds.MaxTiles;

    /// <inheritdoc/>
    public VisualLayout Plan(int width, int height, ImageLimits? limits = null)
    {
        var (columns, rows) = ChooseGrid(width, height, limits);
        var side = _options.TokensPerTileSide;
        var tiles = new List<VisualTile>((columns * rows) + 1);
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                double left = (double)width * c / columns, top = (double)height * r / rows;
                tiles.Add(new VisualTile(
                    tiles.Count, TileKind.Tile, tiles.Count * side * side, side, side, left, top,
                    ((double)width * (c + 1) / columns) - left, ((double)height * (r + 1) / rows) - top));
            }
        }

        if (_options.UseThumbnail && tiles.Count > 1)
        {
            tiles.Add(new VisualTile(
                tiles.Count, TileKind.Thumbnail, tiles.Count * side * side, side, side, 0, 0, width, height));
        }

        return new VisualLayout(width, height, tiles);
    }

    /// <inheritdoc/>
    public VisualInput Process(RgbImage image, ImageLimits? limits = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        var layout = Plan(image.Width, image.Height, limits);
        var (columns, rows) = ChooseGrid(image.Width, image.Height, limits);
        var side = _options.ImageSize;
        var tileFloats = 3 * side * side;
        var pixels = GC.AllocateUninitializedArray<float>(checked(layout.Tiles.Count * tileFloats));
        var grid = PillowResampler.Resize(image, columns * side, rows * side, ResampleFilter.Bicubic, cancellationToken);
        var thumbnail = layout.Tiles[^1].Kind == TileKind.Thumbnail
            ? PillowResampler.Resize(image, side, side, ResampleFilter.Bicubic, cancellationToken)
            : null;
        _ = Parallel.For(0, layout.Tiles.Count, new ParallelOptions { CancellationToken = cancellationToken }, t =>
        {
            var target = pixels.AsSpan(t * tileFloats, tileFloats);
            if (layout.Tiles[t].Kind == TileKind.Thumbnail)
            {
                _normalizer.WritePlanes(thumbnail!, 0, 0, side, side, target);
            }
            else
            {
                _normalizer.WritePlanes(grid, t % columns * side, t / columns * side, side, side, target);
            }
        });

        return new VisualInput { PixelValues = pixels, Shape = [layout.Tiles.Count, 3, side, side], Layout = layout };
    }

    /// <inheritdoc/>
    public ProcessingCost Cost(int width, int height, ImageLimits? limits = null)
    {
        var pixels = (long)Plan(width, height, limits).Tiles.Count * _options.ImageSize * _options.ImageSize;
        return ProcessingCost.Of(3 * pixels, pixels, width, height);
    }

    /// <summary>Columns and rows of tiles for an image (the reference's <c>find_closest_aspect_ratio</c>).</summary>
    /// <param name="width">Columns of pixels.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="limits">The request's limits, or null for the checkpoint's.</param>
    /// <exception cref="ArgumentException">The limits contradict themselves.</exception>
    public (int Columns, int Rows) ChooseGrid(int width, int height, ImageLimits? limits = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        var least = limits?.MinTiles ?? Math.Min(_options.MinTiles, limits?.MaxTiles ?? int.MaxValue);
        var most = limits?.MaxTiles ?? Math.Max(_options.MaxTiles, limits?.MinTiles ?? 0);
        if (least < 1 || most < least)
        {
            throw new ArgumentException($"From {least} to {most} tiles is not a range of at least one tile.", nameof(limits));
        }

        if (!_options.DynamicImageSize)
        {
            return (1, 1);
        }

        var ratio = (double)width / height;
        var area = (double)width * height;
        var (best, bestDifference) = ((Columns: 1, Rows: 1), double.PositiveInfinity);
        for (var count = least; count <= most; count++)
        {
            for (var columns = 1; columns <= count; columns++)
            {
                var (rows, rest) = Math.DivRem(count, columns);
                if (rest != 0)
                {
                    continue;
                }

                // Among grids of one ratio (1 x 1, 2 x 2, ...) the larger wins once the image fills half of it.
                var difference = Math.Abs(ratio - ((double)columns / rows));
                if (difference < bestDifference
                    || (difference == bestDifference && area > 0.5 * _options.ImageSize * _options.ImageSize * columns * rows))
                {
                    (best, bestDifference) = ((columns, rows), difference);
                }
            }
        }

        return best;
    }
}
