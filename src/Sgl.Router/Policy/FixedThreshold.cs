using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>A threshold that never moves.</summary>
/// <param name="threshold">At or above it, the small answer is final.</param>
public sealed class FixedThreshold(double threshold) : IThresholdSource
{
    /// <inheritdoc/>
    public double For(ExitCriterion criterion) => threshold;

    /// <inheritdoc/>
    public void Record(ExitScoreSet scores)
    {
    }
}
