using System.Globalization;
using Sgl.Evaluation;

namespace Sgl.Experiments;

/// <summary>What leaving tiles out saves and costs: the large model's score against the tiles that it encodes, and against its processor time, beside pruning in the layers alone.</summary>
internal static class TileCurves
{
    /// <summary>One line for each method.</summary>
    public static Table Table(EvaluationReport report, string benchmark, IReadOnlyList<PaperRow> rows, IReadOnlyList<ResultRecord> records)
    {
        var table = new Table(
            $"Tiles encoded by the large model on {benchmark}", "method", "setting", "tiles encoded", "share of tiles", "score", "retention", "vision s", "prefill s", "total s", "processor s");
        foreach (var point in Points(report, benchmark, rows, records))
        {
            table.Add(
                point.Row.Name, point.Row.Retention, point.Tiles.ToString("0.00", CultureInfo.InvariantCulture), point.Share.ToString("0.000", CultureInfo.InvariantCulture),
                string.Create(CultureInfo.InvariantCulture, $"{point.Score.Value:0.00} [{point.Score.Low:0.00}, {point.Score.High:0.00}]"),
                Seconds(point.Retention), Seconds(point.Vision), Seconds(point.Prefill), Seconds(point.Total), Seconds(point.Processor));
        }

        return table;
    }

    /// <summary>Score against the share of tiles, and against processor time.</summary>
    public static IEnumerable<(Plot Plot, string Name)> Plots(EvaluationReport report, string benchmark, IReadOnlyList<PaperRow> rows, IReadOnlyList<ResultRecord> records)
    {
        var points = Points(report, benchmark, rows, records).Where(p => p.Row.Method!.NeedsSmall).ToList();
        yield return (new Plot($"Score against tiles encoded, {benchmark}", new("share of the tiles that the large model encodes"), new("score, %"), Series(points, p => p.Share)), "tiles");
        if (points.TrueForAll(p => p.Processor is not null))
        {
            yield return (
                new Plot($"Score against processor time, {benchmark}", new("large model's processor seconds per question"), new("score, %"), Series(points, p => p.Processor!.Value)), "tiles-time");
        }
    }

    private static List<PlotSeries> Series(List<Point> points, Func<Point, double> x) =>
    [
        .. points.GroupBy(p => Curve(p.Row)).Select(g => new PlotSeries(
            g.Key, [.. g.OrderBy(x).Select(p => new PlotPoint(x(p), p.Score.Value, p.Score.Low, p.Score.High, Label(p.Row)))])),
    ];

    /// <summary>SGP is one curve over its settings; guided tiles are one for each setting, over the thresholds.</summary>
    private static string Curve(PaperRow row) => row.Method!.Method == PruningMethod.GuidedTiles ? $"{row.Name}, {row.Retention.Split(' ')[0]}" : row.Name;

    private static string Label(PaperRow row) => row.Retention.Split(' ')[^1];

    private static IEnumerable<Point> Points(EvaluationReport report, string benchmark, IReadOnlyList<PaperRow> rows, IReadOnlyList<ResultRecord> records)
    {
        var among = rows.Select(r => r.Key).ToArray();
        foreach (var row in rows.Where(r => r.Method is not null))
        {
            var own = records.Where(r => r.Method == row.Key && r.Error is null && r.Tiles is not null).ToArray();
            if (own.Length == 0 || report.Score(benchmark, row.Key, among, null) is not { } score)
            {
                continue;
            }

            double tiles = own.Sum(r => r.Tiles!.Value), encoded = own.Sum(r => r.EncodedTiles!.Value);
            yield return new Point(
                row, encoded / own.Length, encoded / tiles, score, own.Average(r => r.AverageRetention), own.Average(r => r.Timings?.Vision), own.Average(r => r.Timings?.Prefill),
                own.Average(r => r.Timings?.Total), own.All(r => r.Timings?.Processor is not null) ? own.Average(r => r.Timings?.Processor) : null);
        }
    }

    private static string Seconds(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-";

    private sealed record Point(
        PaperRow Row, double Tiles, double Share, Estimate Score, double? Retention, double? Vision, double? Prefill, double? Total, double? Processor);
}
