using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Prefixes;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>The prompt, behind what earlier ones had in common with it, and the draft behind it through all stages, then the choice of the first ids.</summary>
internal sealed class PrefillWork : SequenceWork
{
    private readonly Sequence _sequence;
    private readonly Decoder _decoder;
    private readonly TokenEmitter _emitter;
    private readonly PrefixReuse? _reuse;
    private readonly TimeProvider _time;
    private readonly ForwardPass _pass;
    private readonly PrefixUse? _use;

    public PrefillWork(Sequence sequence, Decoder decoder, TokenEmitter emitter, PrefixReuse? reuse, TimeProvider time)
    {
        (_sequence, _decoder, _emitter, _reuse, _time) = (sequence, decoder, emitter, reuse, time);
        var start = time.GetTimestamp();
        _pass = decoder.StartPrefill(sequence);
        try
        {
            _use = reuse?.Begin(_pass);
        }
        catch
        {
            _pass.Dispose();
            throw;
        }

        sequence.PrefillTime = time.GetElapsedTime(start);
    }

    public override int NextRows(int most) => _pass.Done ? TokenEmitter.DraftRows : _pass.Next(most).Rows;

    public override bool Run(int most)
    {
        var start = _time.GetTimestamp();
        if (!_pass.Done)
        {
            _decoder.Advance(_pass, most);
            _sequence.PrefillChunks++;
            if (_pass.Done && _use is not null)
            {
                _reuse!.KeepPrompt(_sequence, _use);
            }

            _sequence.PrefillTime += _time.GetElapsedTime(start);
            if (!_pass.Done)
            {
                return false;
            }

            _sequence.TimeToFirstToken = _time.GetElapsedTime(_sequence.SubmittedAt);
            if (_pass.Trace is { } trace)
            {
                trace.KvLengthsAfterPrefill = _decoder.KvLengths(_sequence);
            }
        }

        return _emitter.AdvanceBehindPrefill(_sequence, _pass);
    }

    public override void Dispose()
    {
        _pass.Dispose();
        _use?.Dispose();
    }
}
