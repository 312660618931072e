using Sgl.Requests;
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
}
