using System.Globalization;
using System.Text;
using Sgl.Evaluation;
using Sgl.Guidance;

namespace Sgl.Experiments;

/// <summary>The summary of one run: Markdown and CSV, and plots as SVG.</summary>
/// <param name="header">The run.</param>
/// <param name="dataset">What was asked.</param>
/// <param name="rows">The compared methods.</param>
/// <param name="records">The results.</param>
public sealed class RunReport(RunHeader header, Dataset dataset, IReadOnlyList<PaperRow> rows, IReadOnlyList<ResultRecord> records)
{
    private const int ListedProblems = 20;

    private readonly EvaluationReport _report = new(header, records) { OtherMetric = dataset.Benchmark.Metric };
    private readonly string _benchmark = dataset.Benchmark.Name;

    /// <summary>Exit criteria to compare; null: all.</summary>
    public IReadOnlyList<ExitCriterion>? Criteria { get; init; }

    /// <summary>The guided method that exit curves and times are shown for: the last SGP row, else the unpruned model.</summary>
    private PaperRow Guided => rows.LastOrDefault(r => r.Method?.Method == PruningMethod.Sgp) ?? rows[0];

    private ResultRecord[] Failed => [.. records.Where(r => r.Error is not null)];

    /// <summary>Writes everything into a folder.</summary>
    /// <returns>The files, relative to the folder.</returns>
    public IReadOnlyList<string> Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var text = new StringBuilder();
        Head(text);
        var files = new List<string> { "summary.md", "summary.csv" };
        if (dataset.Benchmark.Metric is JudgedElsewhere)
        {
            files.AddRange(JudgeFiles(folder, text));
        }
        else
        {
            Tables(folder, text, files);
            Plots(folder, text, files);
        }

        Problems(text);
        File.WriteAllText(Path.Combine(folder, "summary.md"), text.ToString());
        File.WriteAllText(Path.Combine(folder, "summary.csv"), Csv());
        return files;
    }

    /// <summary>The main table, for a terminal.</summary>
    public Table MainTable() => _report.MethodTable($"Methods on {_benchmark}", [.. rows.Select(r => (r.Name, r.Retention, r.Key))]);

    private void Head(StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"## {_benchmark}: {header.Small} and {header.Large}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"- command: `{header.Command}`\n- source: {header.Commit}\n- machine: {header.Machine}\n- seed: {header.Seed}\n");
        text.Append(CultureInfo.InvariantCulture, $"- questions: {dataset.Questions.Count}, skipped as unreadable: {dataset.Skipped.Count}, failed answers: {Failed.Length}\n\n");
    }

    private void Tables(string folder, StringBuilder text, List<string> files)
    {
        text.Append(MainTable().ToMarkdown()).Append('\n');
        if (dataset.Questions.Any(q => q.Kind is not null))
        {
            text.Append(_report.KindTable("By kind of question", _benchmark, [.. rows.Select(r => ($"{r.Name}, {r.Retention}", r.Key))]).ToMarkdown()).Append('\n');
        }

        text.Append(_report.MemoryTable("Memory", Guided.Key).ToMarkdown()).Append('\n');
        if (rows.Any(r => r.Method?.Method == PruningMethod.GuidedTiles))
        {
            var tiles = TileCurves.Table(_report, _benchmark, rows, records);
            text.Append(tiles.ToMarkdown()).Append('\n');
            File.WriteAllText(Path.Combine(folder, "tiles.csv"), tiles.ToCsv());
            files.Add("tiles.csv");
        }
    }

    private void Plots(string folder, StringBuilder text, List<string> files)
    {
        var (criteria, criteriaTable) = _report.ExitCriteria(_benchmark, Guided.Key, Criteria);
        var (times, timesTable) = _report.ScoreAgainstTime(_benchmark, Curves());
        if (rows.Any(r => r.Method?.Method == PruningMethod.GuidedTiles))
        {
            foreach (var (plot, name) in TileCurves.Plots(_report, _benchmark, rows, records))
            {
                plot.Write(folder, name);
                files.Add(name + ".svg");
                text.Append(CultureInfo.InvariantCulture, $"![{plot.Title}]({name}.svg)\n\n");
            }
        }

        foreach (var (plot, table, name) in new[] { (criteria, criteriaTable, "exit-criteria"), (times, timesTable, "score-time") })
        {
            text.Append(table.ToMarkdown()).Append('\n');
            if (plot.Series.Any(s => s.Points.Count > 0))
            {
                plot.Write(folder, name);
                files.Add(name + ".svg");
                text.Append(CultureInfo.InvariantCulture, $"![{table.Title}]({name}.svg)\n\n");
            }
        }
    }

    /// <summary>One curve for each method name, and SGP with exits.</summary>
    private List<(string Name, double? ExitRatio, IReadOnlyList<(string Label, string Method)> Points)> Curves()
    {
        var curves = rows.Where(r => r.Method is not null).GroupBy(r => r.Name).Select(g => (
            g.Key,
            g.First().Method!.NeedsSmall ? 0 : (double?)null,
            (IReadOnlyList<(string, string)>)[.. g.Select(r => (r.Retention, r.Key))])).ToList();
        var guided = rows.Where(r => r.Name == Guided.Name).Select(r => (r.Retention, r.Key)).ToArray();
        curves.AddRange(new[] { 0.2, 0.4, 0.6 }.Select(e => (
            string.Create(CultureInfo.InvariantCulture, $"{Guided.Name} {100 * e:0}% exits"), (double?)e, (IReadOnlyList<(string, string)>)guided)));
        return curves;
    }

    private IEnumerable<string> JudgeFiles(string folder, StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"No score: {JudgedElsewhere.Note}.\n\n");
        foreach (var group in records.Where(r => r.Answer is not null).GroupBy(r => r.Method))
        {
            var name = $"answers-{group.Key}.json";
            JudgedElsewhere.WriteAnswerFile(Path.Combine(folder, name), group.Select(r => (r.Id, r.Answer!)));
            text.Append(CultureInfo.InvariantCulture, $"- [{group.Key}]({name})\n");
            yield return name;
        }

        text.Append('\n');
    }

    private void Problems(StringBuilder text)
    {
        var problems = dataset.Skipped.Select(s => s.Message)
            .Concat(Failed.Select(r => $"{r.Benchmark} question {r.Id}, {r.Method}: {r.Error}")).ToArray();
        if (problems.Length == 0)
        {
            return;
        }

        text.Append("### Skipped and failed\n\n");
        foreach (var problem in problems.Take(ListedProblems))
        {
            text.Append("- ").Append(problem.ReplaceLineEndings(" ")).Append('\n');
        }

        if (problems.Length > ListedProblems)
        {
            text.Append(CultureInfo.InvariantCulture, $"- and {problems.Length - ListedProblems} more\n");
        }
    }

    /// <summary>One line for each method and question kind, numbers only.</summary>
    private string Csv()
    {
        var table = new Table(
            "", "benchmark", "method", "key", "retention_percent", "kind", "questions", "score", "score_low", "score_high",
            "score_ratio", "score_ratio_low", "score_ratio_high", "seconds_mean", "peak_memory_bytes");
        var among = rows.Select(r => r.Key).ToArray();
        var kinds = dataset.Questions.Select(q => q.Kind).OfType<string>().Distinct().Order(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            var own = records.Where(r => r.Method == row.Key && r.Error is null).ToArray();
            foreach (var kind in kinds.Prepend(null))
            {
                var score = _report.Score(_benchmark, row.Key, among, kind);
                var ratio = kind is null ? _report.ScoreRatio(_benchmark, row.Key, rows[0].Key, among) : null;
                var asked = own.Where(r => kind is null || r.Kind == kind).ToArray();
                table.Add(
                    _benchmark, row.Name, row.Key, row.Retention.TrimEnd('%'), kind ?? "", asked.Length.ToString(CultureInfo.InvariantCulture),
                    Cell(score?.Value), Cell(score?.Low), Cell(score?.High), Cell(ratio?.Value), Cell(ratio?.Low), Cell(ratio?.High),
                    Cell(asked.Length == 0 ? null : asked.Average(r => r.Timings?.Total)),
                    Cell(asked.Max(r => r.PeakMemoryBytes)));
            }
        }

        return table.ToCsv();
    }

    private static string Cell(double? value) => value is { } v && double.IsFinite(v) ? v.ToString("0.######", CultureInfo.InvariantCulture) : "";
}
