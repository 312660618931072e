using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>Holds a target exit ratio: the threshold of each criterion is the running quantile of its last scores that as large a share reached.</summary>
public sealed class TargetRatioThreshold : IThresholdSource
{
    private readonly double _target;
    private readonly double _warmStart;
    private readonly int _minimum;
    private readonly Dictionary<ExitCriterion, RunningQuantile> _scores;

    /// <summary>Creates the source without any scores.</summary>
    /// <param name="target">Share of answers that shall exit, 0 to 1.</param>
    /// <param name="warmStart">Threshold until <paramref name="minimum"/> scores were seen.</param>
    /// <param name="window">Scores to look back on.</param>
    /// <param name="minimum">Scores needed, at most <paramref name="window"/>.</param>
    public TargetRatioThreshold(double target, double warmStart, int window, int minimum)
    {
        (_target, _warmStart, _minimum) = (target, warmStart, minimum);
        _scores = Enum.GetValues<ExitCriterion>().ToDictionary(c => c, _ => new RunningQuantile(window));
    }

    /// <inheritdoc/>
    public double For(ExitCriterion criterion)
    {
        var scores = _scores[criterion];
        lock (scores)
        {
            return scores.Count < _minimum ? _warmStart : scores.ReachedBy(_target);
        }
    }

    /// <inheritdoc/>
    public void Record(ExitScoreSet scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        foreach (var (criterion, window) in _scores)
        {
            var score = scores[criterion];
            if (!double.IsNaN(score))
            {
                lock (window)
                {
                    window.Add(score);
                }
            }
        }
    }
}
