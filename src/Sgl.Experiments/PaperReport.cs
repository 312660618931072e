using System.Globalization;
using System.Text;
using Sgl.Evaluation;
using Sgl.Guidance;

namespace Sgl.Experiments;

/// <summary>
/// The paper's tables and figures for one pair on one benchmark, as Markdown, CSV, SVG and PNG, with an index that sets every
/// claim beside what was measured.
/// </summary>
/// <param name="header">The run.</param>
/// <param name="dataset">What was asked.</param>
/// <param name="records">The results; all methods of <see cref="PaperExperiment.AllMethods"/>.</param>
public sealed class PaperReport(RunHeader header, Dataset dataset, IReadOnlyList<ResultRecord> records)
{
    // As in the paper's Figure 4, "SGP is omitted": exits alone are compared.
    private static readonly string Unpruned = MethodConfiguration.Unpruned.Key;

    private readonly EvaluationReport _report = new(header, records, seed: header.Seed + 1);
    private readonly string _benchmark = dataset.Benchmark.Name;
    private readonly int _layers = header.LargeLayers;

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="pictures">Figure 5/8: file and question of each picture that lies there already.</param>
    /// <returns>The claims.</returns>
    public IReadOnlyList<Claim> Write(string folder, IReadOnlyList<(string File, string Caption)> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        Directory.CreateDirectory(folder);
        var claims = Claims();
        var text = new StringBuilder();
        Head(text);
        Append(text, folder, "claims", Claim.Tabulate(claims));
        var table1 = PaperExperiment.Table1(_layers, header.Seed);
        Append(text, folder, "table1", _report.MethodTable(table1.Title, table1.TableRows()));
        Append(text, folder, "table1-kinds", _report.KindTable(
            "Table 1 by kind of question", _benchmark, [.. table1.Rows.Select(r => ($"{r.Name}, {r.Retention}", r.Key))]));
        Append(text, folder, "table2", Methods(PaperExperiment.Table2(_layers)));
        Append(text, folder, "table3", Methods(PaperExperiment.Table3(_layers)));
        Append(text, folder, "table4-5", Pairs());
        Append(text, folder, "table7", _report.MemoryTable("Table 7: memory", Row(PruningMethod.Sgp, 9).Key));
        text.Append("Weights as computed with (float32) plus the KV cache of the longest question, without the runtime's work space.\n\n");
        var (time, timeTable) = _report.ScoreAgainstTime(_benchmark, PaperExperiment.Curves(_layers));
        Append(text, folder, "figure3-6-7", timeTable, time);
        var (exit, exitTable) = _report.ExitCriteria(_benchmark, Unpruned);
        Append(text, folder, "figure4", exitTable, exit);
        Pictures(text, pictures);
        File.WriteAllText(Path.Combine(folder, "README.md"), text.ToString());
        return claims;
    }

    /// <summary>Every claim of "what it must show".</summary>
    public IReadOnlyList<Claim> Claims()
    {
        var claims = new List<Claim>();
        Compare(claims, "SGP at 9 % keeps 89 % of the unpruned score (paper: 89.58 %)", Row(PruningMethod.Sgp, 9), Row(PruningMethod.None, 9), 0.89);
        foreach (var percent in new[] { 35, 9 })
        {
            foreach (var other in new[] { PruningMethod.FastV, PruningMethod.TokenMerging, PruningMethod.Random, PruningMethod.Uniform })
            {
                Compare(
                    claims, FormattableString.Invariant($"SGP beats {MethodSelection.NameOf(other)} at {percent} %"),
                    Row(PruningMethod.Sgp, percent), Row(other, percent), 1);
            }
        }

        foreach (var fraction in new[] { 0.1, 0.3, 0.5 })
        {
            Compare(
                claims, FormattableString.Invariant($"all layers of the small model beat its first {100 * fraction:0} %, at 9 %"),
                Row(PruningMethod.Sgp, 9), Row(PruningMethod.Sgp, 9, new ImportanceOptions { LayerFraction = fraction }), 1);
        }

        claims.AddRange(ExitCriteria.Measured.Where(c => c != ExitCriterion.Decision).Select(AreaClaim).OfType<Claim>());
        return claims;
    }

    private void Compare(List<Claim> claims, string text, PaperRow better, PaperRow baseline, double bound)
    {
        if (_report.ScoreRatio(_benchmark, better.Key, baseline.Key, [better.Key, baseline.Key]) is { } ratio)
        {
            claims.Add(new Claim(text, "score ratio", ratio, bound));
        }
    }

    /// <summary>S against another criterion: the difference of the areas, on the same draws of questions.</summary>
    private Claim? AreaClaim(ExitCriterion other)
    {
        var decision = _report.ExitSamples(_benchmark, Unpruned, ExitCriterion.Decision);
        var samples = _report.ExitSamples(_benchmark, Unpruned, other);
        if (samples.Count == 0 || samples.All(s => double.IsNaN(s.ExitScore)))
        {
            return null;
        }

        var difference = Bootstrap.Interval(
            samples.Count,
            draw => ExitCurve.Of(Array.ConvertAll(draw, i => decision[i])).Area - ExitCurve.Of(Array.ConvertAll(draw, i => samples[i])).Area,
            seed: header.Seed + 1);
        return new Claim($"S has a larger area than {Words(other)}", "difference of areas, points", difference, 0, IsPercent: false);
    }

    private Table Methods(PaperExperiment experiment) => _report.MethodTable(experiment.Title, experiment.TableRows());

    /// <summary>Tables 4 and 5, whose columns are pairs of models; there is one pair here.</summary>
    private Table Pairs()
    {
        var table = new Table("Tables 4 and 5: pairs", "small", "large", "small alone", "large alone", "SGP 64%", "SGP 35%", "SGP 9%");
        var rows = new[] { 64, 35, 9 }.Select(p => Row(PruningMethod.Sgp, p).Key).ToArray();
        string[] among = [ResultRecord.SmallMethod, "none", .. rows];
        string Ratio(string method) => _report.ScoreRatio(_benchmark, method, "none", among) is { } r
            ? string.Create(CultureInfo.InvariantCulture, $"{100 * r.Value:0.00}% [{100 * r.Low:0.00}, {100 * r.High:0.00}]") : "-";
        string Score(string method) => _report.Score(_benchmark, method, among) is { } s
            ? string.Create(CultureInfo.InvariantCulture, $"{s.Value:0.00} [{s.Low:0.00}, {s.High:0.00}]") : "-";
        table.Add([header.Small, header.Large, Score(ResultRecord.SmallMethod), Score("none"), .. rows.Select(Ratio)]);
        table.Notes.Add("SGP columns: score ratio to the large model alone. The paper has more pairs; run `sgl eval` with others to add theirs.");
        return table;
    }

    private void Head(StringBuilder text)
    {
        var failed = records.Count(r => r.Error is not null);
        text.Append(CultureInfo.InvariantCulture, $"# The paper's tables and figures: {header.Small} and {header.Large}\n\n");
        text.Append("Made by `sgl eval --paper`; every number below comes from `results.jsonl`. The models are the demo pair, trained on drawn pages: the numbers show whether the method's effects appear, not how large they are on real photographs and documents.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"- command: `{header.Command}`\n- source: {header.Commit}\n- machine: {header.Machine}\n- seed: {header.Seed}\n");
        text.Append(CultureInfo.InvariantCulture, $"- benchmark: {_benchmark}, {dataset.Questions.Count} questions on {dataset.Questions.Select(q => q.Image.Name).Distinct().Count()} held-out pages; {dataset.Skipped.Count} skipped, {failed} answers failed\n");
        text.Append(CultureInfo.InvariantCulture, $"- layers of the large model: {_layers}; where the paper's layer fractions miss the named retention at this depth, layer and ratio are chosen for the same average, and the tables say what it is. FastV cannot prune in front of layer 1, so at 9 % it keeps more than the others\n\n");
    }

    private static void Pictures(StringBuilder text, IReadOnlyList<(string File, string Caption)> pictures)
    {
        if (pictures.Count == 0)
        {
            return;
        }

        text.Append("### Figures 5 and 8: what is kept\n\n");
        foreach (var (file, caption) in pictures)
        {
            text.Append(CultureInfo.InvariantCulture, $"{caption}\n\n![{caption}]({file})\n\n");
        }
    }

    private static void Append(StringBuilder text, string folder, string name, Table table, Plot? plot = null)
    {
        File.WriteAllText(Path.Combine(folder, name + ".csv"), table.ToCsv());
        text.Append(table.ToMarkdown()).Append('\n');
        if (plot is not null)
        {
            plot.Write(folder, name);
            text.Append(CultureInfo.InvariantCulture, $"![{table.Title}]({name}.svg)\n\n");
        }
    }

    private PaperRow Row(PruningMethod method, int percent, ImportanceOptions? importance = null) =>
        PaperExperiment.Row("", method, percent, _layers, importance, header.Seed);

    private static string Words(ExitCriterion criterion) => criterion switch
    {
        ExitCriterion.Confidence => "confidence alone",
        ExitCriterion.Consistency => "consistency alone",
        ExitCriterion.Entropy => "entropy",
        ExitCriterion.QuantileQ1 => "quantile Q1",
        ExitCriterion.QuantileQ2 => "quantile Q2",
        ExitCriterion.QuantileQ3 => "quantile Q3",
        _ => "length-normalised consistency",
    };
}
