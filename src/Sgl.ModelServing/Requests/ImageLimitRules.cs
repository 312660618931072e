using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Checks and reads how images are cut.</summary>
public static class ImageLimitRules
{
    private const int MostTiles = 64;

    /// <summary>Reads <c>image_limits</c>.</summary>
    /// <param name="limits">Null: the checkpoint's.</param>
    /// <param name="field">Path of the message, e.g. <c>input.image_limits</c>.</param>
    /// <param name="violations">Gets what is wrong; the result is then not to be used.</param>
    public static ImageLimits? Read(Wire.ImageLimits? limits, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (limits is null)
        {
            return null;
        }

        var read = new ImageLimits
        {
            MinTiles = limits.HasMinTileCount ? limits.MinTileCount : null,
            MaxTiles = limits.HasMaxTileCount ? limits.MaxTileCount : null,
            MinPixels = limits.HasMinPixels ? limits.MinPixels : null,
            MaxPixels = limits.HasMaxPixels ? limits.MaxPixels : null,
        };
        CheckRange(read.MinTiles, 1, MostTiles, $"{field}.min_tile_count", violations);
        CheckRange(read.MaxTiles, read.MinTiles ?? 1, MostTiles, $"{field}.max_tile_count", violations);
        CheckRange(read.MinPixels, 1, long.MaxValue, $"{field}.min_pixels", violations);
        CheckRange(read.MaxPixels, read.MinPixels ?? 1, long.MaxValue, $"{field}.max_pixels", violations);
        return read;
    }

    private static void CheckRange(long? value, long min, long max, string field, ViolationList violations)
    {
        if (value < min || value > max)
        {
            violations.Add(field, max == long.MaxValue ? $"must be at least {min}, was {value}" : $"must be between {min} and {max}, was {value}");
        }
    }
}
