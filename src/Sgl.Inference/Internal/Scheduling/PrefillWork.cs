using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Decoding.Lanes;
using Sgl.Inference.Internal.Prefixes;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// The prompt, behind what earlier ones had in common with it, and the draft behind it through all stages, then the choice of the first ids. It begins with its first turn: until
/// then others may leave more to begin behind.
/// </summary>
internal sealed class PrefillWork(Sequence sequence, Decoder decoder, TokenEmitter emitter, PrefixReuse? reuse, TimeProvider time) : SequenceWork
{
    private ForwardPass? _pass;
    private PrefixUse? _use;
    private bool _answering;

    public override int NextRows(int most)
    {
        var pass = _pass ?? Begin();
        return !pass.Done ? pass.NextRows(most) : _answering ? 0 : TokenEmitter.DraftRows;
    }

    public override Job Next(int most)
    {
        if (!_pass!.Done)
        {
            return decoder.Chunk(_pass, most, Ask);
        }

        var job = decoder.Answer(_pass, Ask());
        job.RowCount = TokenEmitter.DraftRows;
        return job;

        AnswerRequest Ask()
        {
            _answering = true;
            return TokenEmitter.Ask(sequence);
        }
    }

    public override bool Take(Job job)
    {
        if (job is ChunkJob chunk)
        {
            Ran(chunk);
        }

        if (job.Head is null)
        {
            return false;
        }

        _answering = false;
        return emitter.AdvanceBehindPrefill(sequence, job.Head);
    }

    public override void Dispose()
    {
        _pass?.Dispose();
        _use?.Dispose();
    }

    private void Ran(ChunkJob chunk)
    {
        var pass = _pass!;
        pass.End(chunk.Part);
        sequence.RowsLeft = pass.RowsLeft;
        sequence.PrefillChunks++;
        sequence.PrefillTime += chunk.Busy;
        if (!pass.Done)
        {
            return;
        }

        if (_use is not null)
        {
            var start = time.GetTimestamp();
            reuse!.KeepPrompt(sequence, _use);
            sequence.PrefillTime += time.GetElapsedTime(start);
        }

        sequence.TimeToFirstToken = time.GetElapsedTime(sequence.SubmittedAt);
        if (pass.Trace is { } trace)
        {
            trace.KvLengthsAfterPrefill = decoder.KvLengths(sequence);
        }
    }

    private ForwardPass Begin()
    {
        var start = time.GetTimestamp();
        sequence.AdmittedAt = start;
        sequence.WaitsForItsImage = false;
        var without = sequence.LacksFeatures;
        _pass = decoder.StartPrefill(sequence);
        _use = reuse?.Begin(_pass);
        if (without)
        {
            sequence.Prompt.Features.SetSpared();
        }

        sequence.Begun.TrySetResult(true);
        sequence.RowsLeft = _pass.RowsLeft;
        sequence.PrefillTime = time.GetElapsedTime(start);
        return _pass;
    }
}
