namespace Sgl.Guidance;

/// <summary>A prune plan in which whole tiles are dropped in front of layer 0, so that they need not be encoded.</summary>
public static class TilePlan
{
    /// <summary>
    /// The tokens of left-out tiles count as pruned from layer 0 on. The later steps keep as many tokens as they would without that, chosen by importance among
    /// those that are there; fewer only where there are fewer. Positions stay the original ones as in all pruning.
    /// </summary>
    /// <param name="ranking">Every visual token once, most important first (<see cref="Ranking"/>).</param>
    /// <param name="tiles">The prompt's tiles.</param>
    /// <param name="stays">One for each tile, e.g. by <see cref="TileSelection"/>.</param>
    /// <param name="points">Where to prune, and the share of all visual tokens that stays; ratios not rising from layer to layer.</param>
    /// <param name="layers">L of the model that is pruned; a point at L prunes nothing.</param>
    /// <exception cref="GuidanceException">The ranking is no permutation of the prompt's visual tokens, a ratio is out of range, or the points contradict each other.</exception>
    public static PrunePlan Create(ReadOnlySpan<int> ranking, TileTokens tiles, ReadOnlySpan<bool> stays, IEnumerable<(int Layer, double KeepRatio)> points, int layers)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        ArgumentNullException.ThrowIfNull(points);
        if (ranking.Length != tiles.TokenCount)
        {
            throw new GuidanceException("ranking", $"has {ranking.Length} tokens, the prompt has {tiles.TokenCount}");
        }

        // Checks that it is a permutation, too.
        _ = KeepMask.FromRanking(ranking, 0);
        var present = tiles.TokensOf(stays);
        int[] ranked = [.. ranking.ToArray().Where(token => present[token])];
        var steps = points.Where(p => p.Layer < layers).Select(p => new PruneStep(
            p.Layer, KeepMask.FromIndices(tiles.TokenCount, ranked.AsSpan(0, Math.Min(ranked.Length, KeepCount.Of(tiles.TokenCount, p.KeepRatio)))))).ToList();
        if (present.Count < present.Length && steps.TrueForAll(s => s.Layer != 0))
        {
            steps.Add(new PruneStep(0, present));
        }

        return PrunePlan.Create(steps, layers, tiles.TokenCount);
    }
}
