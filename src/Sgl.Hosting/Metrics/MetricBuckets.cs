namespace Sgl.Hosting;

/// <summary>Histogram buckets, those of the inference servers that dashboards are made for (vLLM, LMDeploy).</summary>
public static class MetricBuckets
{
    /// <summary>Time to first token and the phases of a request, seconds.</summary>
    public static double[] TimeToFirstToken { get; } =
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560];

    /// <summary>Time between two tokens, seconds.</summary>
    public static double[] InterToken { get; } = [.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];

    /// <summary>Whole requests, seconds. vLLM's start at 0.3; an early exit of a small model takes less, so finer ones stand before.</summary>
    public static double[] EndToEnd { get; } =
        [.01, .025, .05, .1, .2, .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

    /// <summary>Exit scores, 0..1 in steps of 0.05.</summary>
    public static double[] Score { get; } = [.. Enumerable.Range(1, 20).Select(i => i / 20.0)];
}
