using Sgl.Guidance;

namespace Sgl.Inference;

/// <summary>Why generation ended.</summary>
public enum FinishReason
{
    /// <summary>An end token or stop string.</summary>
    Stop,

    /// <summary>The limit of new tokens.</summary>
    Length,
}

/// <summary>Events of one generation, in order: any number of <see cref="Token"/>, then one <see cref="Completed"/>.</summary>
public abstract record GenerationEvent
{
    /// <summary>One generated id.</summary>
    /// <param name="Index">0-based.</param>
    /// <param name="Id">Token id.</param>
    /// <param name="Text">Text that became certain with it; may be empty (half characters and possible stop strings are held back).</param>
    /// <param name="LogProbability">Natural log of its probability under the processed scores (end tokens masked while below the minimum length; what a grammar refuses is not masked).</param>
    public sealed record Token(int Index, int Id, string Text, float LogProbability) : GenerationEvent
    {
        /// <summary>The likeliest ids of the step, likeliest first; as many as <see cref="SamplingOptions.TopLogProbabilities"/> asks for, or all that can be chosen.</summary>
        public IReadOnlyList<TokenAlternative> Alternatives { get; init; } = [];
    }

    /// <summary>The end.</summary>
    /// <param name="Result">Answer, importance, scores, usage, timings.</param>
    public sealed record Completed(GenerationResult Result) : GenerationEvent;
}

/// <summary>An id that could have been chosen.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">What it adds to a text, in UTF-8; may begin or end inside a character. Empty without a tokenizer.</param>
/// <param name="LogProbability">As <see cref="GenerationEvent.Token.LogProbability"/>.</param>
public sealed record TokenAlternative(int Id, ReadOnlyMemory<byte> Text, float LogProbability);

/// <summary>The outcome of one generation.</summary>
public sealed record GenerationResult
{
    /// <summary>The answer, special tokens removed, trimmed.</summary>
    public required string Text { get; init; }

    /// <summary>Generated ids, the end token included when generated.</summary>
    public required IReadOnlyList<int> TokenIds { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>A = A^P + A^D, one number per visual token in prompt order; null when not asked for or without images.</summary>
    public float[]? Importance { get; init; }

    /// <summary>Exit scores; null when not asked for.</summary>
    public ExitScoreSet? Scores { get; init; }

    /// <summary>Counts.</summary>
    public required GenerationUsage Usage { get; init; }

    /// <summary>Durations.</summary>
    public required PhaseTimings Timings { get; init; }
}

/// <summary>Counts of one generation.</summary>
public sealed record GenerationUsage
{
    /// <summary>Prompt tokens, visual tokens included.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Visual tokens of all images.</summary>
    public required int VisualTokens { get; init; }

    /// <summary>Visual tokens whose features were in the cache: the vision tower did not run for them.</summary>
    public int CachedVisualTokens { get; init; }

    /// <summary>
    /// Prompt tokens at its front whose keys and values were kept from an earlier prompt with the same beginning: the layers in front of the first prune layer did
    /// not run for them.
    /// </summary>
    public int CachedPromptTokens { get; init; }

    /// <summary>Tiles of all images: what the vision tower encodes one by one.</summary>
    public int Tiles { get; init; }

    /// <summary>Tiles that the vision tower ran for.</summary>
    public int EncodedTiles { get; init; }

    /// <summary>Tiles whose features were in the cache, or those of an equal tile of the same prompt.</summary>
    public int CachedTiles { get; init; }

    /// <summary>Tiles that were left out: neither encoded nor looked up, since no token of theirs was needed.</summary>
    public int LeftOutTiles => Tiles - EncodedTiles - CachedTiles;

    /// <summary>Visual tokens that the last stage saw.</summary>
    public required int KeptVisualTokens { get; init; }

    /// <summary>Generated ids.</summary>
    public required int GeneratedTokens { get; init; }

    /// <summary>Pieces in which prompt and draft ran; other sequences' decode steps came between them.</summary>
    public int PrefillChunks { get; init; }

    /// <summary>Most rows of other sequences' prompts and consistency passes that ran between two of its tokens: how far they held it up.</summary>
    public int RowsBetweenTokens { get; init; }

    /// <summary>Draft ids that ran in the prefill.</summary>
    public int DraftTokens { get; init; }

    /// <summary>Draft ids that became part of the answer: decode steps saved.</summary>
    public int AcceptedDraftTokens { get; init; }

    /// <summary>KV cache bytes that this sequence used at its end, all stages (by tokens held, not by capacity).</summary>
    public required long KvBytes { get; init; }

    /// <summary>KV cache entries per layer after the last decode step.</summary>
    public required IReadOnlyList<int> KvLengths { get; init; }
}

/// <summary>Durations of the phases of one generation; queueing is apart from work.</summary>
public sealed record PhaseTimings
{
    /// <summary>Waiting for a place in the batch, images encoded.</summary>
    public TimeSpan Queue { get; init; }

    /// <summary>Decoding, resizing and normalising images, tokenising.</summary>
    public TimeSpan Preprocess { get; init; }

    /// <summary>Vision tower and projector, waiting for their turn included.</summary>
    public TimeSpan Vision { get; init; }

    /// <summary>Prefill through all stages and head.</summary>
    public TimeSpan Prefill { get; init; }

    /// <summary>All decode steps.</summary>
    public TimeSpan Decode { get; init; }

    /// <summary>The consistency pass.</summary>
    public TimeSpan Consistency { get; init; }

    /// <summary>From submission to the first token.</summary>
    public TimeSpan TimeToFirstToken { get; init; }

    /// <summary>From submission to the end.</summary>
    public TimeSpan Total { get; init; }
}
