using Sgl.Grammar;
using Sgl.Guidance;

namespace Sgl.Inference;

/// <summary>Sampling of one request. The default is greedy, as in the paper's evaluation.</summary>
public sealed record SamplingOptions
{
    /// <summary>Upper limit of generated ids, the end token included.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>End tokens are masked until this many ids exist (the reference uses 1: the first id is never an end token).</summary>
    public int MinNewTokens { get; init; } = 1;

    /// <summary>0 is greedy.</summary>
    public float Temperature { get; init; }

    /// <summary>Nucleus; 1 is off.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Best k; 0 is off.</summary>
    public int TopK { get; init; }

    /// <summary>Seed of the sampler; null draws one.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Ids that end an answer, in place of the checkpoint's own; null takes the checkpoint's.</summary>
    public IReadOnlyList<int>? StopTokenIds { get; init; }

    /// <summary>The answer ends in front of the first of these.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>How many of the likeliest ids of each step are told (<see cref="GenerationEvent.Token.Alternatives"/>); 0: none.</summary>
    public int TopLogProbabilities { get; init; }
}

/// <summary>
/// FastV: in front of a layer, keep the visual tokens to which the last prompt row pays most attention in the layer before. The baseline that
/// guided pruning is compared with, and a way to prune where no small model is at hand.
/// </summary>
/// <param name="Layer">K, at least 1 and a prune layer of the model.</param>
/// <param name="Ratio">Share of visual tokens kept, 0 to 1.</param>
public sealed record FastVPruning(int Layer, double Ratio);

/// <summary>What a request wants beside its answer.</summary>
public sealed record GenerationOptions
{
    /// <summary>Sampling.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Importance per visual token; null computes none. Needs <see cref="EngineOptions.Importance"/>.</summary>
    public ImportanceOptions? Importance { get; init; }

    /// <summary>Share of visual tokens kept in the consistency pass (eq. 8; the paper keeps 5 %); null runs no such pass. Needs <see cref="Importance"/>.</summary>
    public double? ConsistencyRatio { get; init; }

    /// <summary>Which visual tokens are dropped in front of which layer.</summary>
    public PrunePlan Plan { get; init; } = PrunePlan.None;

    /// <summary>Pruning by the model's own attention, without guidance (FastV); null prunes by <see cref="Plan"/> only. Needs <see cref="EngineOptions.Importance"/>.</summary>
    public FastVPruning? FastV { get; init; }

    /// <summary>
    /// Ids that may be the answer, e.g. the small model's: the prefill runs them too, and the answer starts with those of them that would have been chosen
    /// anyway. Changes when tokens come, not which. Excludes <see cref="Importance"/>, <see cref="ConsistencyRatio"/> and <see cref="FastV"/>.
    /// </summary>
    public IReadOnlyList<int> Draft { get; init; } = [];

    /// <summary>
    /// What the answer must be: at each step only tokens are chosen that the grammar allows, and the answer ends where nothing can follow. Probabilities, entropies and exit scores stay
    /// those of the model, of all tokens: how sure it is of what it had to write, not how sure it was left to be. Null: any text. Needs a tokenizer.
    /// </summary>
    public JsonGrammar? Grammar { get; init; }

    /// <summary>Collects intermediate values for verification; null in normal operation.</summary>
    public GenerationTrace? Trace { get; init; }
}
