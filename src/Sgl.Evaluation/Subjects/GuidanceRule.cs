using System.Globalization;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>What becomes of the small model's importance.</summary>
public enum GuidanceRuleKind
{
    /// <summary>Fewer tokens where few are important: <see cref="AdaptiveRetention"/>. The parameter is the share of the importance; at least a quarter and at most three times the keep ratio stay.</summary>
    Adaptive,

    /// <summary>Several steps of the same average: <see cref="ProgressiveSchedule"/>. The parameter is their number.</summary>
    Progressive,

    /// <summary>Without what prompts without text look at: <see cref="ImportanceTrend"/>. The parameter is the number of places.</summary>
    Debiased,

    /// <summary><see cref="DiverseSelection.Determinantal"/>. The parameter is the weight of the importance.</summary>
    Determinantal,

    /// <summary><see cref="DiverseSelection.MaxMin"/>. The parameter is the weight of the importance.</summary>
    MaxMin,
}

/// <summary>A rule in place of the paper's "the most important r N_I tokens from layer K on".</summary>
/// <param name="Kind">Which.</param>
/// <param name="Parameter">Its number.</param>
public sealed record GuidanceRule(GuidanceRuleKind Kind, double Parameter)
{
    private static readonly (string Name, GuidanceRuleKind Kind, double Usual, double Lowest, double Highest)[] Known =
    [
        ("adaptive", GuidanceRuleKind.Adaptive, 0.5, 0, 1),
        ("progressive", GuidanceRuleKind.Progressive, 3, 1, 1000),
        ("debiased", GuidanceRuleKind.Debiased, ImportanceTrend.DefaultBins, 1, 1 << 16),
        ("dpp", GuidanceRuleKind.Determinantal, 1, 0, DiverseSelection.HighestWeight),
        ("maxmin", GuidanceRuleKind.MaxMin, 1, 0, DiverseSelection.HighestWeight),
    ];

    /// <summary>The rules' names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Known.Select(k => k.Name)];

    /// <summary>Reads <c>name</c> or <c>name:parameter</c>; <c>paper</c> gives null, the paper's rule.</summary>
    /// <exception cref="EvaluationException">There is no such rule, or the parameter is out of range.</exception>
    public static GuidanceRule? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':', 2);
        if (parts is ["paper"])
        {
            return null;
        }

        var at = Array.FindIndex(Known, k => k.Name.Equals(parts[0], StringComparison.OrdinalIgnoreCase));
        if (at < 0)
        {
            throw new EvaluationException($"unknown rule '{parts[0]}'; known are paper, {string.Join(", ", Names)}");
        }

        var known = Known[at];
        if (parts.Length == 1)
        {
            return new GuidanceRule(known.Kind, known.Usual);
        }

        return double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var parameter) && parameter >= known.Lowest && parameter <= known.Highest
            && (known.Kind is not (GuidanceRuleKind.Progressive or GuidanceRuleKind.Debiased) || parameter == Math.Floor(parameter))
            ? new GuidanceRule(known.Kind, parameter)
            : throw new EvaluationException(FormattableString.Invariant($"'{text}': the parameter of {known.Name} is a number from {known.Lowest} to {known.Highest}"));
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Known.First(k => k.Kind == Kind).Name}:{Parameter:0.######}");

    /// <summary>Where the large model drops visual tokens.</summary>
    /// <param name="layer">K of the paper's rule.</param>
    /// <param name="keepRatio">r of the paper's rule.</param>
    /// <param name="layers">L.</param>
    public IReadOnlyList<(int Layer, double KeepRatio)> Points(int layer, double keepRatio, int layers) =>
        Kind == GuidanceRuleKind.Progressive && layer < layers
            ? ProgressiveSchedule.Create(layers, layer, Math.Min((int)Parameter, layers - layer), PruneSchedule.AverageRetention(layer, keepRatio, layers))
            : [(layer, keepRatio)];

    /// <summary>The plan for one question.</summary>
    /// <param name="importance">The small model's A.</param>
    /// <param name="points">From <see cref="Points"/>.</param>
    /// <param name="layers">L.</param>
    /// <param name="features">The large model's visual features, for the rules that compare them; otherwise not looked at.</param>
    /// <param name="trend">What to remove, for <see cref="GuidanceRuleKind.Debiased"/>; otherwise not looked at.</param>
    public PrunePlan Plan(float[] importance, IReadOnlyList<(int Layer, double KeepRatio)> points, int layers, ReadOnlySpan<float> features, ImportanceTrend? trend)
    {
        ArgumentNullException.ThrowIfNull(importance);
        ArgumentNullException.ThrowIfNull(points);
        var counts = points.Select(p => KeepCount.Of(importance.Length, p.KeepRatio)).ToArray();
        if (Kind == GuidanceRuleKind.Adaptive)
        {
            counts = [.. points.Select(p => AdaptiveRetention.Count(importance, Parameter, p.KeepRatio))];
        }

        var most = counts.Length == 0 ? 0 : counts.Max();
        var order = Kind switch
        {
            GuidanceRuleKind.Debiased => Ranking.Descending((trend ?? throw new EvaluationException("the rule debiased needs a trend that was fitted")).Remove(importance)),
            GuidanceRuleKind.Determinantal => DiverseSelection.Determinantal(importance, features, most, Parameter),
            GuidanceRuleKind.MaxMin => DiverseSelection.MaxMin(importance, features, most, Parameter),
            _ => Ranking.Descending(importance),
        };
        var steps = points.Zip(counts).Where(p => p.First.Layer < layers)
            .Select(p => new PruneStep(p.First.Layer, KeepMask.FromIndices(importance.Length, order.AsSpan(0, p.Second))));
        return PrunePlan.Create(steps, layers, importance.Length);
    }
}
