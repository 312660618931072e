using System.Globalization;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>Where the large model's keep-mask comes from.</summary>
public enum PruningMethod
{
    /// <summary>All visual tokens stay.</summary>
    None,

    /// <summary>The small model's importance (the paper's method).</summary>
    Sgp,

    /// <summary>The small model's importance, and tiles that it rules out are not encoded (ours).</summary>
    GuidedTiles,

    /// <summary>One layer of the large model, last prompt token.</summary>
    FastV,

    /// <summary>All layers of the large model's own unpruned run; a second run is pruned.</summary>
    FastVOracle,

    /// <summary>Merging of visual features before the language model.</summary>
    TokenMerging,

    /// <summary>Seeded random tokens: a control.</summary>
    Random,

    /// <summary>Evenly spread tokens: a control.</summary>
    Uniform,
}

/// <summary>One row of a table: a pruning method with its setting.</summary>
public sealed record MethodConfiguration
{
    /// <summary>Where the mask comes from.</summary>
    public required PruningMethod Method { get; init; }

    /// <summary>f in K = int(L f). Not used by <see cref="PruningMethod.None"/> and <see cref="PruningMethod.TokenMerging"/>.</summary>
    public double LayerFraction { get; init; } = 1;

    /// <summary>K itself, in place of <see cref="LayerFraction"/>.</summary>
    public int? PruneLayer { get; init; }

    /// <summary>r, the share of visual tokens kept from layer K on; for merging the share of tokens left for all layers.</summary>
    public double KeepRatio { get; init; } = 1;

    /// <summary>How far below the best tile others may be; for <see cref="PruningMethod.GuidedTiles"/>.</summary>
    public double TileThreshold { get; init; } = TileSelection.DefaultThreshold;

    /// <summary>What the importance is used by in place of the paper's rule; for <see cref="PruningMethod.Sgp"/>. Null: the paper's.</summary>
    public GuidanceRule? Rule { get; init; }

    /// <summary>Whether the mask comes from the small model's importance.</summary>
    public bool NeedsSmall => Method is PruningMethod.Sgp or PruningMethod.GuidedTiles;

    /// <summary>Which attention is summed; for SGP, guided tiles and <see cref="PruningMethod.FastVOracle"/>.</summary>
    public ImportanceOptions Importance { get; init; } = new();

    /// <summary>Seed of <see cref="PruningMethod.Random"/>; mixed with the question's place.</summary>
    public ulong Seed { get; init; }

    /// <summary>Unpruned.</summary>
    public static MethodConfiguration Unpruned { get; } = new() { Method = PruningMethod.None };

    /// <summary>A method at one of the paper's settings. Merging gets the model's average retention as its ratio.</summary>
    /// <param name="method">Which.</param>
    /// <param name="setting">64, 50, 35, 18 or 9 %.</param>
    /// <param name="layers">L of the large model.</param>
    /// <param name="importance">Ablations of the attention source.</param>
    public static MethodConfiguration At(
        PruningMethod method, PruneSetting setting, int layers, ImportanceOptions? importance = null)
    {
        ArgumentNullException.ThrowIfNull(setting);
        return method switch
        {
            PruningMethod.None => Unpruned,
            PruningMethod.TokenMerging => new() { Method = method, KeepRatio = setting.AverageRetention(layers) },
            _ => new()
            {
                Method = method,
                LayerFraction = setting.LayerFraction,
                KeepRatio = setting.KeepRatio,
                Importance = importance ?? new ImportanceOptions(),
            },
        };
    }

    /// <summary>
    /// A method at a wanted average retention, for models whose depth makes the paper's fractions miss it. FastV needs a layer
    /// to read before it prunes; where the schedule says K = 0 it gets K = 1 and as many tokens as the others, so its average
    /// is higher: an advantage that tables show.
    /// </summary>
    public static MethodConfiguration AtAverage(
        PruningMethod method, double average, int layers, ImportanceOptions? importance = null)
    {
        if (method is PruningMethod.None or PruningMethod.TokenMerging)
        {
            return method == PruningMethod.None ? Unpruned : new() { Method = method, KeepRatio = average };
        }

        var (layer, ratio) = PruneSchedule.ForAverage(layers, average);
        return new()
        {
            Method = method,
            PruneLayer = method == PruningMethod.FastV ? Math.Max(1, layer) : layer,
            KeepRatio = ratio,
            Importance = importance ?? new ImportanceOptions(),
        };
    }

    /// <summary>K for a large model of L layers; L where nothing is pruned. FastV never prunes before layer 1.</summary>
    public int Layer(int layers) => Method is PruningMethod.None or PruningMethod.TokenMerging ? layers
        : Math.Max(PruneLayer ?? PruneSchedule.Layer(layers, LayerFraction), Method == PruningMethod.FastV ? 1 : 0);

    /// <summary>Every layer in front of which visual tokens are dropped; none where nothing is pruned.</summary>
    public IReadOnlyList<int> PruneLayers(int layers) =>
        [.. (Rule?.Points(Layer(layers), KeepRatio, layers).Select(p => p.Layer) ?? [Layer(layers)]).Where(k => k < layers)];

    /// <summary>The nominal share of visual tokens, averaged over the L layers of the large model.</summary>
    public double AverageRetention(int layers) => Method switch
    {
        PruningMethod.None => 1,
        PruningMethod.TokenMerging => KeepRatio,
        _ => PruneSchedule.AverageRetention(Layer(layers), KeepRatio, layers),
    };

    /// <summary>Tells this configuration from every other; part of each result's key, so it must stay stable.</summary>
    public string Key
    {
        get
        {
            var layer = PruneLayer is { } k
                ? string.Create(CultureInfo.InvariantCulture, $"k{k}") : string.Create(CultureInfo.InvariantCulture, $"f{LayerFraction}");
            var key = Method == PruningMethod.None ? "none"
                : string.Create(CultureInfo.InvariantCulture, $"{Method.ToString().ToLowerInvariant()}-{layer}-r{KeepRatio:0.######}");
            if (Method == PruningMethod.GuidedTiles)
            {
                key += string.Create(CultureInfo.InvariantCulture, $"-t{TileThreshold:0.######}");
            }

            if (NeedsSmall || Method == PruningMethod.FastVOracle)
            {
                key += Importance.Source == ImportanceSource.PromptAndGenerated ? "" : $"-{Importance.Source.ToString().ToLowerInvariant()}";
                key += Importance.Variant == ImportanceVariant.Reference ? "" : "-paper";
                key += Importance.LayerFraction == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-layers{Importance.LayerFraction}");
                key += Rule is { } rule ? $"-{rule}" : "";
                key += Importance.SingleLayer is { } only ? string.Create(CultureInfo.InvariantCulture, $"-layer{only}") : "";
            }

            return Method == PruningMethod.Random ? string.Create(CultureInfo.InvariantCulture, $"{key}-seed{Seed}") : key;
        }
    }

    /// <summary>
    /// The mask of a method that needs nothing but numbers: SGP, FastV and the oracle from an importance vector, the controls
    /// from the count alone. Null for <see cref="PruningMethod.None"/> and <see cref="PruningMethod.TokenMerging"/>.
    /// </summary>
    /// <param name="visualTokens">N_I.</param>
    /// <param name="importance">A; may be empty for the controls.</param>
    /// <param name="question">Place of the question in the benchmark; makes every question's random mask another one.</param>
    public KeepMask? Mask(int visualTokens, ReadOnlySpan<float> importance, int question) => Method switch
    {
        PruningMethod.None or PruningMethod.TokenMerging => null,
        PruningMethod.Random => ControlMasks.Random(
            visualTokens, KeepCount.Of(visualTokens, KeepRatio), Seed + ((ulong)(uint)question << 32)),
        PruningMethod.Uniform => ControlMasks.Uniform(visualTokens, KeepCount.Of(visualTokens, KeepRatio)),
        _ when importance.Length != visualTokens => throw new GuidanceException(
            "importance", $"expected {visualTokens} visual tokens, found {importance.Length}"),
        _ => KeepMask.FromImportance(importance, KeepRatio),
    };
}
