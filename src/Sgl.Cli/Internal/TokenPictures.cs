using System.Globalization;
using Sgl.Guidance;
using Sgl.Rendering;
using Sgl.Vision;

namespace Sgl.Cli.Internal;

/// <summary>An image of a prompt, to be drawn with its tokens.</summary>
/// <param name="Pixels">The image.</param>
/// <param name="Layout">Its tokens, counted from its first.</param>
/// <param name="FirstToken">Its first visual token in the prompt.</param>
internal sealed record PlacedImage(RgbImage Pixels, VisualLayout Layout, int FirstToken);

/// <summary>Pages like the paper's Figure 5: one row per image with the kept tokens at several ratios, and the heat map of importance.</summary>
internal static class TokenPictures
{
    /// <summary>The keep ratios of Figure 5, which retain 64, 35 and 9 % on average over the layers of the paper's large model.</summary>
    public static IReadOnlyList<double> FigureRatios { get; } = [.. new[] { 64, 35, 9 }.Select(p => PruneSchedule.Paper(p).KeepRatio)];

    /// <summary>Draws a page.</summary>
    /// <param name="images">Images in prompt order.</param>
    /// <param name="importance">One number per visual token of the prompt.</param>
    /// <param name="ratios">Keep ratios: shares of all visual tokens of the prompt.</param>
    /// <param name="side">Longer side of each picture in pixels.</param>
    public static RgbImage Page(IReadOnlyList<PlacedImage> images, float[] importance, IReadOnlyList<double> ratios, int side)
    {
        var options = new OverlayOptions { PictureSide = side };
        var masks = ratios.Select(ratio => KeepMask.FromImportance(importance, ratio)).ToList();
        var panels = new List<(RgbImage, string)>();
        foreach (var image in images)
        {
            for (var i = 0; i < ratios.Count; i++)
            {
                var kept = Kept(masks[i], image);
                panels.Add((TokenOverlay.KeptTokens(image.Pixels, image.Layout, kept, options), Caption(ratios[i], kept, images.Count > 1)));
            }

            var own = importance.AsSpan(image.FirstToken, image.Layout.TokenCount);
            panels.Add((TokenOverlay.HeatMap(image.Pixels, image.Layout, own, options), "importance"));
        }

        // One image alone makes a square of panels, several make rows that can be compared.
        return TokenOverlay.Grid(panels, images.Count == 1 ? (int)Math.Ceiling(Math.Sqrt(panels.Count)) : ratios.Count + 1);
    }

    private static bool[] Kept(KeepMask mask, PlacedImage image)
    {
        var kept = new bool[image.Layout.TokenCount];
        for (var i = 0; i < kept.Length; i++)
        {
            kept[i] = mask[image.FirstToken + i];
        }

        return kept;
    }

    private static string Caption(double ratio, bool[] kept, bool several) =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * ratio:0.#}% kept{(several ? " of all" : "")}: {kept.Count(k => k)} of {kept.Length}{(several ? " here" : "")}");
}
