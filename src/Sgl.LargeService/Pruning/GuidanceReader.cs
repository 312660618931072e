using Sgl.Guidance;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>
/// Guidance from the wire to a prune plan, in two steps: what can be told from the model alone, so that it is refused before any
/// image is looked at, then what needs the number of visual tokens.
/// </summary>
internal static class GuidanceReader
{
    private const string Field = "guidance";

    /// <summary>Notes what is wrong whatever the images are: nothing set, unknown layers, ratios out of range.</summary>
    public static void CheckShape(Wire.Guidance guidance, ModelDescription model, ViolationList violations)
    {
        switch (guidance.KindCase)
        {
            case Wire.Guidance.KindOneofCase.Masks:
                CheckMaskSteps(guidance.Masks, model, violations);
                break;

            case Wire.Guidance.KindOneofCase.Ranked:
                if (guidance.Ranked.RankingCase == Wire.RankedGuidance.RankingOneofCase.None)
                {
                    violations.Add($"{Field}.ranked", "one of importance and order is required");
                }

                if (guidance.Ranked.Points.Count == 0)
                {
                    violations.Add($"{Field}.ranked.points", "is required: at least one point that says where to prune and how much to keep");
                }

                Points(guidance.Ranked, model, violations);
                if (guidance.Ranked.HasDiversityWeight)
                {
                    DiverseTokens.Check(guidance, $"{Field}.ranked.diversity_weight", violations);
                }

                break;

            case Wire.Guidance.KindOneofCase.Unpruned:
                break;

            case Wire.Guidance.KindOneofCase.Pictures:
                violations.Add($"{Field}.pictures", $"means nothing to {model.Name}, which drops visual tokens in its layers; use masks, ranked or unpruned");
                break;

            default:
                violations.Add(Field, "one of masks, ranked and unpruned is required");
                break;
        }

        if (guidance.Tiles is { } tiles)
        {
            TileRules.Check(tiles, guidance, model, $"{Field}.tiles", violations);
        }
    }

    /// <summary>The plan for a prompt; what is wrong goes to <paramref name="violations"/>, and the plan is then not to be used.</summary>
    /// <param name="guidance">Passed <see cref="CheckShape"/>.</param>
    /// <param name="model">The model that is pruned.</param>
    /// <param name="visualTokens">N_I of the prompt.</param>
    /// <param name="violations">Gets what is wrong.</param>
    /// <param name="tiles">Its tiles; null: it has none that could be left out.</param>
    public static PrunePlan Read(Wire.Guidance guidance, ModelDescription model, int visualTokens, ViolationList violations, TileTokens? tiles = null) =>
        guidance.KindCase switch
        {
            Wire.Guidance.KindOneofCase.Masks => FromMasks(guidance.Masks, model, visualTokens, violations),
            Wire.Guidance.KindOneofCase.Ranked => FromRanking(guidance.Ranked, model, visualTokens, violations, guidance.Tiles is null ? null : tiles, guidance.Tiles),
            _ => PrunePlan.None,
        };

    private static void CheckMaskSteps(Wire.MaskGuidance masks, ModelDescription model, ViolationList violations)
    {
        if (masks.Steps.Count == 0)
        {
            violations.Add($"{Field}.masks.steps", "is required: at least one step; to keep everything set unpruned");
        }

        for (var i = 0; i < masks.Steps.Count; i++)
        {
            PrunePointRules.CheckLayer(masks.Steps[i].Layer, Prunable(model), $"{Field}.masks.steps[{i}].layer", violations);
            if (masks.Steps[i].Mask is null)
            {
                violations.Add($"{Field}.masks.steps[{i}].mask", "is required");
            }
        }
    }

    private static PrunePlan FromMasks(Wire.MaskGuidance masks, ModelDescription model, int visualTokens, ViolationList violations)
    {
        var steps = new List<PruneStep>(masks.Steps.Count);
        for (var i = 0; i < masks.Steps.Count; i++)
        {
            var field = $"{Field}.masks.steps[{i}].mask";
            var mask = masks.Steps[i].Mask;
            if (mask.VisualTokenCount != visualTokens)
            {
                violations.Add(
                    $"{field}.visual_token_count", $"the prompt has {visualTokens} visual tokens, the mask speaks about {mask.VisualTokenCount}");
                continue;
            }

            Collect($"{field}.bits", () => steps.Add(new PruneStep(masks.Steps[i].Layer, KeepMask.FromBytes(mask.Bits.Span, visualTokens))), violations);
        }

        return violations.Any ? PrunePlan.None : Plan(steps, model, visualTokens, $"{Field}.masks.", violations);
    }

    private static PrunePlan FromRanking(
        Wire.RankedGuidance ranked, ModelDescription model, int visualTokens, ViolationList violations, TileTokens? tiles, Wire.GuidedTiles? guided)
    {
        var ranking = ReadRanking(ranked, visualTokens, violations);
        var points = Points(ranked, model, violations);
        if (ranking is null || violations.Any)
        {
            return PrunePlan.None;
        }

        if (tiles is not null)
        {
            var plan = PrunePlan.None;
            Collect($"{Field}.tiles", () => plan = TileRules.Plan(guided!, ranked.Importance.Values.ToArray(), ranking, tiles, points, model), violations);
            return plan;
        }

        var steps = new List<PruneStep>(points.Count);
        foreach (var point in points)
        {
            Collect(
                $"{Field}.ranked.order.indices",
                () => steps.Add(new PruneStep(point.Layer, KeepMask.FromRanking(ranking, KeepCount.Of(visualTokens, point.KeepRatio)))),
                violations);
            if (violations.Any)
            {
                return PrunePlan.None;
            }
        }

        return Plan(steps, model, visualTokens, $"{Field}.ranked.", violations);
    }

    private static PrunableModel Prunable(ModelDescription model) => new(model.Name, model.Layers, model.PruneLayers);

    private static IReadOnlyList<PrunePoint> Points(Wire.RankedGuidance ranked, ModelDescription model, ViolationList violations) =>
        PrunePointRules.Read(ranked.Points, Prunable(model), $"{Field}.ranked.points", violations);

    private static int[]? ReadRanking(Wire.RankedGuidance ranked, int visualTokens, ViolationList violations)
    {
        var byImportance = ranked.RankingCase == Wire.RankedGuidance.RankingOneofCase.Importance;
        var field = byImportance ? $"{Field}.ranked.importance.values" : $"{Field}.ranked.order.indices";
        var length = byImportance ? ranked.Importance.Values.Count : ranked.Order.Indices.Count;
        if (length != visualTokens)
        {
            violations.Add(field, $"the prompt has {visualTokens} visual tokens, found {length} numbers");
            return null;
        }

        if (!byImportance)
        {
            return [.. ranked.Order.Indices];
        }

        var values = ranked.Importance.Values.ToArray();
        var wrong = Array.FindIndex(values, v => !float.IsFinite(v));
        if (wrong >= 0)
        {
            violations.Add($"{field}[{wrong}]", FormattableString.Invariant($"must be a finite number, was {values[wrong]}"));
            return null;
        }

        return Ranking.Descending(values);
    }

    private static PrunePlan Plan(List<PruneStep> steps, ModelDescription model, int visualTokens, string prefix, ViolationList violations)
    {
        try
        {
            return PrunePlan.Create(steps, model.Layers, visualTokens);
        }
        catch (GuidanceException e)
        {
            violations.Add(prefix + e.Field, e.Problem);
            return PrunePlan.None;
        }
    }

    /// <summary>Notes a refusal of the guidance code under the field it is about here.</summary>
    private static void Collect(string field, Action read, ViolationList violations)
    {
        try
        {
            read();
        }
        catch (GuidanceException e)
        {
            var index = e.Field.IndexOf('[', StringComparison.Ordinal);
            violations.Add(index < 0 ? field : field + e.Field[index..], e.Problem);
        }
    }
}
