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
    private readonly double _warmStart;
    private readonly int _minimum;
    private readonly Dictionary<ExitCriterion, RunningQuantile> _scores;
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
        (_target, _warmStart, _minimum) = (target, warmStart, minimum);
        (_small, _large) = (new RunningMean(window), new RunningMean(window));
        _scores = Enum.GetValues<ExitCriterion>().ToDictionary(c => c, _ => new RunningQuantile(window));
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
    public double For(ExitCriterion criterion)
    {
        var share = ExitShare;
        lock (_gate)
        {
            var scores = _scores[criterion];
            return share is not { } reached || scores.Count < _minimum ? _warmStart : scores.ReachedBy(reached);
        }
    }

    /// <inheritdoc/>
    public void Record(ExitScoreSet scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        lock (_gate)
        {
            foreach (var (criterion, window) in _scores)
            {
                var score = scores[criterion];
                if (!double.IsNaN(score))
                {
                    window.Add(score);
                }
            }
        }
    }

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

    /// <summary>The mean of the last N numbers.</summary>
    private sealed class RunningMean(int window)
    {
        private readonly Queue<double> _latest = new(window);

        public int Count => _latest.Count;

        // Summed anew: a sum that is kept drifts, and N numbers take a microsecond.
        public double Value => _latest.Average();

        public void Add(double value)
        {
            if (_latest.Count == window)
            {
                _latest.Dequeue();
            }

            _latest.Enqueue(value);
        }
    }
}
