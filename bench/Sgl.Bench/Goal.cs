using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sgl.Bench;

/// <summary>A figure that has a goal: one row of the summary.</summary>
/// <param name="What">The row's text; <c>{0}</c> is the model, <c>{1}</c> what the pattern's group caught.</param>
/// <param name="Pattern">Names of the figures.</param>
/// <param name="Limit">The goal: at most this, or for <paramref name="Faster"/> at least as many times as fast.</param>
/// <param name="Faster">Whether the figure, our time over theirs, is shown as how many times as fast ours is.</param>
/// <param name="Unit">Behind the number.</param>
/// <param name="InReadme">Whether the README's short table has it.</param>
internal sealed record Goal(string What, string Pattern, double Limit, bool Faster = false, string Unit = "", bool InReadme = true)
{
    /// <summary>Those of the summary, in its order.</summary>
    public static IReadOnlyList<Goal> All { get; } =
    [
        new("{0}: a token, one sequence, 8 bits against llama.cpp Q8_0 ({1})", "^int8 / llama.cpp Q8_0: a token (behind .*)$", 1.3, Faster: true),
        new("{0}: a token, one sequence, 4 bits against llama.cpp Q4_0 ({1})", "^int4 / llama.cpp Q4_0: a token (behind .*)$", 1.1, Faster: true),
        new("{0}: prefill of {1} rows, 8 bits against the best of llama.cpp", "^best: prefill of (.*) rows$", 2, Faster: true),
        new("{0}: a step of 8 in a batch, 8 bits against llama.cpp Q8_0 ({1})", "^int8 / llama.cpp Q8_0: a step of 8 sequences (.*)$", 1.3, Faster: true),
        new("one tile of InternViT-300M, 8 bits against float32", "^int8 / float32: one tile through the tower$", 1.8, Faster: true),
        new("{0}: importance on / off, all in all ({1})", "^with / without importance: (.*)$", 1.05),
        new("{0}: consistency / small inference ({1})", "^consistency / whole: (.*)$", 0.05),
        new("importance against the authors' eager way, N = 1,800: time", "^importance, ours / eager: time$", 2, Faster: true),
        new("importance against the authors' eager way, N = 1,800: memory", "^importance, ours / eager: memory$", 0.1),
        new("router and gRPC: added to the first token, p50", "^router and gRPC: added to the first token, ms$", 1, Unit: " ms"),
        new("router and gRPC: added to a token, p50", "^router and gRPC: added to a token, ms$", 0.03, Unit: " ms"),
        new("{0}: ready / one read of the files, cold, {1}", "^ready / read, cold, (.*)$", 1.3, InReadme: false),
        new("{0}: resident / weights as computed with, {1}", "^resident / weights, (.*)$", 1.15, InReadme: false),
        new("{0}: second question about a picture / first, small and large model at 35 % ({1})", "^second question / first, (.*)$", 0.15),
        new("ten questions about one page / ten first ones, through the router, 1B's shape", "^ten about one page / ten first questions, processor time$", 0.25, InReadme: false),
        new("tokens kept at 20 % that 8 bits change", "^kept tokens that differ$", 0.03, InReadme: false),
    ];

    /// <summary>The number as the summary shows it.</summary>
    public double Shown(double figure) => Faster ? 1 / figure : figure;

    /// <summary>Whether it is reached.</summary>
    public bool IsMet(double figure) => Faster ? Shown(figure) >= Limit : figure <= Limit;

    /// <summary>Figure over goal: 1 or less is reached.</summary>
    public double Share(double figure) => Faster ? Limit / Shown(figure) : figure / Limit;

    /// <summary>The row's text for a figure, or null where it is about something else.</summary>
    public string? Name(string target, string figure) => Regex.Match(figure, Pattern) is { Success: true } match
        ? string.Format(System.Globalization.CultureInfo.InvariantCulture, What, target, match.Groups[1].Value)
        : null;
}

/// <summary>The figures of a run, from all files of results under a folder.</summary>
internal static class Results
{
    private const string Load = "load.json";

    /// <summary>Target (1B, 2B, demo) and figure; where two files have the same, the newer one counts.</summary>
    public static IReadOnlyDictionary<(string Target, string Figure), double> Read(string folder)
    {
        var all = new Dictionary<(string Target, string Figure), double>();
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*.json", SearchOption.AllDirectories).OrderBy(f => f.LastWriteTimeUtc))
        {
            var target = file.Name.Split('-', '.')[0];
            foreach (var (name, value) in file.Name == Load ? OfLoad(file.FullName) : target is "1b" or "2b" or "demo" ? Figure.Read(file.FullName) : [])
            {
                all[(target switch { "1b" => "1B", "2b" => "2B", _ => "demo" }, name)] = value;
            }
        }

        foreach (var best in all.Where(f => f.Key.Figure.StartsWith("int8 / llama.cpp", StringComparison.Ordinal) && f.Key.Figure.Contains(": prefill", StringComparison.Ordinal))
            .GroupBy(f => (f.Key.Target, What: f.Key.Figure.Split(": ")[1])).ToList())
        {
            // Their best precision is the one that we beat least.
            all[(best.Key.Target, $"best: {best.Key.What}")] = best.Max(f => f.Value);
        }

        return all;
    }

    private static Dictionary<string, double> OfLoad(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return document.RootElement.GetProperty("Scenarios").EnumerateArray()
            .SelectMany(s => s.GetProperty("Figures").EnumerateArray())
            .GroupBy(f => f.GetProperty("Name").GetString()!)
            .ToDictionary(g => g.Key, g => g.Last().GetProperty("Value").GetDouble());
    }
}
