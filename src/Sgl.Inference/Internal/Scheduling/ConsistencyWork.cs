using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Decoding.Lanes;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>The consistency pass of a finished sequence: its rows, then the head over those that predict the answer.</summary>
internal sealed class ConsistencyWork(Sequence sequence, KeepMask kept, Decoder decoder) : SequenceWork
{
    // Logits of a long answer over a large vocabulary would take hundreds of MiB at once.
    private const int HeadRows = 64;

    private readonly ForwardPass _pass = decoder.StartConsistency(sequence, kept);
    private readonly float[] _result = new float[sequence.Generated.Count];
    private int _asked;
    private int _read;

    /// <summary>ln P of each generated id, raw softmax.</summary>
    public ReadOnlySpan<float> Result => _result;

    /// <summary>How long devices were busy with it.</summary>
    public TimeSpan Elapsed { get; private set; }

    public override int NextRows(int most) => !_pass.Done ? _pass.NextRows(most) : Math.Min(HeadRows, _result.Length - _asked);

    public override Job Next(int most)
    {
        if (!_pass.Done)
        {
            return decoder.Chunk(_pass, most);
        }

        var count = Math.Min(HeadRows, _result.Length - _asked);
        _asked += count;
        return decoder.Answer(_pass, Decoder.AnswerIds(sequence, _asked - count, count));
    }

    public override bool Take(Job job)
    {
        Elapsed += job.Busy;
        if (job is ChunkJob chunk)
        {
            _pass.End(chunk.Part);
            if (_pass.Done)
            {
                // The last row may have filled the slots, and steps of others write one entry behind what counts.
                Decoder.SetLengths(sequence, _pass.Resumed);
            }
        }
        else if (job is AnswerJob { Request: var request })
        {
            for (var i = 0; i < request.Count; i++)
            {
                _result[request.First + i] = job.Head!.LogProbability(i, request.Wanted[i]);
            }

            _read += request.Count;
        }

        return _pass.Done && _read == _result.Length;
    }

    public override void Dispose() => _pass.Dispose();
}
