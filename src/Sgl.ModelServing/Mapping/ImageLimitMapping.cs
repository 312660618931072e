using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>How images are cut, from the wire.</summary>
internal static class ImageLimitMapping
{
    /// <summary>The limits.</summary>
    /// <param name="limits">Passed <see cref="ImageLimitRules"/>; null: the checkpoint's.</param>
    public static ImageLimits? From(Wire.ImageLimits? limits) => limits is null ? null : new ImageLimits
    {
        MinTiles = limits.HasMinTileCount ? limits.MinTileCount : null,
        MaxTiles = limits.HasMaxTileCount ? limits.MaxTileCount : null,
        MinPixels = limits.HasMinPixels ? limits.MinPixels : null,
        MaxPixels = limits.HasMaxPixels ? limits.MaxPixels : null,
    };

    /// <summary>Notes limits that the served model's family does not know: they would be ignored without a word.</summary>
    /// <param name="limits">From the request.</param>
    /// <param name="known">The family's.</param>
    /// <param name="field">Path of the message, e.g. <c>input.image_limits</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void CheckKnown(Wire.ImageLimits? limits, ImageLimitKinds known, string field, ViolationList violations)
    {
        (bool Given, ImageLimitKinds Kind, string Name)[] all =
        [
            (limits?.HasMinTileCount ?? false, ImageLimitKinds.MinTiles, "min_tile_count"),
            (limits?.HasMaxTileCount ?? false, ImageLimitKinds.MaxTiles, "max_tile_count"),
            (limits?.HasMinPixels ?? false, ImageLimitKinds.MinPixels, "min_pixels"),
            (limits?.HasMaxPixels ?? false, ImageLimitKinds.MaxPixels, "max_pixels"),
        ];
        var names = string.Join(" and ", all.Where(l => known.HasFlag(l.Kind)).Select(l => l.Name));
        foreach (var limit in all.Where(l => l.Given && !known.HasFlag(l.Kind)))
        {
            violations.Add($"{field}.{limit.Name}", $"means nothing to this model's family, which has {(names.Length == 0 ? "no such limits" : names)}");
        }
    }
}
