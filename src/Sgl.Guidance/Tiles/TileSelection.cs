namespace Sgl.Guidance;

/// <summary>
/// Which tiles a large model need not encode, told from the small model's importance. Ours, not the paper's.
/// </summary>
/// <remarks>
/// <para>
/// The peak of a tile is the mean of its most important tokens, one in sixteen and at least one:
/// <c>p(t) = mean of the ceil(n_t / 16) largest A_i, i in t</c>. Of the k tiles of the prompt that could be left out, a tile stays where
/// <c>p(t) >= threshold * max p</c>, and the second best already where <c>p(t) >= min(1, 2 / k) * threshold * max p</c>. Overviews always stay, and of an image
/// without one its best tile.
/// </para>
/// <para>
/// Peaks, because a tile matters by the little of it that is looked at, not by how much of it there is: a rule over sums keeps more tiles for the same score.
/// A share of the tokens and not the best one alone, because single tokens of an empty background may gather attention. Relative to the best tile,
/// because a question about one spot needs few tiles and one about everything needs all. The second one sooner, because a model that sees a single tile of
/// many no longer knows where on the page it lies. What was measured: docs/guided-tiles.md.
/// </para>
/// </remarks>
public static class TileSelection
{
    /// <summary>The threshold where nothing else is asked for: 55 % of the tiles of either benchmark stay, for at most 0.4 points.</summary>
    public const double DefaultThreshold = 0.5;

    private const int TokensPerPeak = 16;

    /// <summary>The tiles that stay.</summary>
    /// <param name="importance">A, one number per visual token.</param>
    /// <param name="tiles">The prompt's tiles.</param>
    /// <param name="threshold">0 (all tiles stay) to 1 (of those that could be left out only the best).</param>
    /// <returns>One for each tile.</returns>
    /// <exception cref="GuidanceException">The threshold is out of range, the importance has another length or holds something that is not a number.</exception>
    public static bool[] Guided(ReadOnlySpan<float> importance, TileTokens tiles, double threshold = DefaultThreshold)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        KeepCount.RequireRatio(threshold, "threshold");
        if (importance.Length != tiles.TokenCount)
        {
            throw new GuidanceException("importance", $"has {importance.Length} numbers, the prompt has {tiles.TokenCount} visual tokens");
        }

        var peaks = Peaks(importance, tiles);
        double[] ranked = [.. Enumerable.Range(0, peaks.Length).Where(t => !tiles.IsOverview(t)).Select(t => peaks[t]).OrderDescending()];

        // Where nothing is looked at, nothing is ruled out.
        var bar = threshold > 0 && ranked is [> 0, ..] ? threshold * ranked[0] : double.NegativeInfinity;
        if (ranked.Length > 1 && ranked[1] >= Math.Min(1, 2.0 / ranked.Length) * bar)
        {
            bar = Math.Min(bar, ranked[1]);
        }

        var stays = Array.ConvertAll(peaks, peak => peak >= bar);
        foreach (var image in Enumerable.Range(0, peaks.Length).GroupBy(tiles.ImageOf))
        {
            if (image.Any(tiles.IsOverview))
            {
                image.Where(tiles.IsOverview).ToList().ForEach(t => stays[t] = true);
            }
            else
            {
                stays[image.MaxBy(t => peaks[t])] = true;
            }
        }

        return stays;
    }

    /// <summary>p of each tile. A token belongs to the tile it shows most of; 0 for a tile without tokens.</summary>
    private static double[] Peaks(ReadOnlySpan<float> importance, TileTokens tiles)
    {
        var own = new List<float>[tiles.TileCount];
        for (var t = 0; t < own.Length; t++)
        {
            own[t] = [];
        }

        for (var token = 0; token < importance.Length; token++)
        {
            if (float.IsNaN(importance[token]))
            {
                throw new GuidanceException($"importance[{token}]", "is not a number");
            }

            if (!tiles.IsSeparator(token))
            {
                own[tiles.TilesOf(token)[0]].Add(importance[token]);
            }
        }

        return Array.ConvertAll(own, values =>
        {
            values.Sort();
            var count = (values.Count + TokensPerPeak - 1) / TokensPerPeak;
            return values.TakeLast(count).Select(v => (double)v).DefaultIfEmpty().Average();
        });
    }
}
