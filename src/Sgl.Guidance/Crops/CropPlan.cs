namespace Sgl.Guidance;

/// <summary>What of an image is sent.</summary>
/// <param name="IsWhole">All of it, as it is: parts of it would hold most of it anyway.</param>
/// <param name="Crops">Its parts, from top to bottom; empty where it is sent whole, or where nothing of it is important.</param>
public sealed record ImageCrops(bool IsWhole, IReadOnlyList<CropRectangle> Crops);

/// <summary>
/// The few rectangles of a prompt's images that hold a given share of the importance, for engines that can be sent pictures and nothing else. Ours, not the paper's.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>Every image is laid out in square cells, <c>g</c> the multiple of <see cref="CropOptions.Grid"/> that gives at most 32 of them along a side. The importance of a token goes to the cells that it
/// shows, by the area that each has of it; overviews are left out where other grids show the same.</item>
/// <item>The weight of a cell is its importance above the mean of all cells of all images, <c>w = max(0, a - mean a)</c>: attention that is spread evenly says nothing about a place. Where that leaves
/// nothing, <c>w = a</c>.</item>
/// <item>Needed are the fewest cells whose weight is the share <see cref="CropOptions.Coverage"/> of all weight: the heaviest first, equal ones together.</item>
/// <item>Each group of needed cells that touch, at corners too, has its bounding box, grown by the margin. Of all pairs the one is joined whose common box adds the fewest pixels, until there are at most
/// <see cref="CropOptions.MaxCrops"/> of an image and no pair is left whose common box is no larger than the two.</item>
/// </list>
/// At most 1,024 cells and 256 groups an image, whatever its size.
/// </remarks>
public sealed class CropPlan
{
    private CropPlan(IReadOnlyList<ImageCrops> images, double covered) => (Images, CoveredShare) = (images, covered);

    /// <summary>One for each image.</summary>
    public IReadOnlyList<ImageCrops> Images { get; }

    /// <summary>Share of the weight that lies in what is sent in full resolution, 0 to 1; 1 without any weight.</summary>
    public double CoveredShare { get; }

    /// <summary>Chooses the parts.</summary>
    /// <param name="images">The images, in the order of the prompt.</param>
    /// <param name="importance">A, one number per visual token of the prompt, not negative.</param>
    /// <param name="options">How.</param>
    /// <exception cref="GuidanceException">An option is out of range, a grid shows nothing or has tokens that do not exist, or a number is none.</exception>
    public static CropPlan Create(IReadOnlyList<CropImage> images, ReadOnlySpan<float> importance, CropOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        options ??= new CropOptions();
        Check(options);
        var cells = new CellWeights[images.Count];
        for (var i = 0; i < cells.Length; i++)
        {
            cells[i] = CellWeights.Of(images[i], importance, options.Grid, $"images[{i}]");
        }

        CellWeights.SubtractMean(cells);
        var needed = Needed(cells, options.Coverage);
        var planned = new ImageCrops[cells.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            planned[i] = Plan(images[i], cells[i], needed[i], options);
        }

        return new CropPlan(planned, Covered(cells, planned));
    }

    private static ImageCrops Plan(CropImage image, CellWeights cells, bool[] needed, CropOptions options)
    {
        var boxes = CropBoxes.Of(cells, needed, options.Margin, options.MaxCrops);
        var crops = boxes.Select(b => cells.Pixels(b)).OrderBy(c => c.Y).ThenBy(c => c.X).ToList();
        var isWhole = crops.Sum(c => c.Area) > options.WholeShare * image.Width * image.Height;
        return new ImageCrops(isWhole, isWhole ? [] : crops);
    }

    private static bool[][] Needed(CellWeights[] cells, double coverage)
    {
        var needed = Array.ConvertAll(cells, c => new bool[c.Weights.Length]);
        var order = cells.SelectMany((c, i) => c.Weights.Select((w, cell) => (Weight: w, Image: i, Cell: cell))).Where(c => c.Weight > 0)
            .OrderByDescending(c => c.Weight).ThenBy(c => c.Image).ThenBy(c => c.Cell).ToList();
        var wanted = coverage * order.Sum(c => c.Weight);
        var (sum, last) = (0.0, 0.0);
        foreach (var (weight, image, cell) in order)
        {
            // The cells of one token weigh the same but for rounding, and none of them is a better place than the others.
            if (sum >= wanted && weight < last * (1 - 1e-9))
            {
                break;
            }

            needed[image][cell] = wanted > 0;
            sum += weight;
            last = weight;
        }

        return needed;
    }

    private static double Covered(CellWeights[] cells, ImageCrops[] planned)
    {
        var (all, covered) = (0.0, 0.0);
        for (var i = 0; i < cells.Length; i++)
        {
            for (var cell = 0; cell < cells[i].Weights.Length; cell++)
            {
                var weight = cells[i].Weights[cell];
                var pixels = cells[i].Pixels(cells[i].Box(cell));
                all += weight;
                covered += planned[i].IsWhole || planned[i].Crops.Any(c => c.Contains(pixels)) ? weight : 0;
            }
        }

        return all > 0 ? covered / all : 1;
    }

    private static void Check(CropOptions options)
    {
        KeepCount.RequireRatio(options.Coverage, "coverage");
        KeepCount.RequireRatio(options.WholeShare, "whole_share");
        Between(options.MaxCrops, 1, 64, "max_crops");
        Between(options.Grid, 1, 4096, "grid");
        Between(options.Margin, 0, CropOptions.MostCells, "margin");

        static void Between(int value, int least, int most, string field)
        {
            if (value < least || value > most)
            {
                throw new GuidanceException(field, $"must be between {least} and {most}, was {value}");
            }
        }
    }
}
