using System.Runtime.InteropServices;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>What a finished sequence gives: answer, importance, exit scores (the consistency pass runs here), usage, timings.</summary>
internal sealed class ResultBuilder(Decoder decoder, int vocabulary, TimeProvider time)
{
    /// <summary>The result. The sequence's KV slots hold the consistency pass afterwards.</summary>
    public GenerationResult Of(Sequence sequence)
    {
        var usage = Usage(sequence);
        var importance = sequence.Importance?.Total();
        var start = time.GetTimestamp();
        var scores = Scores(sequence, importance);
        var consistency = scores is null ? TimeSpan.Zero : time.GetElapsedTime(start);
        if (sequence.Options.Trace is { } trace)
        {
            foreach (var ratio in importance is null ? [] : trace.ConsistencyRatios)
            {
                TraceConsistency(sequence, trace, ratio, KeepMask.FromImportance(importance, ratio));
            }

            trace.ImportancePrefill = sequence.Importance?.Prefill.ToArray() ?? [];
            trace.ImportanceDecode = sequence.Importance?.Decode.ToArray() ?? [];
            trace.LogProbabilities = [.. sequence.LogProbabilities];
        }

        return new GenerationResult
        {
            Text = sequence.Answer.ToString().Trim(),
            TokenIds = [.. sequence.Generated],
            FinishReason = sequence.Finish!.Value,
            Importance = importance,
            Scores = scores,
            Usage = usage,
            Timings = new PhaseTimings
            {
                Queue = time.GetElapsedTime(sequence.SubmittedAt, sequence.AdmittedAt),
                Preprocess = sequence.Prompt.PreprocessTime,
                Vision = sequence.Prompt.VisionTime,
                Prefill = sequence.PrefillTime,
                Decode = sequence.DecodeTime,
                Consistency = consistency,
                TimeToFirstToken = sequence.TimeToFirstToken,
                Total = time.GetElapsedTime(sequence.SubmittedAt),
            },
        };
    }

    private GenerationUsage Usage(Sequence sequence) => new()
    {
        PromptTokens = sequence.Prompt.Ids.Length,
        VisualTokens = sequence.Prompt.VisualTokenCount,
        CachedVisualTokens = sequence.Prompt.CachedVisualTokens,
        KeptVisualTokens = sequence.KeptVisualTokens,
        GeneratedTokens = sequence.Generated.Count,
        DraftTokens = sequence.Draft.Length,
        AcceptedDraftTokens = sequence.AcceptedDraftTokens,
        KvLengths = decoder.KvLengths(sequence),
        KvBytes = sequence.Slots.Select((slot, s) => slot.Length * decoder.Stages[s].Kv.Shape.BytesPerToken).Sum(),
    };

    private ExitScoreSet? Scores(Sequence sequence, float[]? importance)
    {
        if (sequence.Options.ConsistencyRatio is not { } ratio)
        {
            return null;
        }

        // Without an image nothing can be pruned: the pass would repeat the generation, so the answer is as consistent as it is probable.
        var pruned = importance is null ? [.. sequence.LogProbabilities] : decoder.Consistency(sequence, KeepMask.FromImportance(importance, ratio));
        return ExitScores.Of(CollectionsMarshal.AsSpan(sequence.LogProbabilities), CollectionsMarshal.AsSpan(sequence.Entropies), vocabulary, pruned);
    }

    private void TraceConsistency(Sequence sequence, GenerationTrace trace, double ratio, KeepMask kept)
    {
        int[][] positions = [];
        float[] logits = [];
        var logProbabilities = decoder.Consistency(sequence, kept, (p, l) => (positions, logits) = (p, l.ToArray()));
        trace.Consistency.Add(new ConsistencyTrace(ratio, kept.Indices(), positions, logProbabilities, logits));
    }
}
