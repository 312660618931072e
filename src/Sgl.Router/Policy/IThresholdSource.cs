using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>Where the threshold of requests that bring none comes from. Thread-safe.</summary>
public interface IThresholdSource
{
    /// <summary>The threshold to compare a score of this criterion with now.</summary>
    double For(ExitCriterion criterion);

    /// <summary>Tells the scores of an answer.</summary>
    /// <param name="scores">NaN: not computed.</param>
    void Record(ExitScoreSet scores);
}
