using System.Globalization;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>One row of one of the paper's tables.</summary>
/// <param name="Name">As the paper names it.</param>
/// <param name="Method">How the large model is run; null for the small model alone.</param>
/// <param name="Retention">Average share of visual tokens in the large model, in percent.</param>
public sealed record PaperRow(string Name, MethodConfiguration? Method, string Retention)
{
    /// <summary>The method key of its results.</summary>
    public string Key => Method?.Key ?? ResultRecord.SmallMethod;
}

/// <summary>
/// The paper's tables as lists of method configurations, for a large model of any depth. Where the paper's layer fractions give
/// an average retention within two points of the named one they are used; where the model is too shallow for that, layer and
/// ratio are chosen for the same average.
/// </summary>
/// <param name="Title">Heading.</param>
/// <param name="Rows">The first row is the unpruned large model, the 100 %.</param>
public sealed record PaperExperiment(string Title, IReadOnlyList<PaperRow> Rows)
{
    private const double PointsOff = 0.02;

    /// <summary>Pruning methods at 64, 35 and 9 %, the two controls among them.</summary>
    public static PaperExperiment Table1(int layers, ulong seed = 0)
    {
        (string Name, PruningMethod Method)[] methods =
        [
            ("ToMe", PruningMethod.TokenMerging), ("FastV", PruningMethod.FastV), ("random", PruningMethod.Random),
            ("uniform", PruningMethod.Uniform), ("SGP", PruningMethod.Sgp),
        ];
        return new("Table 1: pruning methods", [
            Large(), new("small model", null, "100%"),
            .. methods.SelectMany(m => new[] { 64, 35, 9 }.Select(p => Row($"large w/ {m.Name}", m.Method, p, layers, seed: seed))),
        ]);
    }

    /// <summary>Attention of different sources at 9 %.</summary>
    public static PaperExperiment Table2(int layers) => new("Table 2: attention map source", [
        Large(),
        Row("all layers of large (oracle)", PruningMethod.FastVOracle, 9, layers),
        Row("one layer of large (FastV)", PruningMethod.FastV, 9, layers),
        .. new[] { 0.1, 0.3, 0.5, 0.7 }.Select(f => Row(
            string.Create(CultureInfo.InvariantCulture, $"{100 * f:0}% layers of small"), PruningMethod.Sgp, 9, layers, new() { LayerFraction = f })),
        Row("all layers of small (SGP)", PruningMethod.Sgp, 9, layers),
    ]);

    /// <summary>Attention of different tokens at 9 %, and the paper's own definition of the prompt rows.</summary>
    public static PaperExperiment Table3(int layers) => new("Table 3: tokens used", [
        Large(),
        Row("last prompt token", PruningMethod.Sgp, 9, layers, new() { Source = ImportanceSource.LastPrompt }),
        Row("prompt tokens", PruningMethod.Sgp, 9, layers, new() { Source = ImportanceSource.Prompt }),
        Row("generated tokens", PruningMethod.Sgp, 9, layers, new() { Source = ImportanceSource.Generated }),
        Row("prompt + generated tokens", PruningMethod.Sgp, 9, layers),
        Row("the same without the last visual token's row (the paper's text)", PruningMethod.Sgp, 9, layers, new() { Variant = ImportanceVariant.Paper }),
    ]);

    /// <summary>The points of Figures 3, 6 and 7: SGP at 64, 50, 35 and 18 %.</summary>
    public static PaperExperiment Figure3(int layers) => new("Figure 3: score against time", [
        Large(),
        .. new[] { 64, 50, 35, 18 }.SelectMany(p => new[]
        {
            Row("FastV", PruningMethod.FastV, p, layers), Row("ToMe", PruningMethod.TokenMerging, p, layers),
            Row("SGP", PruningMethod.Sgp, p, layers),
        }),
    ]);

    /// <summary>Every configuration that some table or figure needs, each once.</summary>
    public static IReadOnlyList<MethodConfiguration> AllMethods(int layers, ulong seed = 0) =>
    [
        .. new[] { Table1(layers, seed), Table2(layers), Table3(layers), Figure3(layers) }
            .SelectMany(e => e.Rows).Select(r => r.Method).OfType<MethodConfiguration>().DistinctBy(m => m.Key),
    ];

    /// <summary>The curves of Figures 3, 6 and 7 in the form that <see cref="EvaluationReport.ScoreAgainstTime"/> takes.</summary>
    public static IReadOnlyList<(string Name, double? ExitRatio, IReadOnlyList<(string Label, string Method)> Points)> Curves(int layers)
    {
        var rows = Figure3(layers).Rows;
        (string, string)[] PointsOf(string name) => [.. rows.Where(r => r.Name == name).Select(r => (r.Retention, r.Key))];
        return
        [
            ("large model", null, PointsOf(Large().Name)), ("FastV", null, PointsOf("FastV")), ("ToMe", null, PointsOf("ToMe")),
            ("SGP", 0, PointsOf("SGP")),
            .. new[] { 0.2, 0.4, 0.6 }.Select(e =>
                (string.Create(CultureInfo.InvariantCulture, $"SGP {100 * e:0}% SEE"), (double?)e, (IReadOnlyList<(string, string)>)PointsOf("SGP"))),
        ];
    }

    /// <summary>The rows in the form that <see cref="EvaluationReport.MethodTable"/> takes.</summary>
    public IReadOnlyList<(string Name, string Retention, string Method)> TableRows() =>
        [.. Rows.Select(r => (r.Name, r.Retention, r.Key))];

    private static PaperRow Large() => new("large model", MethodConfiguration.Unpruned, "100%");

    /// <summary>A method at one of the paper's retentions.</summary>
    /// <param name="name">As the table shall name it.</param>
    /// <param name="method">Which.</param>
    /// <param name="percent">64, 50, 35, 18 or 9.</param>
    /// <param name="layers">L of the large model.</param>
    /// <param name="importance">Ablations of the attention source.</param>
    /// <param name="seed">Seed of random masks.</param>
    public static PaperRow Row(
        string name, PruningMethod method, int percent, int layers, ImportanceOptions? importance = null, ulong seed = 0)
    {
        var setting = PruneSchedule.Paper(percent);
        var average = percent / 100.0;
        var configuration = Math.Abs(setting.AverageRetention(layers) - average) <= PointsOff
            ? MethodConfiguration.At(method, setting, layers, importance)
            : MethodConfiguration.AtAverage(method, average, layers, importance);
        configuration = method == PruningMethod.Random ? configuration with { Seed = seed } : configuration;
        return new(name, configuration, string.Create(CultureInfo.InvariantCulture, $"{100 * configuration.AverageRetention(layers):0.#}%"));
    }
}
