using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Router;

/// <summary>
/// How far the latest scores are from those a policy was calibrated on: the population stability index <c>sum (a - e) ln(a / e)</c> over the calibration's bins. Below 0.1
/// nothing has moved, above 0.25 the calibration is one of other requests (the usual reading in credit scoring). Thread-safe.
/// </summary>
/// <param name="bins">Of the calibration.</param>
/// <param name="criterion">The score that they are of.</param>
/// <param name="window">Scores to look back on.</param>
/// <param name="minimum">Scores needed before there is a number.</param>
internal sealed class ScoreDrift(ScoreBins bins, ExitCriterion criterion, int window, int minimum)
{
    // An empty bin says little about a share of nothing; without a floor it would say everything.
    private const double Least = 1e-3;

    private readonly Lock _lock = new();
    private readonly int[] _counts = new int[bins.Shares.Count];
    private readonly Queue<int> _latest = new(window);

    /// <summary>Adds an answer's score.</summary>
    /// <returns>The index of the latest scores; null where there are too few, or the score was not computed.</returns>
    public double? Record(ExitScoreSet scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        var score = scores[criterion];
        if (double.IsNaN(score))
        {
            return null;
        }

        var bin = 0;
        while (bin < bins.Edges.Count && score >= bins.Edges[bin])
        {
            bin++;
        }

        lock (_lock)
        {
            if (_latest.Count == window)
            {
                _counts[_latest.Dequeue()]--;
            }

            _latest.Enqueue(bin);
            _counts[bin]++;
            return _latest.Count < minimum ? null : Index();
        }
    }

    private double Index()
    {
        var sum = 0.0;
        for (var i = 0; i < _counts.Length; i++)
        {
            var (actual, expected) = (Math.Max(Least, (double)_counts[i] / _latest.Count), Math.Max(Least, bins.Shares[i]));
            sum += (actual - expected) * Math.Log(actual / expected);
        }

        return sum;
    }
}
