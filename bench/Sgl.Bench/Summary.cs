using System.Text.RegularExpressions;
using Sgl.Evaluation;
using Sgl.TestKit;

namespace Sgl.Bench;

/// <summary>Table and plots of a run, made of its JSON files.</summary>
internal static class Summary
{
    private const string Begin = "<!-- bench: made by Sgl.Bench --summary DIR --write -->", End = "<!-- bench: end -->";
    private const string AgainstPeers = "performance-peers", AgainstGoals = "performance-goals";

    /// <summary>Writes <c>summary.md</c> and the plots.</summary>
    /// <param name="folder">Holds the results, also in folders below it; gets the summary.</param>
    /// <param name="documents">Whether README.md and docs/results get table and plots too.</param>
    /// <param name="output">Gets the table.</param>
    public static void Write(string folder, bool documents, TextWriter output)
    {
        var rows = Rows(Results.Read(folder));
        var table = Table(rows);
        output.Write(table);
        File.WriteAllText(Path.Combine(folder, "summary.md"), table);
        Plots(folder, rows, Results.Read(folder));
        if (documents)
        {
            var results = Repository.Path("docs", "results");
            Plots(results, rows, Results.Read(folder));
            Replace(Repository.Path("README.md"), Table([.. rows.Where(r => r.Goal.InReadme)]));
            Replace(Path.Combine(results, "performance.md"), $"{table}\n![times as fast as llama.cpp]({AgainstPeers}.svg)\n\n![figures over their goals, by row]({AgainstGoals}.svg)\n");
        }
    }

    private static List<Row> Rows(IReadOnlyDictionary<(string Target, string Figure), double> figures)
    {
        var rows = new List<Row>();
        foreach (var goal in Goal.All)
        {
            rows.AddRange(figures
                .Select(f => (Name: goal.Name(f.Key.Target, f.Key.Figure), f.Value))
                .Where(f => f.Name is not null)
                .OrderBy(f => f.Name, StringComparer.Ordinal)
                .Select(f => new Row(goal, f.Name!, f.Value)));
        }

        return rows;
    }

    private static string Table(List<Row> rows) => string.Concat(
        [
            "| | figure | measured | goal | |\n|---|---|---|---|---|\n",
            .. rows.Select((r, i) => FormattableString.Invariant(
                $"| {i + 1} | {r.Name} | {Number(r.Goal, r.Goal.Shown(r.Value))} | {(r.Goal.Faster ? ">=" : "<=")} {Number(r.Goal, r.Goal.Limit)} | {(r.Goal.IsMet(r.Value) ? "" : "missed")} |\n")),
        ]);

    private static string Number(Goal goal, double value) => goal.Faster ? FormattableString.Invariant($"{value:0.00} times as fast") : FormattableString.Invariant($"{value:0.###}{goal.Unit}");

    private static void Plots(string folder, List<Row> rows, IReadOnlyDictionary<(string Target, string Figure), double> figures)
    {
        var peers = figures.Select(f => (f.Key.Target, f.Value, Peer: Regex.Match(f.Key.Figure, "^(?<kind>ours|int8|int4) / (?:llama.cpp |onnxruntime-)(?<peer>[^:]+): (?<task>.+)$")))
            .Where(f => f.Peer.Success)
            .Select(f => (Task: $"{f.Target}: {f.Peer.Groups["task"].Value}", Precision: Label(f.Peer.Groups["peer"].Value.Split(' ')[0], f.Peer.Groups["kind"].Value), Faster: 1 / f.Value))
            .OrderBy(f => f.Task, StringComparer.Ordinal)
            .ThenBy(f => f.Precision, StringComparer.Ordinal)
            .ToList();
        if (peers.Count > 0)
        {
            // A series for each task: its bars stand side by side, a gap behind them.
            var series = peers.Select((p, i) => (Peer: p, At: i))
                .GroupBy(p => p.Peer.Task)
                .Select((task, gap) => new PlotSeries(
                    task.Key, [.. task.Select(p => new PlotPoint(p.At + gap + 1, p.Peer.Faster, Label: p.Peer.Precision))], SeriesStyle.Bars)
                { BarWidth = 0.9 })
                .Append(new PlotSeries("as fast", [new PlotPoint(0, 1)], SeriesStyle.Level));
            new Plot("Times as fast as llama.cpp (by its precision) and onnxruntime-genai", new PlotAxis("") { Low = 0 }, new PlotAxis("their time / ours") { Low = 0 }, [.. series]) { Width = 980 }.Write(folder, AgainstPeers);
        }

        if (rows.Count > 0)
        {
            var bars = new PlotSeries("figure / goal", [.. rows.Select((r, i) => new PlotPoint(i + 1, Math.Max(0, r.Goal.Share(r.Value))))], SeriesStyle.Bars) { BarWidth = 0.8 };
            new Plot("Figures over their goals: 1 or less is reached", new PlotAxis("row of the table"), new PlotAxis("figure / goal") { Low = 0 }, [bars, new PlotSeries("goal", [new PlotPoint(0, 1)], SeriesStyle.Level)])
                .Write(folder, AgainstGoals);
        }
    }

    /// <summary>Their precision, and ours where it is not the one that is chosen by itself.</summary>
    private static string Label(string precision, string ours) => ours == "int4" ? $"{precision}, 4 bits" : precision;

    /// <summary>Replaces what stands between the marks of a document.</summary>
    private static void Replace(string path, string text)
    {
        var old = File.ReadAllText(path);
        int begin = old.IndexOf(Begin, StringComparison.Ordinal), end = old.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
        {
            throw new InvalidOperationException($"{path} has no '{Begin}' with '{End}' behind it");
        }

        File.WriteAllText(path, $"{old[..(begin + Begin.Length)]}\n{text}{old[end..]}");
    }

    /// <summary>A figure with its goal.</summary>
    private sealed record Row(Goal Goal, string Name, double Value);
}
