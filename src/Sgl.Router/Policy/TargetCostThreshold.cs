using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>
/// Holds a target cost of a request: with a small answer at s on average and a large one at l on top of it, a share e of exits costs <c>s + (1 - e) l</c>, so the share that
/// costs the target is held as <see cref="TargetRatioThreshold"/> holds one. Both averages are those of the latest answers, so what is held follows load, pictures and models.
/// Thread-safe.
/// </summary>
public sealed class TargetCostThreshold : IThresholdSource
{
    private readonly double _target;
    private readonly RunningScores _scores;
    private readonly Lock _gate = new();
    private readonly RunningMean _small;
    private readonly RunningMean _large;

    /// <summary>Creates the source without any scores or costs.</summary>
    /// <param name="target">What a request shall cost on average, above 0.</param>
    /// <param name="warmStart">Threshold until <paramref name="minimum"/> scores and the costs of both models were seen.</param>
    /// <param name="window">Scores and costs to look back on.</param>
    /// <param name="minimum">Scores needed, at most <paramref name="window"/>.</param>
    public TargetCostThreshold(double target, double warmStart, int window, int minimum)
    {
        _target = target;
        _scores = new RunningScores(warmStart, window, minimum);
        (_small, _large) = (new RunningMean(window), new RunningMean(window));
    }

    /// <summary>The share of exits that costs the target now; null: one of the two costs is not known yet.</summary>
    public double? ExitShare
    {
        get
        {
            lock (_gate)
            {
                return _small.Count == 0 || _large.Count == 0 ? null
                    : _large.Value <= 0 ? 0
                    : Math.Clamp(1 - ((_target - _small.Value) / _large.Value), 0, 1);
            }
        }
    }

    /// <inheritdoc/>
    public double For(ExitCriterion criterion) => _scores.ReachedBy(criterion, ExitShare);

    /// <inheritdoc/>
    public void Record(ExitScoreSet scores) => _scores.Record(scores);

    /// <summary>Tells what an answer has cost.</summary>
    /// <param name="small">The small model's part.</param>
    /// <param name="large">The large model's; null: it was not asked.</param>
    public void Spent(double small, double? large)
    {
        lock (_gate)
        {
            _small.Add(small);
            if (large is { } more)
            {
                _large.Add(more);
            }
        }
    }
}
