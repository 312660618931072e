using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sgl.LoadTest;

/// <summary>Figures of one scenario.</summary>
internal sealed class Section(string name)
{
    private readonly List<(string Name, LoadSummary Summary)> _stretches = [];
    private readonly List<Figure> _figures = [];

    public string Name => name;

    /// <summary>Whether everything expected was so.</summary>
    public bool Met => _figures.TrueForAll(f => f.Met);

    /// <summary>Adds a measured stretch of load.</summary>
    public void Add(string stretch, LoadSummary summary) => _stretches.Add((stretch, summary));

    /// <summary>Adds a single number.</summary>
    public void Note(string figure, double value) => _figures.Add(new Figure(figure, value, null, null));

    /// <summary>Adds a number that has to lie within bounds; outside, the program ends with exit code 1.</summary>
    public void Expect(string figure, double value, double? least = null, double? most = null) => _figures.Add(new Figure(figure, value, least, most));

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        if (_stretches.Count > 0)
        {
            text.AppendLine(LoadSummary.Header);
            _stretches.ForEach(s => text.AppendLine(s.Summary.ToRow(s.Name)));
        }

        if (_figures.Count > 0)
        {
            text.AppendLine().AppendLine("| figure | value | goal | |\n|---|---|---|---|");
            _figures.ForEach(f => text.AppendLine(f.ToRow()));
        }

        foreach (var failure in _stretches.SelectMany(s => s.Summary.Failures.Select(f => $"{s.Name}: {f}")))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"\nfailed: {failure}");
        }

        return text.ToString();
    }

    public object ToJson() => new { Name = name, Met, Stretches = _stretches.Select(s => new { s.Name, s.Summary }), Figures = _figures };

    private sealed record Figure(string Name, double Value, double? Least, double? Most)
    {
        public bool Met => !(Value < Least) && !(Value > Most);

        public string ToRow()
        {
            var goal = (Least, Most) switch
            {
                ({ } l, { } m) => FormattableString.Invariant($"{l:0.##} to {m:0.##}"),
                ({ } l, null) => FormattableString.Invariant($">= {l:0.##}"),
                (null, { } m) => FormattableString.Invariant($"<= {m:0.##}"),
                _ => "",
            };
            return FormattableString.Invariant($"| {Name} | {Value:0.###} | {goal} | {(goal.Length == 0 ? "" : Met ? "met" : "MISSED")} |");
        }
    }
}

/// <summary>Collects the scenarios and writes them as JSON and Markdown.</summary>
internal sealed class Report(LoadOptions options)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    private readonly List<(IScenario Scenario, Section Section)> _sections = [];

    /// <summary>Whether all scenarios met their goals.</summary>
    public bool Met => _sections.TrueForAll(s => s.Section.Met);

    public Section Begin(IScenario scenario)
    {
        var section = new Section(scenario.Name);
        _sections.Add((scenario, section));
        return section;
    }

    /// <summary>Writes <c>load.json</c> and <c>load.md</c>.</summary>
    /// <returns>The folder.</returns>
    public string Write()
    {
        Directory.CreateDirectory(options.Output);
        var machine = $"{Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, .NET {Environment.Version}";
        var text = new StringBuilder($"`dotnet run -c Release --project bench/Sgl.LoadTest -- {options.Command}` on {machine}\n");
        foreach (var (scenario, section) in _sections)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {scenario.Name}: {scenario.Summary}\n\n{section.ToMarkdown()}");
        }

        File.WriteAllText(Path.Combine(options.Output, "load.md"), text.ToString());
        File.WriteAllText(
            Path.Combine(options.Output, "load.json"),
            JsonSerializer.Serialize(new { options.Command, Machine = machine, Scenarios = _sections.Select(s => s.Section.ToJson()) }, Json));
        return options.Output;
    }
}
