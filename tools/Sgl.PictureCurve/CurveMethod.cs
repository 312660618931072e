using Sgl.Guidance;

namespace Sgl.PictureCurve;

/// <summary>One point of a curve.</summary>
/// <param name="Curve">Name of the curve.</param>
/// <param name="Setting">What distinguishes the point, short.</param>
/// <param name="IsBridged">Whether the engine is asked through the bridge; else the large service itself.</param>
/// <param name="Guidance">From the small model's layout and importance.</param>
internal sealed record CurveMethod(string Curve, string Setting, bool IsBridged, Func<Wire.PromptLayout, Wire.Importance, Wire.Guidance> Guidance)
{
    // The demo pair's tiles; parts that begin and end with tiles keep the scale of the page.
    private const int Tile = 112;

    public string Key => $"{Curve}|{Setting}";

    public static IReadOnlyList<CurveMethod> All { get; } =
    [
        new("whole page", "", true, (_, _) => Pictures(new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.None }, null, null)),
        .. new[] { 9, 6, 4, 2, 1 }.Select(Downscaled),
        .. new[] { 0.2, 0.4, 0.6, 0.8, 0.95 }.Select(c => Crops("crops, one part", c, 1, 0)),
        .. new[] { 0.2, 0.4, 0.6, 0.8, 0.95 }.Select(c => Crops("crops, overview and up to 4 parts", c, 4, Tile)),
        .. PruneSchedule.PaperSettings.Select(s => Pruned(s.Percent)),
    ];

    private static CurveMethod Downscaled(int tiles) => new("uniform downscaling", $"{tiles} tiles", true, (_, _) => Pictures(
        new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Budget, Budget = new Wire.BudgetPolicy { ResizePixels = (long)tiles * Tile * Tile } }, null, null));

    private static CurveMethod Crops(string curve, double coverage, int parts, int overview) => new(curve, FormattableString.Invariant($"{coverage}"), true, (layout, importance) =>
    {
        // The demo model knows a question and a page; what a picture is it cannot be told.
        var crops = new Wire.CropPolicy { Coverage = coverage, MaxCrops = parts, OverviewSide = overview, Grid = Tile, Margin = 0, OmitCaptions = true };
        return Pictures(new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Crops, Crops = crops }, layout, importance);
    });

    private static CurveMethod Pruned(int percent) => new("pruned in the layers", FormattableString.Invariant($"{percent} %"), false, (_, importance) =>
    {
        var (layer, ratio) = PruneSchedule.ForAverage(8, percent / 100.0);
        return new Wire.Guidance { Ranked = new Wire.RankedGuidance { Importance = importance, Points = { new Wire.PrunePoint { Layer = layer, KeepRatio = ratio } } } };
    });

    private static Wire.Guidance Pictures(Wire.PicturePolicy policy, Wire.PromptLayout? layout, Wire.Importance? importance)
    {
        var pictures = new Wire.PictureGuidance { Policy = policy, Importance = importance };
        if (layout is not null)
        {
            pictures.Images.AddRange(layout.Images);
        }

        return new Wire.Guidance { Pictures = pictures };
    }
}
