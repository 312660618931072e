namespace Sgl.Evaluation;

/// <summary>One question as an exit criterion sees it.</summary>
/// <param name="ExitScore">The criterion's score; NaN never exits.</param>
/// <param name="Small">Metric score of the small model's answer, 0 to 1.</param>
/// <param name="Large">Metric score of the large model's answer, 0 to 1.</param>
public readonly record struct ExitSample(double ExitScore, double Small, double Large);

/// <summary>A point of the curve.</summary>
/// <param name="ExitRatio">Share of questions answered by the small model alone.</param>
/// <param name="Score">Mean metric score of the mixture, in percent.</param>
/// <param name="Threshold">Questions at or above it exit; infinite at ratio 0.</param>
public readonly record struct ExitPoint(double ExitRatio, double Score, double Threshold);

/// <summary>
/// Score against early-exit ratio as the threshold falls (paper Figure 4): the surest answers of the small model are taken, all
/// others come from the large one.
/// </summary>
/// <remarks>
/// Questions with equal exit scores cross a threshold together. Between the points before and after such a tie the curve is a
/// straight line, the mean over all orders within the tie. Questions whose score is NaN come last.
/// </remarks>
public sealed class ExitCurve
{
    private readonly ExitPoint[] _points;

    private ExitCurve(ExitPoint[] points) => _points = points;

    /// <summary>From ratio 0 (large model alone) to 1 (small model alone).</summary>
    public IReadOnlyList<ExitPoint> Points => _points;

    /// <summary>The large model's score in percent.</summary>
    public double LargeScore => _points[0].Score;

    /// <summary>The small model's score in percent.</summary>
    public double SmallScore => _points[^1].Score;

    /// <summary>
    /// Area between the curve and the small model's score, in percent points: the mean advantage over the small model when the
    /// exit ratio is drawn evenly from 0 to 1. Larger means a better criterion; a criterion that knows nothing gets
    /// (large - small) / 2.
    /// </summary>
    public double Area
    {
        get
        {
            var area = 0.0;
            for (var i = 1; i < _points.Length; i++)
            {
                var mean = ((_points[i].Score + _points[i - 1].Score) / 2) - SmallScore;
                area += mean * (_points[i].ExitRatio - _points[i - 1].ExitRatio);
            }

            return area;
        }
    }

    /// <summary>Builds the curve.</summary>
    /// <param name="samples">At least one.</param>
    public static ExitCurve Of(IReadOnlyList<ExitSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        if (samples.Count == 0)
        {
            throw new EvaluationException("an exit curve needs at least one question");
        }

        // NaN sorts below every number in .NET, so it comes last here.
        var ordered = samples.OrderByDescending(s => s.ExitScore).ToArray();
        var sum = samples.Sum(s => s.Large);
        var points = new List<ExitPoint> { new(0, 100 * sum / ordered.Length, double.PositiveInfinity) };
        for (var i = 0; i < ordered.Length; i++)
        {
            sum += ordered[i].Small - ordered[i].Large;
            if (i + 1 == ordered.Length || !ordered[i + 1].ExitScore.Equals(ordered[i].ExitScore))
            {
                points.Add(new((i + 1.0) / ordered.Length, 100 * sum / ordered.Length, ordered[i].ExitScore));
            }
        }

        return new ExitCurve([.. points]);
    }

    /// <summary>The score at an exit ratio, 0 to 1, in percent.</summary>
    public double ScoreAt(double exitRatio)
    {
        if (!(exitRatio >= 0 && exitRatio <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(exitRatio), exitRatio, "must be between 0 and 1");
        }

        for (var i = 1; i < _points.Length; i++)
        {
            if (exitRatio <= _points[i].ExitRatio)
            {
                var (before, after) = (_points[i - 1], _points[i]);
                var share = (exitRatio - before.ExitRatio) / (after.ExitRatio - before.ExitRatio);
                return before.Score + (share * (after.Score - before.Score));
            }
        }

        return SmallScore;
    }

    /// <summary>The area with its bootstrap interval.</summary>
    public static Estimate AreaOf(IReadOnlyList<ExitSample> samples, int resamples = Bootstrap.DefaultResamples, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(samples);
        return Bootstrap.Interval(
            samples.Count, indices => Of(Array.ConvertAll(indices, i => samples[i])).Area, resamples: resamples, seed: seed);
    }
}
