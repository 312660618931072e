using Sgl.Guidance;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>
/// Guidance by importance and visual features together: RankedGuidance.diversity_weight. One choice at a time: it takes a core for up to some seconds, and memory beside the model's.
/// </summary>
public sealed class DiverseTokens : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Notes what is wrong with it.</summary>
    internal static void Check(Wire.Guidance guidance, string field, ViolationList violations)
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

    /// <summary>A plan that keeps as many visual tokens at each layer as another one, chosen by features too. Runs the vision tower.</summary>
    /// <param name="request">The request.</param>
    /// <param name="ranked">What it asks for; was checked.</param>
    /// <param name="byImportance">The plan that importance alone makes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<PrunePlan> PlanAsync(PreparedRequest request, Wire.RankedGuidance ranked, PrunePlan byImportance, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(ranked);
        ArgumentNullException.ThrowIfNull(byImportance);
        if (byImportance.Steps.All(s => s.Mask.Count == s.Mask.Length))
        {
            return byImportance; // nothing to choose
        }

        var features = await request.Engine.FeaturesAsync(request.Prompt, cancellationToken);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => Plan(ranked, byImportance, features, request.Engine.Model.Layers, cancellationToken), cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private static PrunePlan Plan(Wire.RankedGuidance ranked, PrunePlan byImportance, float[] features, int layers, CancellationToken cancellationToken)
    {
        var tokens = ranked.Importance.Values.Count;
        var most = byImportance.Steps.Where(s => s.Mask.Count < tokens).Max(s => s.Mask.Count);
        var order = DiverseSelection.Determinantal(ranked.Importance.Values.ToArray(), features, most, ranked.DiversityWeight, cancellationToken);
        return PrunePlan.Create(
            byImportance.Steps.Select(s => s.Mask.Count == tokens ? s : new PruneStep(s.Layer, KeepMask.FromIndices(tokens, order.AsSpan(0, s.Mask.Count)))), layers, tokens);
    }
}
