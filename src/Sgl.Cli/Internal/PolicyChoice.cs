using Sgl.Guidance;
using Sgl.Router;

namespace Sgl.Cli.Internal;

/// <summary>The policy options of the command line as a request's policy; what was not given stays the router's.</summary>
internal static class PolicyChoice
{
    private static readonly PruneSetting Default = PruneSchedule.Paper(35);

    public static Wire.RoutingPolicy ToWire(double? threshold, ExitCriterion? criterion, double? keepRatio, int? pruneLayer, bool unpruned, TilePolicy? tiles = null, double? tileThreshold = null)
    {
        var policy = new Wire.RoutingPolicy
        {
            Unpruned = unpruned,
            Tiles = tiles switch
            {
                TilePolicy.Guided => Wire.TileMode.Guided,
                TilePolicy.All => Wire.TileMode.All,
                _ => Wire.TileMode.Unspecified,
            },
        };
        if (tileThreshold is { } share)
        {
            policy.TileThreshold = share;
        }

        if (threshold is { } t)
        {
            policy.Threshold = t;
        }

        if (criterion is { } c)
        {
            policy.Criterion = Criterion(c);
        }

        if (keepRatio is not null || pruneLayer is not null)
        {
            var point = new Wire.PrunePoint { KeepRatio = keepRatio ?? Default.KeepRatio };
            if (pruneLayer is { } layer)
            {
                point.Layer = layer;
            }
            else
            {
                point.LayerFraction = Default.LayerFraction;
            }

            policy.Prune.Add(point);
        }

        return policy;
    }

    private static Wire.ExitCriterion Criterion(ExitCriterion criterion) => criterion switch
    {
        ExitCriterion.Decision => Wire.ExitCriterion.Decision,
        ExitCriterion.Confidence => Wire.ExitCriterion.Confidence,
        ExitCriterion.Consistency => Wire.ExitCriterion.Consistency,
        ExitCriterion.Entropy => Wire.ExitCriterion.Entropy,
        ExitCriterion.QuantileQ1 => Wire.ExitCriterion.QuantileQ1,
        ExitCriterion.QuantileQ2 => Wire.ExitCriterion.QuantileQ2,
        ExitCriterion.QuantileQ3 => Wire.ExitCriterion.QuantileQ3,
        ExitCriterion.LengthNormalisedConsistency => Wire.ExitCriterion.LengthNormalisedConsistency,
        _ => throw new ArgumentOutOfRangeException(nameof(criterion), criterion, "has no counterpart in the contract"),
    };
}
