using System.Text.Json;

namespace Sgl.Bench;

/// <summary>A number that later runs are compared with. Ratios only: they say the same on another machine of the kind.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">The number; smaller is better.</param>
internal sealed record Figure(string Name, double Value)
{
    /// <summary>Worse than the baseline by more than this is reported as a loss.</summary>
    public const double Tolerance = 0.15;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes figures beside a report.</summary>
    public static void Write(string path, IEnumerable<Figure> figures) =>
        File.WriteAllText(path, JsonSerializer.Serialize(figures.ToDictionary(f => f.Name, f => Math.Round(f.Value, 4)), Indented) + "\n");

    /// <summary>Prints each figure of a folder of results beside that of a folder of baselines.</summary>
    /// <returns>The number of figures that got worse or are missing.</returns>
    public static int Compare(string run, string baseline, TextWriter output)
    {
        var lost = 0;
        foreach (var path in Directory.EnumerateFiles(baseline, "*.json").Order(StringComparer.Ordinal))
        {
            var file = Path.GetFileName(path);
            var now = Path.Combine(run, file);
            if (!File.Exists(now))
            {
                output.WriteLine($"{file}: not in this run");
                continue;
            }

            var (before, after) = (Read(path), Read(now));
            foreach (var (name, value) in before)
            {
                var found = after.TryGetValue(name, out var other);
                var worse = !found || other > value * (1 + Tolerance);
                lost += worse ? 1 : 0;
                output.WriteLine($"{file} {name}: {value:0.000} -> {(found ? $"{other:0.000} ({(other / value) - 1:+0 %;-0 %})" : "missing")}{(worse ? "  WORSE" : "")}");
            }
        }

        return lost;
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static Dictionary<string, double> Read(string path) => JsonSerializer.Deserialize<Dictionary<string, double>>(File.ReadAllText(path))!;
}
