using System.Globalization;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>
/// Turns stored results into the paper's tables and curves. Rows are compared on the questions that every one of them has
/// answered, so that a failed question cannot favour a method.
/// </summary>
public sealed class EvaluationReport
{
    private readonly Dictionary<(string Benchmark, string Method), Dictionary<string, ResultRecord>> _results = [];
    private readonly int _resamples;
    private readonly ulong _seed;

    /// <summary>Takes the results of one run.</summary>
    public EvaluationReport(
        RunHeader header, IEnumerable<ResultRecord> records, int resamples = Bootstrap.DefaultResamples, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(records);
        Header = header;
        (_resamples, _seed) = (resamples, seed);
        foreach (var record in records)
        {
            if (!_results.TryGetValue((record.Benchmark, record.Method), out var byId))
            {
                _results.Add((record.Benchmark, record.Method), byId = new(StringComparer.Ordinal));
            }

            byId.TryAdd(record.Id, record);
        }
    }

    /// <summary>The run.</summary>
    public RunHeader Header { get; }

    /// <summary>The metric that scored the answers, where it is not the benchmark's own.</summary>
    public Metric? OtherMetric { get; init; }

    /// <summary>The benchmarks with results, in order of first appearance.</summary>
    public IReadOnlyList<string> BenchmarkNames => [.. _results.Keys.Select(k => k.Benchmark).Distinct()];

    /// <summary>A method's score on a benchmark with its bootstrap interval, on the questions shared by all of <paramref name="among"/>; null without any.</summary>
    public Estimate? Score(string benchmark, string method, IReadOnlyList<string> among, string? kind = null)
    {
        var scored = Scored(benchmark, method, among, kind);
        return scored.Count == 0 ? null
            : Bootstrap.Metric(MetricOf(benchmark), Metric.Clusters(scored), resamples: _resamples, seed: _seed);
    }

    /// <summary>
    /// A method's score as a share of a baseline's, on the same questions drawn together, with its bootstrap interval. The
    /// paper's "score ratio" is the mean of these over the benchmarks.
    /// </summary>
    public Estimate? ScoreRatio(string benchmark, string method, string baseline, IReadOnlyList<string> among) =>
        ScoreRatio([benchmark], method, baseline, among);

    /// <summary>The mean score ratio over benchmarks; each benchmark's questions are drawn by themselves.</summary>
    public Estimate? ScoreRatio(
        IReadOnlyList<string> benchmarks, string method, string baseline, IReadOnlyList<string> among)
    {
        ArgumentNullException.ThrowIfNull(benchmarks);
        var ratios = benchmarks.Select((b, i) => RatioDraws(b, method, baseline, among, _seed + (ulong)i)).ToArray();
        if (ratios.Length == 0 || ratios.Any(r => r is null))
        {
            return null;
        }

        var draws = Enumerable.Range(0, _resamples).Select(i => ratios.Average(r => r!.Value.Draws[i])).ToArray();
        return Bootstrap.Percentiles(ratios.Average(r => r!.Value.Value), draws);
    }

    private (double Value, double[] Draws)? RatioDraws(
        string benchmark, string method, string baseline, IReadOnlyList<string> among, ulong seed)
    {
        var above = Metric.Clusters(Scored(benchmark, method, among, null));
        var below = Metric.Clusters(Scored(benchmark, baseline, among, null));
        var metric = MetricOf(benchmark);
        return above.Count == 0 || above.Count != below.Count ? null : Bootstrap.Draws(
            above.Count,
            indices => metric.Aggregate(Array.ConvertAll(indices, i => above[i])) / metric.Aggregate(Array.ConvertAll(indices, i => below[i])),
            _resamples,
            seed);
    }

    /// <summary>
    /// Table 1, 2 or 3: one row per method, one column per benchmark, the mean score ratio last. The first row's method is the
    /// baseline unless another is named.
    /// </summary>
    /// <param name="title">Heading.</param>
    /// <param name="rows">Name, retention and method key of each row.</param>
    /// <param name="baseline">Method key that means 100 %; null: the first row's.</param>
    public Table MethodTable(string title, IReadOnlyList<(string Name, string Retention, string Method)> rows, string? baseline = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var among = rows.Select(r => r.Method).Append(baseline ?? rows[0].Method).Distinct().ToArray();
        var benchmarks = BenchmarkNames.Where(b => among.All(m => Scored(b, m, among, null).Count > 0)).ToArray();
        var table = new Table(title, ["method", "token ratio", .. benchmarks, "score ratio"]);
        foreach (var (name, retention, method) in rows)
        {
            table.Add([
                name,
                retention,
                .. benchmarks.Select(b => WithInterval(Score(b, method, among), 2)),
                PercentWithInterval(ScoreRatio(benchmarks, method, baseline ?? rows[0].Method, among)),
            ]);
        }

        foreach (var benchmark in benchmarks)
        {
            table.Notes.Add($"{benchmark}: {Scored(benchmark, rows[0].Method, among, null).Count} questions, {MetricOf(benchmark).Name}.");
        }

        table.Notes.Add("Intervals: 95 %, bootstrap over questions (images for MME, rotated copies for MMBench).");
        return table;
    }

    /// <summary>One row per method, one column per question kind of a benchmark.</summary>
    public Table KindTable(string title, string benchmark, IReadOnlyList<(string Name, string Method)> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var among = rows.Select(r => r.Method).ToArray();
        var kinds = Scored(benchmark, among[0], among, null).Select(q => q.Kind).OfType<string>().Distinct().Order(StringComparer.Ordinal).ToArray();
        var table = new Table(title, ["method", .. kinds, "all"]);
        foreach (var (name, method) in rows)
        {
            table.Add([
                name,
                .. kinds.Select(kind => WithInterval(Score(benchmark, method, among, kind), 1)),
                WithInterval(Score(benchmark, method, among), 1),
            ]);
        }

        table.Notes.Add("Questions per kind: " + string.Join(
            ", ", kinds.Select(kind => $"{kind} {Scored(benchmark, among[0], among, kind).Count}")) + ".");
        return table;
    }

    /// <summary>The samples of an exit curve: the small model's answers against a method of the large one.</summary>
    public IReadOnlyList<ExitSample> ExitSamples(string benchmark, string largeMethod, ExitCriterion criterion)
    {
        var small = Records(benchmark, ResultRecord.SmallMethod);
        var large = Records(benchmark, largeMethod);
        return [.. small.Values
            .Where(s => s is { Score: not null, ExitScores: not null } && large.GetValueOrDefault(s.Id)?.Score is not null)
            .Select(s => new ExitSample(s.ExitScores![criterion], s.Score!.Value, large[s.Id].Score!.Value))];
    }

    /// <summary>Figure 4: score against exit ratio, one curve per criterion, the area in the legend.</summary>
    /// <param name="benchmark">Which.</param>
    /// <param name="largeMethod">Key of the large model's method.</param>
    /// <param name="criteria">Which criteria; null: all.</param>
    public (Plot Plot, Table Table) ExitCriteria(string benchmark, string largeMethod, IReadOnlyList<ExitCriterion>? criteria = null)
    {
        var table = new Table($"Exit criteria on {benchmark}", "criterion", "area", "score at 20 % exits", "40 %", "60 %", "80 %");
        var series = new List<PlotSeries>();
        foreach (var criterion in criteria ?? Guidance.ExitCriteria.Measured)
        {
            var samples = ExitSamples(benchmark, largeMethod, criterion);
            if (samples.Count == 0 || samples.All(s => double.IsNaN(s.ExitScore)))
            {
                continue;
            }

            var curve = ExitCurve.Of(samples);
            var area = ExitCurve.AreaOf(samples, _resamples, _seed);
            var name = CriterionName(criterion);
            table.Add([
                name, WithInterval(area, 2), .. new[] { 0.2, 0.4, 0.6, 0.8 }.Select(r => Number(curve.ScoreAt(r), 2)),
            ]);
            series.Add(new(
                $"{name} ({Number(curve.Area, 2)})",
                [.. Enumerable.Range(0, 51).Select(i => new PlotPoint(2 * i, curve.ScoreAt(i / 50.0)))],
                SeriesStyle.Line));
            if (series.Count == 1)
            {
                table.Notes.Add(
                    $"{samples.Count} questions; large model {Number(curve.LargeScore, 2)}, small model {Number(curve.SmallScore, 2)}; a criterion that knows nothing has area {Number((curve.LargeScore - curve.SmallScore) / 2, 2)}.");
            }
        }

        if (series.Count > 0)
        {
            var small = ExitCurve.Of(ExitSamples(benchmark, largeMethod, ExitCriterion.Confidence)).SmallScore;
            series.Add(new("small model", [new(0, small)], SeriesStyle.Level));
        }

        return (new Plot($"Exit criteria, {benchmark}", new("early-exit ratio, %") { Low = 0, High = 100 }, new("score, %"), series), table);
    }

    /// <summary>
    /// Figures 3, 6 and 7: score against mean seconds per question. With an exit ratio above 0 the surest answers are the small
    /// model's; every question costs the small model's time, and those that do not exit the large model's too.
    /// </summary>
    /// <param name="benchmark">Which.</param>
    /// <param name="curves">Name of each curve, its exit ratio (null: the small model is not used), and its points' labels and methods.</param>
    public (Plot Plot, Table Table) ScoreAgainstTime(
        string benchmark, IReadOnlyList<(string Name, double? ExitRatio, IReadOnlyList<(string Label, string Method)> Points)> curves)
    {
        ArgumentNullException.ThrowIfNull(curves);
        var table = new Table($"Score against time on {benchmark}", "method", "setting", "seconds per question", "score");
        var series = new List<PlotSeries>();
        foreach (var (name, exitRatio, settings) in curves)
        {
            var points = new List<PlotPoint>();
            foreach (var (label, method) in settings)
            {
                if (Mixture(benchmark, method, exitRatio) is not { } point)
                {
                    continue;
                }

                points.Add(new PlotPoint(point.Seconds, point.Score.Value, point.Score.Low, point.Score.High, label));
                table.Add(name, label, Number(point.Seconds, 3), WithInterval(point.Score, 2));
            }

            series.Add(new(name, points));
        }

        return (new Plot($"Score against time, {benchmark}", new("mean seconds per question"), new("score, %"), series), table);
    }

    /// <summary>Table 7: peak memory of the small model, the large one alone, and the pair under guidance.</summary>
    /// <param name="title">Heading.</param>
    /// <param name="guided">Method key of the guided large model.</param>
    public Table MemoryTable(string title, string guided)
    {
        var table = new Table(
            title, "small", "large", "small GiB", "large GiB", "large with SGL GiB", "difference GiB", "difference %");
        var small = Peak(ResultRecord.SmallMethod);
        var large = Peak("none");
        var pair = Peak(guided);
        table.Add(
            Header.Small, Header.Large, Gibibytes(small), Gibibytes(large), Gibibytes(pair),
            Gibibytes(pair - large), large is null || pair is null ? "-" : Number(100.0 * (pair.Value - large.Value) / large.Value, 2));
        return table;
    }

    private long? Peak(string method) =>
        _results.Where(r => r.Key.Method == method).SelectMany(r => r.Value.Values).Max(r => r.PeakMemoryBytes);

    private static string Gibibytes(long? bytes) => bytes is { } b ? Number(b / (double)(1L << 30), 3) : "-";

    /// <summary>Time and score of a mixture of small and large answers; null where times or scores are missing.</summary>
    private (double Seconds, Estimate Score)? Mixture(string benchmark, string method, double? exitRatio)
    {
        var small = Records(benchmark, ResultRecord.SmallMethod);
        var both = Records(benchmark, method).Values
            .Where(l => l is { Score: not null, Timings: not null })
            .Select(l => (Large: l, Small: small.GetValueOrDefault(l.Id)))
            .Where(p => exitRatio is null || p.Small is { Score: not null, Timings: not null, ExitScores: not null })
            .OrderByDescending(p => p.Small?.ExitScores?.Decision ?? double.NaN).ToArray();
        if (both.Length == 0)
        {
            return null;
        }

        var exits = (int)Math.Round((exitRatio ?? 0) * both.Length, MidpointRounding.AwayFromZero);
        var chosen = both.Select((p, i) => i < exits ? p.Small! : p.Large).ToArray();
        var seconds = both.Select((p, i) =>
            (exitRatio is null ? 0 : p.Small!.Timings!.Total) + (i < exits ? 0 : p.Large.Timings!.Total)).Average();
        var clusters = Metric.Clusters(chosen.OrderBy(r => r.Id, StringComparer.Ordinal).Select(r => r.Scored()!));
        return (seconds, Bootstrap.Metric(MetricOf(benchmark), clusters, resamples: _resamples, seed: _seed));
    }

    private Metric MetricOf(string benchmark) => OtherMetric ?? Benchmarks.Named(benchmark).Metric;

    private Dictionary<string, ResultRecord> Records(string benchmark, string method) =>
        _results.GetValueOrDefault((benchmark, method)) ?? [];

    private List<ScoredQuestion> Scored(string benchmark, string method, IReadOnlyList<string> among, string? kind)
    {
        var others = among.Select(m => Records(benchmark, m)).ToArray();
        return [.. Records(benchmark, method).Values
            .Where(r => kind is null || r.Kind == kind)
            .Where(r => others.All(o => o.GetValueOrDefault(r.Id)?.Score is not null))
            .OrderBy(r => r.Id, StringComparer.Ordinal)
            .Select(r => r.Scored()).OfType<ScoredQuestion>()];
    }

    private static string CriterionName(ExitCriterion criterion) => criterion switch
    {
        ExitCriterion.Decision => "S (eq. 9)",
        ExitCriterion.Confidence => "confidence",
        ExitCriterion.Consistency => "consistency",
        ExitCriterion.Entropy => "entropy",
        ExitCriterion.QuantileQ1 => "quantile Q1",
        ExitCriterion.QuantileQ2 => "quantile Q2",
        ExitCriterion.QuantileQ3 => "quantile Q3",
        _ => "length-normalised consistency",
    };

    private static string WithInterval(Estimate? estimate, int decimals) => estimate is not { } e ? "-"
        : $"{Number(e.Value, decimals)} [{Number(e.Low, decimals)}, {Number(e.High, decimals)}]";

    private static string PercentWithInterval(Estimate? ratio) => ratio is not { } r || !double.IsFinite(r.Value) ? "-"
        : $"{Number(100 * r.Value, 2)}% [{Number(100 * r.Low, 2)}, {Number(100 * r.High, 2)}]";

    private static string Number(double value, int decimals) => value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
}
