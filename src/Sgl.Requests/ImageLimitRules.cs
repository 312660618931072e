namespace Sgl.Requests;

/// <summary>Checks how images are cut.</summary>
public static class ImageLimitRules
{
    /// <summary>Most tiles of one image.</summary>
    public const int MostTiles = 64;

    /// <summary>Notes what is wrong with <c>image_limits</c>.</summary>
    /// <param name="limits">Null: the checkpoint's.</param>
    /// <param name="field">Path of the message, e.g. <c>input.image_limits</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.ImageLimits? limits, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (limits is null)
        {
            return;
        }

        Range(limits.HasMinTileCount, limits.MinTileCount, 1, MostTiles, "min_tile_count");
        Range(limits.HasMaxTileCount, limits.MaxTileCount, limits.HasMinTileCount ? limits.MinTileCount : 1, MostTiles, "max_tile_count");
        Range(limits.HasMinPixels, limits.MinPixels, 1, long.MaxValue, "min_pixels");
        Range(limits.HasMaxPixels, limits.MaxPixels, limits.HasMinPixels ? limits.MinPixels : 1, long.MaxValue, "max_pixels");

        void Range(bool has, long value, long least, long most, string name)
        {
            if (has && value < least && most == long.MaxValue)
            {
                violations.Add($"{field}.{name}", $"must be at least {least}, was {value}");
            }
            else if (has)
            {
                violations.RequireBetween(value, least, most, $"{field}.{name}");
            }
        }
    }
}
