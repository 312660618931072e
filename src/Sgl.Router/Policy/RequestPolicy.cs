using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>The policy of one request, complete and checked.</summary>
internal sealed record RequestPolicy
{
    public required ExitCriterion Criterion { get; init; }

    /// <summary>What makes the score of <see cref="ExitCriterion.Learnt"/>; null: nothing.</summary>
    public required LearntCriterion? Learnt { get; init; }

    /// <summary>The request's own threshold; null takes the router's at the time of the decision.</summary>
    public required double? Threshold { get; init; }

    /// <summary>Where the router's comes from, and which learns from this request's scores.</summary>
    public required IThresholdSource Source { get; init; }

    /// <summary>Name of the configured policy that it is made from, and what holds scores against that one's calibration.</summary>
    public required (string Policy, ScoreDrift? Drift) Calibration { get; init; }

    public required Wire.Route Force { get; init; }

    /// <summary>Prune points; none: unpruned.</summary>
    public required IReadOnlyList<Wire.PrunePoint> Prune { get; init; }

    /// <summary>Path of <see cref="Prune"/> in error messages.</summary>
    public required string PruneField { get; init; }

    /// <summary>Share of the importance that adaptive retention keeps; null: the keep ratios say it all.</summary>
    public required double? ImportanceShare { get; init; }

    /// <summary>Weight of the importance in determinantal selection; null: importance alone chooses.</summary>
    public required double? DiversityWeight { get; init; }

    public required LargeFailure OnLargeFailure { get; init; }

    public required TimeSpan LargeTimeout { get; init; }

    public required Wire.ImportanceOptions Importance { get; init; }

    public required OverlapMode Overlap { get; init; }

    /// <summary>Whether the small answer is given to the large model as a draft, where both share a vocabulary.</summary>
    public required bool Draft { get; init; }

    /// <summary>Threshold of guided tiles; null: the large model encodes all tiles.</summary>
    public required double? TileThreshold { get; init; }

    /// <summary>How pictures are made for a large model in a foreign engine.</summary>
    public required Wire.PicturePolicy Pictures { get; init; }

    /// <summary>Whether the small model is asked at all.</summary>
    public bool AsksSmall => Force != Wire.Route.Large || Prune.Count > 0 || TileThreshold is not null || Pictures.Strategy == Wire.PictureStrategy.Crops;

    /// <summary>Whether the large model may be asked.</summary>
    public bool MayAskLarge => Force != Wire.Route.Small;
}
