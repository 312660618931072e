using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>The consistency pass of a finished sequence: its rows, then the head over those that predict the answer.</summary>
internal sealed class ConsistencyWork(Sequence sequence, KeepMask kept, Decoder decoder, TimeProvider time) : SequenceWork
{
    // Logits of a long answer over a large vocabulary would take hundreds of MiB at once.
    private const int HeadRows = 64;

    private readonly ForwardPass _pass = decoder.StartConsistency(sequence, kept);
    private readonly float[] _result = new float[sequence.Generated.Count];
    private int _read;

    /// <summary>ln P of each generated id, raw softmax.</summary>
    public ReadOnlySpan<float> Result => _result;

    /// <summary>How long the pieces took.</summary>
    public TimeSpan Elapsed { get; private set; }

    public override int NextRows(int most) => _pass.Done ? Math.Min(HeadRows, _result.Length - _read) : _pass.Next(most).Rows;

    public override bool Run(int most)
    {
        var start = time.GetTimestamp();
        if (!_pass.Done)
        {
            decoder.Advance(_pass, most);
            if (_pass.Done)
            {
                // The last row may have filled the slots, and steps of others write one entry behind what counts.
                Decoder.SetLengths(sequence, _pass.Resumed);
            }
        }
        else
        {
            var count = Math.Min(HeadRows, _result.Length - _read);
            decoder.AnswerLogProbabilities(_pass, _read, _result.AsSpan(_read, count));
            _read += count;
        }

        Elapsed += time.GetElapsedTime(start);
        return _pass.Done && _read == _result.Length;
    }

    public override void Dispose() => _pass.Dispose();
}
