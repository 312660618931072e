using Prometheus;
using Sgl.Hosting;

namespace Sgl.Requests;

/// <summary>Exit scores, as the model that is scored and the router that decides by them see them.</summary>
public sealed class ExitScoreMetrics
{
    private readonly Histogram _scores;

    /// <summary>Registers the metric of one service.</summary>
    public ExitScoreMetrics(ServiceMetrics metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        _scores = metrics.Histogram("sgl_exit_score", "Exit scores by criterion.", MetricBuckets.Score, "criterion");
    }

    /// <summary>Records an exit score.</summary>
    /// <param name="criterion">Short name, e.g. <c>decision</c>; a fixed set, since every value is a time series.</param>
    /// <param name="score">0..1; other values are not recorded.</param>
    public void Observe(string criterion, double score)
    {
        if (score is >= 0 and <= 1)
        {
            _scores.WithLabels(criterion).Observe(score);
        }
    }
}
