using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Router;

/// <summary>A model that a policy names in place of a decision.</summary>
public enum ForcedRoute
{
    /// <summary>The small model's answer is the answer.</summary>
    Small,

    /// <summary>The large model is always asked.</summary>
    Large,
}

/// <summary>A policy that requests may name. What is not set is as in <see cref="RouterOptions.Policy"/>.</summary>
public sealed class NamedPolicyOptions
{
    /// <summary>What requests call it: 1 to 64 letters, digits, '-', '_' and '.'. Required.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it is for, shown to clients that list the policies.</summary>
    public string Description { get; set; } = "";

    /// <summary>A policy file written by <c>sgl calibrate</c>: criterion and threshold. Excludes <see cref="Threshold"/> and <see cref="Criterion"/>.</summary>
    public string? File { get; set; }

    /// <summary>The score that is compared. Needs a threshold that belongs to it.</summary>
    public ExitCriterion? Criterion { get; set; }

    /// <summary>The small answer is final where the score is at least this. With <see cref="TargetExitRatio"/>: the value until enough scores were seen.</summary>
    public double? Threshold { get; set; }

    /// <summary>Share of this policy's requests that shall exit, 0 to 1.</summary>
    public double? TargetExitRatio { get; set; }

    /// <summary>Where the large model prunes and how much it keeps.</summary>
    public IList<PrunePointOptions> Prune { get; } = [];

    /// <summary>The large model keeps all visual tokens. Excludes <see cref="Prune"/>.</summary>
    public bool Unpruned { get; set; }

    /// <summary>Share of the importance that adaptive retention keeps, 0 to 1.</summary>
    public double? ImportanceShare { get; set; }

    /// <summary>Weight of the importance where tokens are chosen by a determinantal point process over the large model's visual features, 0 to 100.</summary>
    public double? DiversityWeight { get; set; }

    /// <summary>Takes the decision away from the scores.</summary>
    public ForcedRoute? Force { get; set; }

    /// <summary>What happens when the large model fails or is late.</summary>
    public LargeFailure? OnLargeFailure { get; set; }

    /// <summary>Most time for the large model, from the decision on.</summary>
    public TimeSpan? LargeTimeout { get; set; }

    /// <summary>Which tiles of an image the large model encodes.</summary>
    public TilePolicy? Tiles { get; set; }

    /// <summary>The threshold of guided tiles, 0 to 1.</summary>
    public double? TileThreshold { get; set; }

    /// <summary>How pictures are made for a large model in a foreign engine; in place of all of the default policy's.</summary>
    public SentPictureOptions? Pictures { get; set; }

    /// <summary>Whether the input is sent to the large model while the small one still answers.</summary>
    public OverlapMode? Overlap { get; set; }

    /// <summary>Give the small answer to the large model as a draft.</summary>
    public bool? Draft { get; set; }

    /// <summary>Leave out the consistency pass: sooner, for criteria that do not need it.</summary>
    public bool SkipConsistency { get; set; }

    /// <summary>Whether it has a threshold of its own.</summary>
    internal bool HasThreshold => !string.IsNullOrEmpty(File) || Threshold is not null || TargetExitRatio is not null;
}
