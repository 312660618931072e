using System.Globalization;

namespace Sgl.Evaluation.Internal;

/// <summary>From values to a share of an axis, with ticks at 1, 2 or 5 times a power of ten.</summary>
internal sealed class AxisScale
{
    private readonly int _decimals;

    private AxisScale(double low, double high, double step)
    {
        (Low, High) = (low, high);
        _decimals = Math.Max(0, -(int)Math.Floor(Math.Log10(step) + 1e-9));
        var first = Math.Ceiling((low / step) - 1e-9);
        var count = (int)Math.Floor((high / step) + 1e-9 - first) + 1;
        Ticks = [.. Enumerable.Range(0, Math.Max(0, count)).Select(i => (first + i) * step)];
    }

    public double Low { get; }

    public double High { get; }

    public double[] Ticks { get; }

    /// <summary>Fitted ends are multiples of the tick step around the data; fixed ends stay as they are.</summary>
    public static AxisScale Fit(IEnumerable<double> values, double? fixedLow, double? fixedHigh)
    {
        var all = values.Where(double.IsFinite).DefaultIfEmpty(0).ToArray();
        var (low, high) = (fixedLow ?? all.Min(), fixedHigh ?? all.Max());
        if (high - low < 1e-9 * Math.Max(1, Math.Abs(low)))
        {
            (low, high) = (fixedLow ?? low - 0.5, fixedHigh ?? Math.Max(high, fixedLow ?? low) + 0.5);
        }

        // A little air, so that nothing is drawn on the frame; but an axis of positive values still begins at zero.
        var air = (high - low) * 0.03;
        low = fixedLow ?? (low >= 0 && low < air ? 0 : low - air);
        high = fixedHigh ?? (high <= 0 && high > -air ? 0 : high + air);
        var step = Step((high - low) / 6);
        return new AxisScale(fixedLow ?? (step * Math.Floor((low / step) + 1e-9)), fixedHigh ?? (step * Math.Ceiling((high / step) - 1e-9)), step);
    }

    public double Share(double value) => (value - Low) / (High - Low);

    public string Format(double tick) => (Math.Abs(tick) < 1e-12 ? 0 : tick).ToString($"F{_decimals}", CultureInfo.InvariantCulture);

    private static double Step(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return power * (rough / power) switch
        {
            <= 1 => 1,
            <= 2 => 2,
            <= 5 => 5,
            _ => 10,
        };
    }
}
