using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>The prompt and the draft behind it through all stages, then the choice of the first ids.</summary>
internal sealed class PrefillWork(Sequence sequence, Decoder decoder, TokenEmitter emitter, TimeProvider time) : SequenceWork
{
    private readonly ForwardPass _pass = decoder.StartPrefill(sequence);

    public override int NextRows(int most) => _pass.Done ? TokenEmitter.DraftRows : _pass.Next(most).Rows;

    public override bool Run(int most)
    {
        var start = time.GetTimestamp();
        if (!_pass.Done)
        {
            decoder.Advance(_pass, most);
            sequence.PrefillChunks++;
            sequence.PrefillTime += time.GetElapsedTime(start);
            if (!_pass.Done)
            {
                return false;
            }

            sequence.TimeToFirstToken = time.GetElapsedTime(sequence.SubmittedAt);
            if (_pass.Trace is { } trace)
            {
                trace.KvLengthsAfterPrefill = decoder.KvLengths(sequence);
            }
        }

        return emitter.AdvanceBehindPrefill(sequence, _pass);
    }

    public override void Dispose() => _pass.Dispose();
}
