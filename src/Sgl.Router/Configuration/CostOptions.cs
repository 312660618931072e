using Google.Protobuf.WellKnownTypes;

namespace Sgl.Router;

/// <summary>What requests shall cost on average: the threshold follows. Configuration section <c>Router:Policy:Cost</c>.</summary>
public sealed class CostOptions
{
    /// <summary>Average cost of a request, in the unit of the prices. Excludes a fixed threshold's and an exit ratio's target. Default: none is held.</summary>
    public double? Target { get; set; }

    /// <summary>Price of a second of the small model's work (vision, prefill, decode, consistency).</summary>
    /// <value>Default 1: costs are seconds.</value>
    public double SmallPerSecond { get; set; } = 1;

    /// <summary>Price of a second of the large model's work, e.g. as many times the small one's as it has GPUs.</summary>
    /// <value>Default 1.</value>
    public double LargePerSecond { get; set; } = 1;

    /// <summary>What the small model's work costs.</summary>
    internal double OfSmall(Wire.Timings? timings) => SmallPerSecond * Seconds(timings);

    /// <summary>What the large model's work costs.</summary>
    internal double OfLarge(Wire.Timings? timings) => LargePerSecond * Seconds(timings);

    /// <summary>Waiting is no work. A foreign engine does not tell one from the other.</summary>
    private static double Seconds(Wire.Timings? timings)
    {
        if (timings is null)
        {
            return 0;
        }

        Duration?[] work = [timings.Vision, timings.Prefill, timings.Decode, timings.Consistency];
        return Array.TrueForAll(work, part => part is null) ? Of(timings.Total) - Of(timings.Queue) : work.Sum(Of);

        static double Of(Duration? time) => time?.ToTimeSpan().TotalSeconds ?? 0;
    }
}
