namespace Sgl.Guidance;

/// <summary>How many visual tokens stay for a keep ratio (paper section 3.2, "the top R%").</summary>
public static class KeepCount
{
    /// <summary>
    /// trunc(float32(N) * float32(r)): the authors multiply in float32, so N = 180, r = 0.35 keeps 63, not 62.
    /// The count may be zero; then no visual token is kept.
    /// </summary>
    /// <param name="visualTokens">N_I, at least 0.</param>
    /// <param name="ratio">The keep ratio r at the prune layer, 0 to 1. Not the average retention over the layers.</param>
    /// <exception cref="GuidanceException">The ratio is NaN or outside 0 to 1.</exception>
    public static int Of(int visualTokens, double ratio)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(visualTokens);
        RequireRatio(ratio, "keep_ratio");
        return Math.Min(visualTokens, (int)((float)visualTokens * (float)ratio));
    }

    internal static void RequireRatio(double ratio, string field)
    {
        if (!(ratio >= 0 && ratio <= 1))
        {
            throw new GuidanceException(field, FormattableString.Invariant($"must be between 0 and 1, was {ratio}"));
        }
    }
}
