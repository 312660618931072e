using Sgl.Inference.Internal.Decoding;
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

    public override int NextRows(int most)
    {
        var pass = _pass ?? Begin();
        return pass.Done ? TokenEmitter.DraftRows : pass.Next(most).Rows;
    }

    public override bool Run(int most)
    {
        var pass = _pass ?? Begin();
        var start = time.GetTimestamp();
        if (!pass.Done)
        {
            decoder.Advance(pass, most);
            sequence.RowsLeft = pass.RowsLeft;
            sequence.PrefillChunks++;
            if (pass.Done && _use is not null)
            {
                reuse!.KeepPrompt(sequence, _use);
            }

            sequence.PrefillTime += time.GetElapsedTime(start);
            if (!pass.Done)
            {
                return false;
            }

            sequence.TimeToFirstToken = time.GetElapsedTime(sequence.SubmittedAt);
            if (pass.Trace is { } trace)
            {
                trace.KvLengthsAfterPrefill = decoder.KvLengths(sequence);
            }
        }

        return emitter.AdvanceBehindPrefill(sequence, pass);
    }

    public override void Dispose()
    {
        _pass?.Dispose();
        _use?.Dispose();
    }

    private ForwardPass Begin()
    {
        var start = time.GetTimestamp();
        sequence.AdmittedAt = start;
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
