using System.Diagnostics;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Scheduling;

namespace Sgl.Inference.Internal.Tracing;

/// <summary>
/// Spans of an engine's phases, under whatever span the caller is in. The decoder works at many sequences in turns on a thread of its own, so the phases of one
/// are told when it ends, with the times at which they began and ended. Without a recorder nothing is made.
/// </summary>
internal static class EngineActivity
{
    private static readonly ActivitySource Source = new("Sgl.Inference");

    /// <summary>What the phases of a request belong to; the default where nobody records it.</summary>
    public static ActivityContext Parent => Source.HasListeners() && Activity.Current is { IsAllDataRequested: true } caller ? caller.Context : default;

    /// <summary>A run of the vision tower; null where nobody records it.</summary>
    public static Activity? Vision(PreparedPrompt prompt, int tiles) => Source.StartActivity("vision") is { } span
        ? span.SetTag("sgl.images", prompt.Images.Count).SetTag("sgl.visual_tokens", prompt.VisualTokenCount).SetTag("sgl.tiles", tiles)
        : null;

    /// <summary>Tells the phases of a sequence that has ended.</summary>
    /// <param name="sequence">The sequence, with the work that it was at.</param>
    /// <param name="consistency">Its consistency pass; null: none.</param>
    /// <param name="failure">Why it has no answer; the phase in which that happened is marked. Null: it has one.</param>
    /// <param name="time">The engine's clock.</param>
    public static void Tell(Sequence sequence, ConsistencyWork? consistency, Exception? failure, TimeProvider time)
    {
        if (sequence.Parent == default)
        {
            return;
        }

        // Timestamps are exact, the clock says where they lie.
        var (now, clock) = (time.GetTimestamp(), time.GetUtcNow());
        var firstToken = sequence.TimeToFirstToken == TimeSpan.Zero ? 0 : sequence.SubmittedAt + (long)(sequence.TimeToFirstToken.TotalSeconds * time.TimestampFrequency);
        Phase("queue", sequence.QueuedAt, sequence.AdmittedAt)?.Dispose();
        Phase("prefill", sequence.AdmittedAt, firstToken)
            ?.SetTag("sgl.prompt_tokens", sequence.Prompt.Ids.Length)
            .SetTag("sgl.visual_tokens", sequence.Prompt.VisualTokenCount)
            .SetTag("sgl.kept_visual_tokens", sequence.KeptVisualTokens)
            .SetTag("sgl.cached_prompt_tokens", sequence.CachedPromptTokens)
            .SetTag("sgl.prefill_chunks", sequence.PrefillChunks)
            .SetTag("sgl.draft_tokens", sequence.Draft.Length)
            .SetTag("sgl.accepted_draft_tokens", sequence.AcceptedDraftTokens)
            .SetTag("sgl.busy_seconds", sequence.PrefillTime.TotalSeconds)
            .Dispose();
        Phase("decode", firstToken, sequence.EndedAt)
            ?.SetTag("sgl.generated_tokens", sequence.Generated.Count)
            .SetTag("sgl.busy_seconds", sequence.DecodeTime.TotalSeconds)
            .Dispose();
        if (consistency is not null)
        {
            Phase("consistency", sequence.EndedAt, failure is null ? now : 0)
                ?.SetTag("sgl.consistency_ratio", sequence.Options.ConsistencyRatio)
                .SetTag("sgl.busy_seconds", consistency.Elapsed.TotalSeconds)
                .Dispose();
        }

        Activity? Phase(string name, long begin, long end)
        {
            if (begin == 0 || Source.StartActivity(name, ActivityKind.Internal, sequence.Parent, startTime: At(begin)) is not { } span)
            {
                return null;
            }

            if (end == 0 && failure is not null)
            {
                span.SetStatus(ActivityStatusCode.Error, failure is OperationCanceledException ? "cancelled" : failure.GetType().Name);
            }

            span.SetEndTime(At(end == 0 ? now : end).UtcDateTime);
            return span;
        }

        DateTimeOffset At(long timestamp) => clock - time.GetElapsedTime(timestamp, now);
    }
}
