using Sgl.Guidance;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>Guided tiles from the wire: what may be asked for, and the plan it means.</summary>
internal static class TileRules
{
    /// <summary>Notes what is wrong whatever the images are.</summary>
    public static void Check(Wire.GuidedTiles tiles, Wire.Guidance guidance, ModelDescription model, string field, ViolationList violations)
    {
        if (!model.CutsTiles)
        {
            violations.Add(
                field,
                $"{model.Name} ({model.Family}) encodes an image as a whole, so nothing of it can be left out; use ranked.points at an early layer, or image_limits.max_pixels for a smaller image");
        }

        if (guidance.Ranked?.RankingCase != Wire.RankedGuidance.RankingOneofCase.Importance)
        {
            violations.Add(field, "needs ranked.importance, by which tiles are judged; with masks, tiles of which the mask in front of layer 0 keeps nothing are left out anyway");
        }

        if (tiles.HasThreshold && !(tiles.Threshold >= 0 && tiles.Threshold <= 1))
        {
            violations.Add($"{field}.threshold", FormattableString.Invariant($"must be between 0 (all tiles stay) and 1, was {tiles.Threshold}"));
        }
    }

    /// <summary>The plan that drops the tokens of left-out tiles in front of layer 0.</summary>
    /// <param name="guided">Passed <see cref="Check"/>.</param>
    /// <param name="importance">A, one number per visual token.</param>
    /// <param name="ranking">Its ranking.</param>
    /// <param name="tiles">The prompt's tiles.</param>
    /// <param name="points">Where to prune.</param>
    /// <param name="model">The model that is pruned.</param>
    public static PrunePlan Plan(
        Wire.GuidedTiles guided, float[] importance, int[] ranking, TileTokens tiles, IReadOnlyList<PrunePoint> points, ModelDescription model) => TilePlan.Create(
        ranking, tiles, TileSelection.Guided(importance, tiles, guided.HasThreshold ? guided.Threshold : TileSelection.DefaultThreshold),
        points.Select(p => (p.Layer, p.KeepRatio)), model.Layers);
}
