namespace Sgl.Models.Internal;

/// <summary>Reads what every <c>preprocessor_config.json</c> has in common.</summary>
internal static class ImageNormalization
{
    /// <summary>Mean and standard deviation of each channel; the family's own where the file has none.</summary>
    public static (float[] Mean, float[] Std) Read(ConfigReader? file, float[] mean, float[] std)
    {
        if (file is null)
        {
            return (mean, std);
        }

        foreach (var (key, required) in new[] { ("do_normalize", true), ("do_rescale", true), ("do_resize", true) })
        {
            if (file.Bool(key, required) != required)
            {
                file.Problem(key, "true");
            }
        }

        if (file.Has("resample") && file.Int("resample", null, 0, int.MaxValue) != 3)
        {
            file.Problem("resample", "3 (bicubic)");
        }

        // 1/255 is written with 17 digits or rounded.
        if (Math.Abs((file.PositiveNumber("rescale_factor", 1.0 / 255) * 255) - 1) > 1e-6)
        {
            file.Problem("rescale_factor", "1/255");
        }

        return (Channels(file, "image_mean", mean, zeroAllowed: true), Channels(file, "image_std", std, zeroAllowed: false));
    }

    private static float[] Channels(ConfigReader file, string key, float[] fallback, bool zeroAllowed) =>
        file.Has(key) ? [.. file.Numbers(key, 3, zeroAllowed ? 0 : double.Epsilon).Select(v => (float)v)] : fallback;
}
