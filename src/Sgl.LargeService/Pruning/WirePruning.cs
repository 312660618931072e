using Sgl.Guidance;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>A prune plan as its clients see it.</summary>
internal static class WirePruning
{
    /// <summary>Steps, kept counts and average retention.</summary>
    public static Wire.PruneOutcome Outcome(PrunePlan plan, int layers)
    {
        var outcome = new Wire.PruneOutcome { AverageRetention = plan.AverageRetention(layers) };
        foreach (var step in plan.Steps)
        {
            outcome.KeptVisualTokenCounts.Add(step.Mask.Count);
            outcome.Steps.Add(new Wire.PruneStep { Layer = step.Layer, Mask = WireGuidance.From(step.Mask) });
        }

        return outcome;
    }
}
