namespace Sgl.Guidance;

/// <summary>One of the paper's settings: a layer fraction and a keep ratio, equal to each other in all of them.</summary>
/// <param name="Percent">The name in the paper's tables: average retention on the 48-layer InternVL2-26B, rounded.</param>
/// <param name="LayerFraction">f in K = int(L f).</param>
/// <param name="KeepRatio">r, the share of visual tokens kept from layer K on.</param>
public sealed record PruneSetting(int Percent, double LayerFraction, double KeepRatio)
{
    /// <summary>K for a model of L layers.</summary>
    public int Layer(int layers) => PruneSchedule.Layer(layers, LayerFraction);

    /// <summary>The average retention for a model of L layers; <see cref="Percent"/> only where L = 48.</summary>
    public double AverageRetention(int layers) => PruneSchedule.AverageRetention(Layer(layers), KeepRatio, layers);
}

/// <summary>From layer fraction and keep ratio to prune layer and average retention (paper section 4.2).</summary>
public static class PruneSchedule
{
    /// <summary>
    /// 64, 50, 35, 18 and 9 %: f = r = 0.4, 0.3, 0.2, 0.1, 0.05. The percentages are averages over all layers and must not
    /// be used as keep ratios.
    /// </summary>
    public static IReadOnlyList<PruneSetting> PaperSettings { get; } =
    [
        new(64, 0.4, 0.4),
        new(50, 0.3, 0.3),
        new(35, 0.2, 0.2),
        new(18, 0.1, 0.1),
        new(9, 0.05, 0.05),
    ];

    /// <summary>The paper's setting of that name.</summary>
    /// <exception cref="GuidanceException">There is none.</exception>
    public static PruneSetting Paper(int percent) =>
        PaperSettings.FirstOrDefault(s => s.Percent == percent) ?? throw new GuidanceException(
            "retention", $"the paper has {string.Join(", ", PaperSettings.Select(s => s.Percent))} %, not {percent} %");

    /// <summary>K = int(L f). K = L means that no layer is pruned.</summary>
    /// <exception cref="GuidanceException">f is NaN or outside 0 to 1.</exception>
    public static int Layer(int layers, double fraction)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layers);
        KeepCount.RequireRatio(fraction, "layer_fraction");
        return (int)(layers * fraction);
    }

    /// <summary>The prune layers of the paper's settings for a model of L layers, ascending, each once.</summary>
    public static int[] PaperLayers(int layers) =>
        [.. PaperSettings.Select(s => s.Layer(layers)).Where(k => k < layers).Distinct().Order()];

    /// <summary>
    /// Layer and keep ratio with a wanted average retention, for models whose depth makes the paper's fractions miss it: K from
    /// the paper's setting nearest to the average (lower where K/L alone would exceed it), r = (average L - K) / (L - K).
    /// </summary>
    /// <param name="layers">L, at least 1.</param>
    /// <param name="average">Share of visual tokens, averaged over the layers, 0 to 1.</param>
    public static (int Layer, double KeepRatio) ForAverage(int layers, double average)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        KeepCount.RequireRatio(average, "retention");
        var nearest = PaperSettings.MinBy(s => Math.Abs((s.Percent / 100.0) - average))!;
        var layer = Math.Min(nearest.Layer(layers), (int)(average * layers));
        layer = Math.Min(layer, layers - 1);
        return (layer, Math.Clamp(((average * layers) - layer) / (layers - layer), 0, 1));
    }

    /// <summary>(K + (L-K) r) / L.</summary>
    public static double AverageRetention(int layer, double ratio, int layers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        KeepCount.RequireRatio(ratio, "keep_ratio");
        var full = Math.Min(layer, layers);
        return (full + ((layers - full) * ratio)) / layers;
    }
}
