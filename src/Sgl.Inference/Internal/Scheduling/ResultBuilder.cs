using System.Runtime.InteropServices;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Prefixes;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>What a finished sequence gives: answer, importance, exit scores, usage, timings.</summary>
internal sealed class ResultBuilder(Decoder decoder, PrefixReuse? reuse, int vocabulary, int chunk, TimeProvider time)
{
    /// <summary>Begins a finished sequence's result; what needs its KV slots as they are is taken now.</summary>
    /// <returns>The consistency pass that the result waits for; null where <see cref="Of"/> can follow at once.</returns>
    public ConsistencyWork? Begin(Sequence sequence)
    {
        sequence.Usage = Usage(sequence);
        decoder.CollectImportance(sequence);
        reuse?.KeepAnswer(sequence);
        // Without an image nothing can be pruned: the pass would repeat the generation, so the answer is as consistent as it is probable.
        return sequence.Options.ConsistencyRatio is { } ratio && sequence.Importance is { } importance
            ? new ConsistencyWork(sequence, KeepMask.FromImportance(importance.Total(), ratio), decoder)
            : null;
    }

    /// <summary>The result of a sequence that has begun it.</summary>
    public GenerationResult Of(Sequence sequence, ConsistencyWork? consistency)
    {
        var importance = sequence.Importance?.Total();
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
            Scores = Scores(sequence, consistency),
            Usage = sequence.Usage!,
            Timings = new PhaseTimings
            {
                Queue = time.GetElapsedTime(sequence.QueuedAt, sequence.AdmittedAt),
                Preprocess = sequence.Prompt.PreprocessTime,
                Vision = sequence.Prompt.VisionTime,
                Prefill = sequence.PrefillTime,
                Decode = sequence.DecodeTime,
                Consistency = consistency?.Elapsed ?? TimeSpan.Zero,
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
        Tiles = sequence.Prompt.Tiles.TileCount,
        EncodedTiles = sequence.Prompt.EncodedTiles,
        CachedTiles = sequence.Prompt.CachedTiles,
        CachedPromptTokens = sequence.CachedPromptTokens,
        KeptVisualTokens = sequence.KeptVisualTokens,
        GeneratedTokens = sequence.Generated.Count,
        PrefillChunks = sequence.PrefillChunks,
        RowsBetweenTokens = sequence.RowsBetweenTokens,
        DraftTokens = sequence.Draft.Length,
        AcceptedDraftTokens = sequence.AcceptedDraftTokens,
        KvLengths = decoder.KvLengths(sequence),
        KvBytes = sequence.Slots.Select((slot, s) => slot.Length * decoder.Stages[s].Kv.Shape.BytesPerToken).Sum(),
    };

    private ExitScoreSet? Scores(Sequence sequence, ConsistencyWork? consistency)
    {
        var answer = CollectionsMarshal.AsSpan(sequence.LogProbabilities);
        return sequence.Options.ConsistencyRatio is null
            ? null
            : ExitScores.Of(answer, CollectionsMarshal.AsSpan(sequence.Entropies), vocabulary, consistency is null ? answer : consistency.Result);
    }

    private void TraceConsistency(Sequence sequence, GenerationTrace trace, double ratio, KeepMask kept)
    {
        using var pass = decoder.StartConsistency(sequence, kept);
        // All rows, those that the pass itself takes over from the prefill too.
        var rows = pass.Rows.Kept(kept);
        int[][] positions = [.. Enumerable.Range(0, pass.Rows.Axes).Select(axis => rows.Select(row => pass.Rows.Position(axis, row)).ToArray())];
        while (!pass.Done)
        {
            var job = decoder.Chunk(pass, chunk);
            decoder.Run(job);
            pass.End(job.Part);
            decoder.Recycle(job);
        }

        var logits = new List<float>();
        var logProbabilities = new float[sequence.Generated.Count];
        var answer = decoder.Answer(pass, Decoder.AnswerIds(sequence, 0, logProbabilities.Length, logits: true));
        decoder.Run(answer);
        for (var i = 0; i < logProbabilities.Length; i++)
        {
            logProbabilities[i] = answer.Head!.LogProbability(i, sequence.Generated[i]);
            logits.AddRange(answer.Head.Logits(i));
        }

        decoder.Recycle(answer);
        Decoder.SetLengths(sequence, pass.Resumed);
        trace.Consistency.Add(new ConsistencyTrace(ratio, kept.Indices(), positions, logProbabilities, [.. logits]));
    }
}
