using Sgl.Guidance;
using Sgl.Policies;
using Sgl.Requests;
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
            Tiles = tiles is { } mode ? PolicyTerms.Tiles.From(mode) : Wire.TileMode.Unspecified,
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
            policy.Criterion = WireGuidance.From(c);
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
}
