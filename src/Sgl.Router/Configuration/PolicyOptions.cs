using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Router;

/// <summary>What happens when the large model is needed and fails or is late.</summary>
public enum LargeFailure
{
    /// <summary>The small model's answer is returned, marked as degraded.</summary>
    Degrade,

    /// <summary>The request fails with the large model's status.</summary>
    Fail,
}

/// <summary>When the large model gets a request's input while the small one still answers.</summary>
public enum OverlapMode
{
    /// <summary>Where the recent exits and the large model's load say that it pays.</summary>
    Adaptive,

    /// <summary>Never.</summary>
    Never,

    /// <summary>Whenever a replica has room.</summary>
    Always,
}

/// <summary>The policy for requests that bring none.</summary>
public sealed class PolicyOptions
{
    /// <summary>Threshold where nothing else is configured. The paper states none; calibrate your own (<c>sgl calibrate</c>).</summary>
    public const double DefaultThreshold = 0.7;

    /// <summary>A policy file written by <c>sgl calibrate</c>: criterion and threshold. Excludes <see cref="Threshold"/> and <see cref="Criterion"/>.</summary>
    public string? File { get; set; }

    /// <summary>The score that is compared with the threshold.</summary>
    /// <value>Default: the decision score, the paper's choice.</value>
    public ExitCriterion? Criterion { get; set; }

    /// <summary>The small answer is final where the score is at least this. With <see cref="TargetExitRatio"/>: the value until enough scores were seen.</summary>
    /// <value>Default <see cref="DefaultThreshold"/>.</value>
    public double? Threshold { get; set; }

    /// <summary>Share of requests that shall exit, 0 to 1: the threshold follows as a running quantile of the scores. Default: a fixed threshold.</summary>
    public double? TargetExitRatio { get; set; }

    /// <summary>What requests shall cost on average: the threshold follows their scores and costs. Excludes <see cref="TargetExitRatio"/>.</summary>
    public CostOptions Cost { get; set; } = new();

    /// <summary>Scores that the running quantile looks back on.</summary>
    /// <value>Default 500.</value>
    public int Window { get; set; } = 500;

    /// <summary>Scores needed before the running quantile replaces the warm-start threshold.</summary>
    /// <value>Default 50.</value>
    public int MinimumSamples { get; set; } = 50;

    /// <summary>Where the large model prunes and how much it keeps.</summary>
    /// <value>Default: the paper's 35 % setting, layer fraction 0.2 and keep ratio 0.2.</value>
    public IList<PrunePointOptions> Prune { get; } = [];

    /// <summary>The large model keeps all visual tokens. Excludes <see cref="Prune"/>.</summary>
    public bool Unpruned { get; set; }

    /// <summary>
    /// Adaptive retention: at each prune point the fewest visual tokens stay that hold this share of the importance, 0 to 1, but at least a quarter and at most three times
    /// as many as its keep ratio says. Questions about little then cost less than ones about much.
    /// </summary>
    /// <value>Default: none, the keep ratios say it all.</value>
    public double? ImportanceShare { get; set; }

    /// <summary>
    /// Near copies do not take each other's place: as many visual tokens stay as the prune points say, chosen by a determinantal point process over the large model's visual
    /// features whose quality is the importance to this power, 0 (features alone) to 100; 1 is usual. Guided tiles switch it off.
    /// </summary>
    /// <value>Default: none, importance alone chooses.</value>
    public double? DiversityWeight { get; set; }

    /// <summary>What happens when the large model fails or is late.</summary>
    /// <value>Default <see cref="LargeFailure.Degrade"/>.</value>
    public LargeFailure OnLargeFailure { get; set; }

    /// <summary>
    /// Whether the input is sent to the large model while the small one still answers, and cancelled on exit: lower latency of escalations, paid with vision
    /// work of requests that exit.
    /// </summary>
    /// <value>Default <see cref="OverlapMode.Adaptive"/>.</value>
    public OverlapMode Overlap { get; set; }

    /// <summary>
    /// Give the small answer to the large model as a draft, where both share a vocabulary: what both agree on then costs no decode step. The answer is the
    /// same with and without.
    /// </summary>
    /// <value>Default true.</value>
    public bool Draft { get; set; } = true;

    /// <summary>
    /// Which tiles of an image the large model encodes. <see cref="TilePolicy.Guided"/> leaves out those that the small model's importance rules out: less work of the vision
    /// tower, at some risk for the answer. For models that cut images into tiles (InternVL, LLaVA-OneVision).
    /// </summary>
    /// <value>Default: as the policy file says, else <see cref="TilePolicy.All"/>.</value>
    public TilePolicy? Tiles { get; set; }

    /// <summary>With <see cref="TilePolicy.Guided"/>: a tile stays where its peak of importance is at least this share of the best tile's, the second best already at less (docs/guided-tiles.md); 0 to 1.</summary>
    /// <value>Default: as the policy file says, else 0.5.</value>
    public double? TileThreshold { get; set; }

    /// <summary>How pictures are made for a large model in a foreign engine.</summary>
    public SentPictureOptions Pictures { get; set; } = new();

    /// <summary>How importance and scores are computed.</summary>
    public ImportanceSettings Importance { get; set; } = new();
}

/// <summary>One prune point; exactly one of <see cref="Layer"/> and <see cref="LayerFraction"/>.</summary>
public sealed class PrunePointOptions
{
    /// <summary>0-based layer in front of which tokens are dropped; one of the large model's prune layers.</summary>
    public int? Layer { get; set; }

    /// <summary>Share of the layers that see all tokens; the nearest of the large model's prune layers is taken.</summary>
    public double? LayerFraction { get; set; }

    /// <summary>Share of visual tokens that stay from there on, 0 to 1. Required.</summary>
    public double? KeepRatio { get; set; }
}

/// <summary>How importance and scores are computed.</summary>
public sealed class ImportanceSettings
{
    /// <summary>Which rows of attention are summed.</summary>
    /// <value>Default: as the authors' code.</value>
    public ImportanceVariant Variant { get; set; } = ImportanceVariant.Reference;

    /// <summary>The tokens whose attention counts.</summary>
    /// <value>Default: prompt and generated tokens.</value>
    public ImportanceSource Source { get; set; } = ImportanceSource.PromptAndGenerated;

    /// <summary>Share of the layers that take part, from the first one; above 0, at most 1.</summary>
    /// <value>Default 1.</value>
    public double LayerFraction { get; set; } = 1;

    /// <summary>Share of visual tokens in the consistency pass, 0 to 1.</summary>
    /// <value>Default 0.05.</value>
    public double ConsistencyRatio { get; set; } = 0.05;
}
