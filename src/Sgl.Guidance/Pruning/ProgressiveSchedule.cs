namespace Sgl.Guidance;

/// <summary>
/// Pruning in several steps in place of one: at each of n layers the same factor of what is there stays, so that early layers see more and late ones less for the same
/// average. The shape is PyramidDrop's (Xing et al. 2024); here the factor follows from the budget.
/// </summary>
public static class ProgressiveSchedule
{
    /// <summary>
    /// Steps at layers <c>K_j = K + floor(j (L - K) / n)</c>, j = 0..n-1, with keep ratios <c>q^(j+1)</c>, and q so that the average over all layers is the wanted one.
    /// One step is the paper's rule at the same average.
    /// </summary>
    /// <param name="layers">L, at least 1.</param>
    /// <param name="first">K, the first layer that sees fewer tokens, 0 to L - 1.</param>
    /// <param name="steps">n, 1 to L - K.</param>
    /// <param name="average">Wanted average retention; at least K / L, which the layers in front of K take alone, at most 1.</param>
    /// <returns>Layer and keep ratio of each step, by rising layer.</returns>
    /// <exception cref="GuidanceException">A number is out of range.</exception>
    public static IReadOnlyList<(int Layer, double KeepRatio)> Create(int layers, int first, int steps, double average)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        if (first < 0 || first >= layers)
        {
            throw new GuidanceException("first_layer", $"must be between 0 and {layers - 1}, was {first}");
        }

        if (steps < 1 || steps > layers - first)
        {
            throw new GuidanceException("steps", $"must be between 1 and {layers - first}, was {steps}");
        }

        KeepCount.RequireRatio(average, "retention");
        if (average * layers < first)
        {
            throw new GuidanceException("retention", FormattableString.Invariant($"must be at least {(double)first / layers:0.####}: {first} of {layers} layers see everything, was {average}"));
        }

        int[] at = [.. Enumerable.Range(0, steps).Select(j => first + (int)((long)j * (layers - first) / steps))];
        // The average rises with q, from the layers in front alone to everything.
        var (low, high) = (0.0, 1.0);
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = Average(at, layers, middle) < average ? (middle, high) : (low, middle);
        }

        return [.. at.Select((layer, j) => (layer, Math.Pow(high, j + 1)))];
    }

    private static double Average(int[] at, int layers, double factor)
    {
        double sum = at[0];
        for (var j = 0; j < at.Length; j++)
        {
            sum += ((j + 1 < at.Length ? at[j + 1] : layers) - at[j]) * Math.Pow(factor, j + 1);
        }

        return sum / layers;
    }
}
