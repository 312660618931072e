using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Events and results of the engine as messages.</summary>
public static class WireResult
{
    /// <summary>One generated token.</summary>
    public static Wire.Token Token(GenerationEvent.Token token)
    {
        ArgumentNullException.ThrowIfNull(token);
        var wire = new Wire.Token { Index = token.Index, Id = token.Id, Text = token.Text, LogProbability = token.LogProbability };
        foreach (var alternative in token.Alternatives)
        {
            wire.Alternatives.Add(new Wire.TokenAlternative { Id = alternative.Id, Text = ByteString.CopyFrom(alternative.Text.Span), LogProbability = alternative.LogProbability });
        }

        return wire;
    }

    /// <summary>Why the answer ended.</summary>
    public static Wire.FinishReason FinishReason(FinishReason reason) => reason switch
    {
        Inference.FinishReason.Stop => Wire.FinishReason.Stop,
        Inference.FinishReason.Length => Wire.FinishReason.Length,
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "has no counterpart in the contract"),
    };

    /// <summary>Counts.</summary>
    public static Wire.Usage Usage(GenerationUsage usage)
    {
        ArgumentNullException.ThrowIfNull(usage);
        var wire = new Wire.Usage
        {
            PromptTokenCount = usage.PromptTokens,
            VisualTokenCount = usage.VisualTokens,
            KeptVisualTokenCount = usage.KeptVisualTokens,
            GeneratedTokenCount = usage.GeneratedTokens,
            KvCacheBytes = usage.KvBytes,
            CachedVisualTokenCount = usage.CachedVisualTokens,
            CachedPromptTokenCount = usage.CachedPromptTokens,
            TileCount = usage.Tiles,
            EncodedTileCount = usage.EncodedTiles,
            CachedTileCount = usage.CachedTiles,
            DraftTokenCount = usage.DraftTokens,
            AcceptedDraftTokenCount = usage.AcceptedDraftTokens,
        };
        wire.KvLengths.AddRange(usage.KvLengths);
        return wire;
    }

    /// <summary>Durations; a phase that took no time at all did not run and is left out.</summary>
    public static Wire.Timings Timings(PhaseTimings timings)
    {
        ArgumentNullException.ThrowIfNull(timings);
        return new Wire.Timings
        {
            Queue = Duration.FromTimeSpan(timings.Queue),
            Preprocess = Duration.FromTimeSpan(timings.Preprocess),
            Vision = IfRun(timings.Vision),
            Prefill = IfRun(timings.Prefill),
            Decode = IfRun(timings.Decode),
            Consistency = IfRun(timings.Consistency),
            TimeToFirstToken = Duration.FromTimeSpan(timings.TimeToFirstToken),
            Total = Duration.FromTimeSpan(timings.Total),
        };
    }

    private static Duration? IfRun(TimeSpan time) => time > TimeSpan.Zero ? Duration.FromTimeSpan(time) : null;
}
