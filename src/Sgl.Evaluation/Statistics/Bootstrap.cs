using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>A measured value with its confidence interval.</summary>
/// <param name="Value">On the whole sample.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Estimate(double Value, double Low, double High)
{
    /// <summary>Half the interval's width.</summary>
    public double HalfWidth => (High - Low) / 2;
}

/// <summary>
/// Percentile bootstrap over clusters: whole clusters are drawn with replacement, so that questions on one image or rotated
/// copies do not count as independent. Seeded; equal seeds give equal intervals on every machine.
/// </summary>
public static class Bootstrap
{
    /// <summary>Resamples unless told otherwise.</summary>
    public const int DefaultResamples = 1000;

    /// <summary>The interval of any statistic.</summary>
    /// <param name="count">Number of clusters, at least 1.</param>
    /// <param name="statistic">From the drawn clusters' indices to a value; called with 0..count-1 for the value itself.</param>
    /// <param name="level">Confidence level.</param>
    /// <param name="resamples">How many draws.</param>
    /// <param name="seed">Seed of the draws.</param>
    public static Estimate Interval(
        int count, Func<int[], double> statistic, double level = 0.95, int resamples = DefaultResamples, ulong seed = 1)
    {
        var (value, draws) = Draws(count, statistic, resamples, seed);
        return Percentiles(value, draws, level);
    }

    /// <summary>The statistic itself and on every draw, for intervals of what is made from several statistics.</summary>
    public static (double Value, double[] Draws) Draws(
        int count, Func<int[], double> statistic, int resamples = DefaultResamples, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(statistic);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 1);
        var indices = new int[count];
        for (var i = 0; i < count; i++)
        {
            indices[i] = i;
        }

        var value = statistic(indices);
        var random = new SplitMix64(seed);
        var values = new double[resamples];
        for (var r = 0; r < resamples; r++)
        {
            for (var i = 0; i < count; i++)
            {
                indices[i] = (int)random.NextBelow((ulong)count);
            }

            values[r] = statistic(indices);
        }

        return (value, values);
    }

    /// <summary>The percentile interval of drawn values.</summary>
    public static Estimate Percentiles(double value, double[] draws, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(draws);
        if (!(level > 0 && level < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(level), level, "must be between 0 and 1");
        }

        var sorted = draws.Order().ToArray();
        var tail = (1 - level) / 2;
        return new Estimate(value, At(sorted, tail), At(sorted, 1 - tail));
    }

    /// <summary>The interval of a mean.</summary>
    public static Estimate Mean(
        IReadOnlyList<double> values, double level = 0.95, int resamples = DefaultResamples, ulong seed = 1) =>
        Interval(values.Count, indices => MeanOf(values, indices), level, resamples, seed);

    /// <summary>The interval of a metric's number.</summary>
    public static Estimate Metric(
        Metric metric,
        IReadOnlyList<IReadOnlyList<ScoredQuestion>> clusters,
        double level = 0.95,
        int resamples = DefaultResamples,
        ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(metric);
        return Interval(
            clusters.Count, indices => metric.Aggregate(Array.ConvertAll(indices, i => clusters[i])), level, resamples, seed);
    }

    private static double MeanOf(IReadOnlyList<double> values, int[] indices)
    {
        var sum = 0.0;
        foreach (var i in indices)
        {
            sum += values[i];
        }

        return sum / indices.Length;
    }

    /// <summary>Linear interpolation between order statistics.</summary>
    private static double At(double[] sorted, double quantile)
    {
        var place = quantile * (sorted.Length - 1);
        var below = (int)place;
        var above = Math.Min(below + 1, sorted.Length - 1);

        // Equal neighbours may both be infinite, where a baseline scored nothing.
        return sorted[below].Equals(sorted[above]) ? sorted[below] : sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }
}
