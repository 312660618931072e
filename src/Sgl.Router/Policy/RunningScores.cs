using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>The last scores of each criterion, and the threshold that a share of them reaches. Thread-safe.</summary>
/// <param name="warmStart">Threshold until <paramref name="minimum"/> scores were seen.</param>
/// <param name="window">Scores to look back on.</param>
/// <param name="minimum">Scores needed, at most <paramref name="window"/>.</param>
internal sealed class RunningScores(double warmStart, int window, int minimum)
{
    private readonly Dictionary<ExitCriterion, RunningQuantile> _scores = Enum.GetValues<ExitCriterion>().ToDictionary(c => c, _ => new RunningQuantile(window));

    /// <summary>The threshold of a criterion that a share of its scores reaches.</summary>
    /// <param name="criterion">The criterion.</param>
    /// <param name="share">0 to 1; null: it is not known yet.</param>
    public double ReachedBy(ExitCriterion criterion, double? share)
    {
        var scores = _scores[criterion];
        lock (scores)
        {
            return share is not { } reached || scores.Count < minimum ? warmStart : scores.ReachedBy(reached);
        }
    }

    /// <summary>Adds the scores of an answer.</summary>
    /// <param name="scores">NaN: not computed.</param>
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
