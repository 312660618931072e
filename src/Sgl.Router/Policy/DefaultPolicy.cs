using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Options;
using Sgl.Guidance;
using PruneSetting = Sgl.Guidance.PruneSetting;

namespace Sgl.Router;

/// <summary>The configured policy with the policy file and all defaults filled in.</summary>
internal sealed class DefaultPolicy
{
    private readonly RouterOptions _options;

    public DefaultPolicy(IOptions<RouterOptions> options)
    {
        _options = options.Value;
        var policy = _options.Policy;
        File = string.IsNullOrEmpty(policy.File) ? null : PolicyFile.Load(policy.File);
        Criterion = File?.Criterion ?? policy.Criterion ?? ExitCriterion.Decision;
        var threshold = File?.Threshold ?? policy.Threshold ?? PolicyOptions.DefaultThreshold;
        IsAdaptive = policy.TargetExitRatio is not null;
        Threshold = policy.TargetExitRatio is { } target
            ? new TargetRatioThreshold(target, threshold, policy.Window, policy.MinimumSamples)
            : new FixedThreshold(threshold);
        Prune = policy.Unpruned ? [] : policy.Prune.Count > 0 ? [.. policy.Prune.Select(Point)] : [Point(PruneSchedule.Paper(35))];
        Importance = new Wire.ImportanceOptions
        {
            Variant = WireGuidance.From(policy.Importance.Variant),
            Source = WireGuidance.From(policy.Importance.Source),
            LayerFraction = policy.Importance.LayerFraction,
            ConsistencyRatio = policy.Importance.ConsistencyRatio,
        };
    }

    public PolicyFile? File { get; }

    public ExitCriterion Criterion { get; }

    public IThresholdSource Threshold { get; }

    /// <summary>Whether the threshold follows the scores, so that it fits every criterion.</summary>
    public bool IsAdaptive { get; }

    /// <summary>Prune points; none: unpruned.</summary>
    public IReadOnlyList<Wire.PrunePoint> Prune { get; }

    public Wire.ImportanceOptions Importance { get; }

    /// <summary>Which tiles the large model encodes.</summary>
    public TilePolicy Tiles => _options.Policy.Tiles ?? File?.Tiles ?? TilePolicy.All;

    /// <summary>The threshold of guided tiles.</summary>
    public double TileThreshold => _options.Policy.TileThreshold ?? File?.TileThreshold ?? TileSelection.DefaultThreshold;

    public LargeFailure OnLargeFailure => _options.Policy.OnLargeFailure;

    public TimeSpan LargeTimeout => _options.Large.Timeout;

    public OverlapMode Overlap => _options.Policy.Overlap;

    public bool Draft => _options.Policy.Draft;

    /// <summary>As a message, all fields set.</summary>
    public Wire.RoutingPolicy ToWire()
    {
        var policy = new Wire.RoutingPolicy
        {
            Threshold = Threshold.For(Criterion),
            Criterion = WireGuidance.From(Criterion),
            Unpruned = Prune.Count == 0,
            OnLargeFailure = OnLargeFailure == LargeFailure.Degrade ? Wire.LargeFailurePolicy.Degrade : Wire.LargeFailurePolicy.Fail,
            Importance = Importance,
            LargeTimeout = Duration.FromTimeSpan(LargeTimeout),
            OmitDraft = !Draft,
            Tiles = Tiles == TilePolicy.Guided ? Wire.TileMode.Guided : Wire.TileMode.All,
            TileThreshold = TileThreshold,
        };
        policy.Prune.AddRange(Prune);
        return policy;
    }

    private static Wire.PrunePoint Point(PruneSetting setting) => new() { LayerFraction = setting.LayerFraction, KeepRatio = setting.KeepRatio };

    private static Wire.PrunePoint Point(PrunePointOptions options)
    {
        var point = new Wire.PrunePoint { KeepRatio = options.KeepRatio!.Value };
        if (options.Layer is { } layer)
        {
            point.Layer = layer;
        }
        else
        {
            point.LayerFraction = options.LayerFraction!.Value;
        }

        return point;
    }
}
