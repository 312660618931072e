using Google.Protobuf.WellKnownTypes;
using Sgl.Hosting;
using Sgl.Policies;
using PruneSetting = Sgl.Guidance.PruneSetting;

namespace Sgl.Router;

/// <summary>A policy from the settings, its file and all defaults filled in.</summary>
internal sealed record ConfiguredPolicy
{
    /// <summary>Name of the policy for requests that name none.</summary>
    public const string DefaultName = "default";

    /// <summary>What requests call it.</summary>
    public required string Name { get; init; }

    /// <summary>What it is for.</summary>
    public string Description { get; init; } = "";

    /// <summary>Path of its prune points in the settings, for errors.</summary>
    public required string PruneField { get; init; }

    /// <summary>The file that it was read from; null: none.</summary>
    public PolicyFile? File { get; init; }

    public required Guidance.ExitCriterion Criterion { get; init; }

    /// <summary>What makes the score of <see cref="Guidance.ExitCriterion.Learnt"/>; null: nothing.</summary>
    public Guidance.LearntCriterion? Learnt { get; init; }

    public required IThresholdSource Threshold { get; init; }

    /// <summary>Holds scores against those of the file's sample; null: there are none.</summary>
    public ScoreDrift? Drift { get; init; }

    /// <summary>Whether the threshold follows the scores, so that it fits every criterion.</summary>
    public bool IsAdaptive => Threshold is TargetRatioThreshold or TargetCostThreshold;

    /// <summary>Prune points; none: unpruned.</summary>
    public required IReadOnlyList<Wire.PrunePoint> Prune { get; init; }

    /// <summary>Whether somebody wrote them down: the built-in ones are no wish.</summary>
    public bool HasOwnPrune { get; init; }

    /// <summary>Share of the importance that adaptive retention keeps; null: the keep ratios say it all.</summary>
    public double? ImportanceShare { get; init; }

    /// <summary>Weight of the importance in determinantal selection; null: importance alone chooses.</summary>
    public double? DiversityWeight { get; init; }

    public required Wire.ImportanceOptions Importance { get; init; }

    public Wire.Route Force { get; init; }

    public required LargeFailure OnLargeFailure { get; init; }

    public required TimeSpan LargeTimeout { get; init; }

    /// <summary>Which tiles the large model encodes.</summary>
    public required TilePolicy Tiles { get; init; }

    /// <summary>The threshold of guided tiles.</summary>
    public required double TileThreshold { get; init; }

    /// <summary>How pictures are made for a large model in a foreign engine.</summary>
    public required Wire.PicturePolicy Pictures { get; init; }

    public required OverlapMode Overlap { get; init; }

    public required bool Draft { get; init; }

    /// <summary>The policy for requests that bring none.</summary>
    public static ConfiguredPolicy Default(RouterOptions options)
    {
        var policy = options.Policy;
        var file = FileOf(policy.File);
        return new ConfiguredPolicy
        {
            Name = DefaultName,
            PruneField = "Router:Policy:Prune",
            File = file,
            Criterion = file?.Criterion ?? policy.Criterion ?? Guidance.ExitCriterion.Decision,
            Learnt = file?.Learnt,
            Threshold = Source(file?.Threshold ?? policy.Threshold ?? PolicyOptions.DefaultThreshold, policy.TargetExitRatio, policy.Cost.Target, policy),
            Drift = DriftFrom(file, policy),
            Prune = policy.Unpruned ? [] : policy.Prune.Count > 0 ? [.. policy.Prune.Select(Point)] : PointsOf(file) ?? [Point(Guidance.PruneSchedule.Paper(35))],
            HasOwnPrune = !policy.Unpruned && (policy.Prune.Count > 0 || file?.Prune is not null),
            ImportanceShare = policy.ImportanceShare,
            DiversityWeight = policy.DiversityWeight,
            Importance = new Wire.ImportanceOptions
            {
                Variant = WireGuidance.From(policy.Importance.Variant),
                Source = WireGuidance.From(policy.Importance.Source),
                LayerFraction = policy.Importance.LayerFraction,
                ConsistencyRatio = policy.Importance.ConsistencyRatio,
            },
            OnLargeFailure = policy.OnLargeFailure,
            LargeTimeout = options.Large.Timeout,
            Tiles = policy.Tiles ?? file?.Tiles ?? TilePolicy.All,
            TileThreshold = policy.TileThreshold ?? file?.TileThreshold ?? Guidance.TileSelection.DefaultThreshold,
            Pictures = policy.Pictures.ToWire(),
            Overlap = policy.Overlap,
            Draft = policy.Draft,
        };
    }

    /// <summary>A policy that requests may name; what it leaves open is as here.</summary>
    /// <param name="named">Its settings.</param>
    /// <param name="index">Its place among them.</param>
    /// <param name="policy">The settings of this policy, for how long a threshold looks back.</param>
    public ConfiguredPolicy With(NamedPolicyOptions named, int index, PolicyOptions policy)
    {
        var file = FileOf(named.File);
        var importance = Importance.Clone();
        importance.SkipConsistency = named.SkipConsistency;
        return this with
        {
            Name = named.Name,
            Description = named.Description,
            PruneField = named.Prune.Count > 0 ? $"Router:Policies:{index}:Prune" : PruneField,
            File = named.HasThreshold ? file : File,
            Criterion = file?.Criterion ?? named.Criterion ?? Criterion,
            Learnt = file?.Learnt ?? Learnt,
            Threshold = named.HasThreshold ? Source(file?.Threshold ?? named.Threshold ?? PolicyOptions.DefaultThreshold, named.TargetExitRatio, null, policy) : Threshold,
            Drift = named.HasThreshold ? DriftFrom(file, policy) : null,
            Prune = named.Unpruned ? [] : named.Prune.Count > 0 ? [.. named.Prune.Select(Point)] : PointsOf(file) ?? Prune,
            HasOwnPrune = !named.Unpruned && (named.Prune.Count > 0 || file?.Prune is not null || HasOwnPrune),
            ImportanceShare = named.ImportanceShare ?? ImportanceShare,
            DiversityWeight = named.DiversityWeight ?? DiversityWeight,
            Importance = importance,
            Force = named.Force is { } force ? PolicyTerms.Routes.From(force) : Wire.Route.Unspecified,
            OnLargeFailure = named.OnLargeFailure ?? OnLargeFailure,
            LargeTimeout = named.LargeTimeout ?? LargeTimeout,
            Tiles = named.Tiles ?? file?.Tiles ?? Tiles,
            TileThreshold = named.TileThreshold ?? file?.TileThreshold ?? TileThreshold,
            Pictures = named.Pictures?.ToWire() ?? Pictures,
            Overlap = named.Overlap ?? Overlap,
            Draft = named.Draft ?? Draft,
        };
    }

    /// <summary>Reads the file that settings name; null: they name none.</summary>
    /// <exception cref="SettingsFileException">It cannot be used.</exception>
    public static PolicyFile? FileOf(string? path)
    {
        try
        {
            return string.IsNullOrEmpty(path) ? null : PolicyFile.Load(path);
        }
        catch (PolicyFileException e)
        {
            throw new SettingsFileException(e.Message, e);
        }
    }

    /// <summary>As a message, all fields set.</summary>
    public Wire.RoutingPolicy ToWire()
    {
        var policy = new Wire.RoutingPolicy
        {
            Threshold = Threshold.For(Criterion),
            Criterion = WireGuidance.From(Criterion),
            Unpruned = Prune.Count == 0,
            Force = Force,
            OnLargeFailure = PolicyTerms.LargeFailures.From(OnLargeFailure),
            Importance = Importance,
            LargeTimeout = Duration.FromTimeSpan(LargeTimeout),
            OmitDraft = !Draft,
            Tiles = PolicyTerms.Tiles.From(Tiles),
            TileThreshold = TileThreshold,
            Pictures = Pictures,
        };
        policy.Prune.AddRange(Prune);
        if (ImportanceShare is { } share)
        {
            policy.ImportanceShare = share;
        }

        if (DiversityWeight is { } weight)
        {
            policy.DiversityWeight = weight;
        }

        return policy;
    }

    private static IThresholdSource Source(double threshold, double? exitRatio, double? cost, PolicyOptions policy) =>
        exitRatio is { } ratio ? new TargetRatioThreshold(ratio, threshold, policy.Window, policy.MinimumSamples)
        : cost is { } target ? new TargetCostThreshold(target, threshold, policy.Window, policy.MinimumSamples)
        : new FixedThreshold(threshold);

    private static ScoreDrift? DriftFrom(PolicyFile? file, PolicyOptions policy) =>
        file?.ScoreBins is { } bins ? new ScoreDrift(bins, file.Criterion, policy.Window, policy.MinimumSamples) : null;

    private static Wire.PrunePoint[]? PointsOf(PolicyFile? file) => file?.Prune is { } points ? [.. points.Select(p => Point(p.Layer, p.LayerFraction, p.KeepRatio))] : null;

    private static Wire.PrunePoint Point(PruneSetting setting) => new() { LayerFraction = setting.LayerFraction, KeepRatio = setting.KeepRatio };

    private static Wire.PrunePoint Point(PrunePointOptions options) => Point(options.Layer, options.LayerFraction, options.KeepRatio!.Value);

    private static Wire.PrunePoint Point(int? layer, double? fraction, double keepRatio)
    {
        var point = new Wire.PrunePoint { KeepRatio = keepRatio };
        if (layer is { } k)
        {
            point.Layer = k;
        }
        else
        {
            point.LayerFraction = fraction!.Value;
        }

        return point;
    }
}
