using System.Globalization;

namespace Sgl.Evaluation;

/// <summary>Pictures of a calibration.</summary>
public static class CalibrationPlots
{
    /// <summary>Reliability diagram: accuracy of the small model's answers per bin of the exit score, against the diagonal.</summary>
    public static Plot Reliability(string title, Reliability reliability)
    {
        ArgumentNullException.ThrowIfNull(reliability);
        var filled = reliability.Bins.Where(b => b.Count > 0).ToArray();
        var bars = new PlotSeries(
            string.Create(CultureInfo.InvariantCulture, $"accuracy (ECE {reliability.ExpectedCalibrationError:0.000})"),
            [.. filled.Select(b => new PlotPoint((b.Low + b.High) / 2, b.Accuracy, Wilson(b).Low, Wilson(b).High, $"n={b.Count}"))],
            SeriesStyle.Bars)
        { BarWidth = filled.Length > 0 ? filled[0].High - filled[0].Low : 1 };
        return new Plot(
            title,
            new("exit score") { Low = 0, High = 1 },
            new("share of right answers") { Low = 0, High = 1 },
            [bars, new("perfectly calibrated", [new(0, 0), new(1, 1)], SeriesStyle.Dashed)]);
    }

    /// <summary>95 % Wilson score interval of a bin's accuracy.</summary>
    private static (double Low, double High) Wilson(ReliabilityBin bin)
    {
        const double Z = 1.959964;
        var (n, p) = ((double)bin.Count, bin.Accuracy);
        var middle = (p + (Z * Z / (2 * n))) / (1 + (Z * Z / n));
        var half = Z / (1 + (Z * Z / n)) * Math.Sqrt((p * (1 - p) / n) + (Z * Z / (4 * n * n)));
        return (middle - half, middle + half);
    }
}
