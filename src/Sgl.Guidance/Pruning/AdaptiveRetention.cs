namespace Sgl.Guidance;

/// <summary>
/// As many visual tokens as a question needs, in place of a fixed share: the fewest that hold a given share of the importance, within bounds,
/// <c>m = min { m : A_(1) + ... + A_(m) >= s (A_1 + ... + A_N) }</c> with <c>A_(i)</c> the i-th largest. Ours, not the paper's; the rule is nucleus
/// sampling's (Holtzman et al. 2020) for tokens to keep.
/// </summary>
public static class AdaptiveRetention
{
    // Least and largest share of the tokens that stays, in keep ratios.
    private const double Lowest = 0.25, Highest = 3;

    /// <summary>How many of the most important tokens stay in place of a share <paramref name="keepRatio"/> of all: a quarter to three times as many.</summary>
    /// <param name="importance">A, one number per visual token. Values below 0, as debiasing may leave them, hold nothing.</param>
    /// <param name="share">s, 0 to 1. Where nothing is important at all the lower bound decides.</param>
    /// <param name="keepRatio">r, 0 to 1.</param>
    /// <exception cref="GuidanceException">A NaN in the importance, or a share that is out of range.</exception>
    public static int Count(ReadOnlySpan<float> importance, double share, double keepRatio)
    {
        KeepCount.RequireRatio(keepRatio, "keep_ratio");
        return Count(importance, share, Lowest * keepRatio, Math.Min(1, Highest * keepRatio));
    }

    /// <summary>How many of the most important tokens stay.</summary>
    /// <param name="importance">A, one number per visual token. Values below 0, as debiasing may leave them, hold nothing.</param>
    /// <param name="share">s, 0 to 1. Where nothing is important at all the lower bound decides.</param>
    /// <param name="lowest">Least share of the tokens that stays, 0 to 1.</param>
    /// <param name="highest">Largest share of the tokens that stays, <paramref name="lowest"/> to 1.</param>
    /// <exception cref="GuidanceException">A NaN in the importance, or a share that is out of range.</exception>
    public static int Count(ReadOnlySpan<float> importance, double share, double lowest, double highest)
    {
        KeepCount.RequireRatio(share, "importance_share");
        KeepCount.RequireRatio(lowest, "lowest_keep_ratio");
        KeepCount.RequireRatio(highest, "highest_keep_ratio");
        if (highest < lowest)
        {
            throw new GuidanceException("highest_keep_ratio", FormattableString.Invariant($"must be at least lowest_keep_ratio, {lowest}, was {highest}"));
        }

        var ranking = Ranking.Descending(importance);
        var total = 0.0;
        foreach (var value in importance)
        {
            total += Math.Max(0, value);
        }

        var (count, held) = (0, 0.0);
        while (count < ranking.Length && held < share * total)
        {
            held += Math.Max(0, importance[ranking[count++]]);
        }

        return Math.Clamp(count, KeepCount.Of(importance.Length, lowest), KeepCount.Of(importance.Length, highest));
    }
}
