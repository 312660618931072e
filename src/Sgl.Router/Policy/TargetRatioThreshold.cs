using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>Holds a target exit ratio: the threshold of each criterion is the running quantile of its last scores that as large a share reached.</summary>
public sealed class TargetRatioThreshold : IThresholdSource
{
    private readonly double _target;
    private readonly RunningScores _scores;

    /// <summary>Creates the source without any scores.</summary>
    /// <param name="target">Share of answers that shall exit, 0 to 1.</param>
    /// <param name="warmStart">Threshold until <paramref name="minimum"/> scores were seen.</param>
    /// <param name="window">Scores to look back on.</param>
    /// <param name="minimum">Scores needed, at most <paramref name="window"/>.</param>
    public TargetRatioThreshold(double target, double warmStart, int window, int minimum)
    {
        _target = target;
        _scores = new RunningScores(warmStart, window, minimum);
    }

    /// <inheritdoc/>
    public double For(ExitCriterion criterion) => _scores.ReachedBy(criterion, _target);

    /// <inheritdoc/>
    public void Record(ExitScoreSet scores) => _scores.Record(scores);
}
