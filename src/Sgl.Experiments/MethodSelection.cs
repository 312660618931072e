using System.Globalization;
using Sgl.Evaluation;
using Sgl.Guidance;

namespace Sgl.Experiments;

/// <summary>Which methods a run compares, as somebody asks for them: names, retentions or layer and ratio, and attention sources.</summary>
public sealed record MethodSelection
{
    private static readonly (string Name, PruningMethod Method)[] Known =
    [
        ("none", PruningMethod.None), ("sgp", PruningMethod.Sgp), ("tiles", PruningMethod.GuidedTiles), ("fastv", PruningMethod.FastV), ("oracle", PruningMethod.FastVOracle),
        ("tome", PruningMethod.TokenMerging), ("random", PruningMethod.Random), ("uniform", PruningMethod.Uniform),
    ];

    /// <summary>The methods' names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Known.Select(n => n.Name)];

    /// <summary>The methods. The unpruned model is added where it is missing: it is the 100 % of every table.</summary>
    public IReadOnlyList<PruningMethod> Methods { get; init; } = [PruningMethod.None, PruningMethod.Sgp];

    /// <summary>Average retentions in percent. The paper's 64, 50, 35, 18 and 9 mean its layers and ratios where the model is deep enough.</summary>
    public IReadOnlyList<double> Retentions { get; init; } = [64, 35, 9];

    /// <summary>K in place of <see cref="Retentions"/>; with <see cref="KeepRatio"/>.</summary>
    public int? PruneLayer { get; init; }

    /// <summary>r in place of <see cref="Retentions"/>; with <see cref="PruneLayer"/>.</summary>
    public double? KeepRatio { get; init; }

    /// <summary>Thresholds of guided tiles, 0 to 1.</summary>
    public IReadOnlyList<double> TileThresholds { get; init; } = [TileSelection.DefaultThreshold];

    /// <summary>Shares of the layers whose attention is summed; for SGP and the oracle.</summary>
    public IReadOnlyList<double> LayerFractions { get; init; } = [1];

    /// <summary>Tokens whose attention is summed; for SGP and the oracle.</summary>
    public IReadOnlyList<ImportanceSource> Sources { get; init; } = [ImportanceSource.PromptAndGenerated];

    /// <summary>Row definitions; for SGP and the oracle.</summary>
    public IReadOnlyList<ImportanceVariant> Variants { get; init; } = [ImportanceVariant.Reference];

    /// <summary>Rules that SGP's importance is used by; null stands for the paper's.</summary>
    public IReadOnlyList<GuidanceRule?> Rules { get; init; } = [null];

    /// <summary>Seed of random masks.</summary>
    public ulong Seed { get; init; }

    /// <summary>The method of a name.</summary>
    /// <exception cref="EvaluationException">There is none; the message lists those there are.</exception>
    public static PruningMethod Named(string name)
    {
        var at = Array.FindIndex(Known, n => n.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        return at >= 0 ? Known[at].Method : throw new EvaluationException($"unknown method '{name}'; known are {string.Join(", ", Names)}");
    }

    /// <summary>The name of a method.</summary>
    public static string NameOf(PruningMethod method) => Known.First(n => n.Method == method).Name;

    /// <summary>One row per configuration: the unpruned model, the small model, then the others; what comes out equal stands once.</summary>
    /// <param name="layers">L of the large model.</param>
    /// <exception cref="EvaluationException">A setting is out of range.</exception>
    public IReadOnlyList<PaperRow> Rows(int layers)
    {
        Check(layers);
        var rows = new List<PaperRow> { new("large model", MethodConfiguration.Unpruned, "100%"), new("small model", null, "100%") };
        foreach (var method in Methods.Where(m => m != PruningMethod.None))
        {
            foreach (var (name, importance) in Importances(method))
            {
                rows.AddRange(
                    from setting in Settings(method, layers, importance)
                    from c in Thresholds(setting)
                    from rule in method == PruningMethod.Sgp ? Rules : [null]
                    let ruled = c with { Rule = rule }
                    orderby Rules.ToList().IndexOf(rule)
                    select new PaperRow(rule is null ? name : $"{name}, {rule}", ruled, Setting(ruled, layers)));
            }
        }

        return [.. rows.DistinctBy(r => r.Key)];
    }

    private IEnumerable<MethodConfiguration> Thresholds(MethodConfiguration configuration) =>
        configuration.Method == PruningMethod.GuidedTiles ? TileThresholds.Select(t => configuration with { TileThreshold = t }) : [configuration];

    private static string Setting(MethodConfiguration configuration, int layers)
    {
        var retention = string.Create(CultureInfo.InvariantCulture, $"{100 * configuration.AverageRetention(layers):0.#}%");
        return configuration.Method == PruningMethod.GuidedTiles ? string.Create(CultureInfo.InvariantCulture, $"{retention} t{configuration.TileThreshold:0.##}") : retention;
    }

    private IEnumerable<MethodConfiguration> Settings(PruningMethod method, int layers, ImportanceOptions? importance)
    {
        if (PruneLayer is { } layer && KeepRatio is { } ratio)
        {
            // Merging has no layer: it gets what the others keep on average.
            var merged = method == PruningMethod.TokenMerging;
            yield return new MethodConfiguration
            {
                Method = method,
                PruneLayer = merged ? null : layer,
                KeepRatio = merged ? PruneSchedule.AverageRetention(layer, ratio, layers) : ratio,
                Importance = importance ?? new ImportanceOptions(),
                Seed = method == PruningMethod.Random ? Seed : 0,
            };
            yield break;
        }

        foreach (var percent in Retentions)
        {
            var isPaper = PruneSchedule.PaperSettings.Any(s => s.Percent == percent);
            var configuration = isPaper
                ? PaperExperiment.Row("", method, (int)percent, layers, importance, Seed).Method!
                : MethodConfiguration.AtAverage(method, percent / 100, layers, importance);
            yield return method == PruningMethod.Random ? configuration with { Seed = Seed } : configuration;
        }
    }

    private IEnumerable<(string Name, ImportanceOptions? Importance)> Importances(PruningMethod method)
    {
        var name = method switch
        {
            PruningMethod.Sgp => "SGP",
            PruningMethod.GuidedTiles => "guided tiles",
            PruningMethod.FastV => "FastV",
            PruningMethod.FastVOracle => "oracle (all layers of large)",
            PruningMethod.TokenMerging => "ToMe",
            PruningMethod.Random => "random",
            _ => "uniform",
        };
        if (method is not (PruningMethod.Sgp or PruningMethod.GuidedTiles or PruningMethod.FastVOracle))
        {
            return [(name, null)];
        }

        return
            from fraction in LayerFractions
            from source in Sources
            from variant in Variants
            let options = new ImportanceOptions { LayerFraction = fraction, Source = source, Variant = variant }
            select (name + Described(options), (ImportanceOptions?)options);
    }

    private static string Described(ImportanceOptions options) => string.Concat(
        options.LayerFraction == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", first {100 * options.LayerFraction:0.#}% of layers"),
        options.Source switch
        {
            ImportanceSource.PromptAndGenerated => "",
            ImportanceSource.Prompt => ", prompt tokens",
            ImportanceSource.Generated => ", generated tokens",
            _ => ", last prompt token",
        },
        options.Variant == ImportanceVariant.Reference ? "" : ", the paper's rows");

    private void Check(int layers)
    {
        if (PruneLayer is null != KeepRatio is null)
        {
            throw new EvaluationException("a prune layer and a keep ratio belong together; give both or neither");
        }

        if (PruneLayer is { } layer && (layer < 0 || layer >= layers))
        {
            throw new EvaluationException($"the prune layer must be between 0 and {layers - 1}, was {layer}");
        }

        Require("the keep ratio", KeepRatio is { } ratio ? [ratio] : [], r => r is >= 0 and <= 1, "between 0 and 1");
        Require("the retention", Retentions, p => p is > 0 and <= 100, "a percentage above 0, at most 100");
        Require("the threshold of guided tiles", TileThresholds, t => t is >= 0 and <= 1, "between 0 and 1");
        Require("the share of layers", LayerFractions, f => f is > 0 and <= 1, "above 0, at most 1");
    }

    private static void Require(string what, IReadOnlyList<double> values, Func<double, bool> isRight, string wanted)
    {
        foreach (var value in values.Where(v => !isRight(v)))
        {
            throw new EvaluationException(FormattableString.Invariant($"{what} must be {wanted}, was {value}"));
        }
    }
}
