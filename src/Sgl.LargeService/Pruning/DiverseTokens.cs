using Sgl.Guidance;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>Guidance by importance and visual features together: RankedGuidance.diversity_weight.</summary>
internal static class DiverseTokens
{
    /// <summary>Notes what is wrong with it.</summary>
    public static void Check(Wire.Guidance guidance, string field, ViolationList violations)
    {
        if (DiverseSelection.WeightProblem(guidance.Ranked.DiversityWeight) is { } problem)
        {
            violations.Add(field, problem);
        }

        if (guidance.Ranked.RankingCase == Wire.RankedGuidance.RankingOneofCase.Order)
        {
            violations.Add(field, "needs ranked.importance: an order does not say how much more important a token is");
        }

        if (guidance.Tiles is not null)
        {
            violations.Add(field, "excludes tiles: what is not encoded has no features to compare");
        }
    }

    /// <summary>A plan that keeps as many visual tokens at each layer as another one, chosen by features too.</summary>
    /// <param name="ranked">Passed <see cref="Check"/>.</param>
    /// <param name="byImportance">The plan that importance alone makes.</param>
    /// <param name="features">The visual features, [N_I, width].</param>
    /// <param name="layers">L.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static PrunePlan Plan(Wire.RankedGuidance ranked, PrunePlan byImportance, float[] features, int layers, CancellationToken cancellationToken)
    {
        var tokens = ranked.Importance.Values.Count;
        var most = byImportance.Steps.Select(s => s.Mask.Count).DefaultIfEmpty().Max();
        var order = DiverseSelection.Determinantal(ranked.Importance.Values.ToArray(), features, most, ranked.DiversityWeight, cancellationToken);
        return PrunePlan.Create(
            byImportance.Steps.Select(s => new PruneStep(s.Layer, KeepMask.FromIndices(tokens, order.AsSpan(0, s.Mask.Count)))), layers, tokens);
    }
}
