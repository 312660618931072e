namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>A chunk of a pass on its way through one segment; where it is the pass's last, the head may follow at once.</summary>
internal sealed class ChunkJob : Job
{
    private readonly EmbeddingTable _embeddings;
    private readonly IHead _head;
    private readonly int _last;
    private int _stage;
    private bool _begun;

    /// <param name="pass">The pass.</param>
    /// <param name="part">What <see cref="ForwardPass.Begin"/> gave.</param>
    /// <param name="rows">A place for the rows.</param>
    /// <param name="embeddings">Token embeddings.</param>
    /// <param name="head">The head.</param>
    public ChunkJob(ForwardPass pass, PassChunk part, ChunkRows rows, EmbeddingTable embeddings, IHead head)
    {
        (Pass, Part, Rows, _embeddings, _head) = (pass, part, rows, embeddings, head);
        (_stage, _last) = pass.StagesOf(part.Segment);
    }

    public override int Stage => _stage;

    public ForwardPass Pass { get; }

    public PassChunk Part { get; }

    /// <summary>The rows.</summary>
    public ChunkRows Rows { get; }

    /// <summary>What the head is asked for behind the pass's last chunk; null: nothing.</summary>
    public AnswerRequest? Answer { get; init; }

    public override bool Run(ILane lane)
    {
        if (Pass.Broken)
        {
            throw new InvalidOperationException("an earlier chunk of the pass failed");
        }

        try
        {
            return RunIn(lane);
        }
        catch
        {
            // What was begun behind it would run over keys that are not there.
            Pass.Broken = true;
            throw;
        }
    }

    private bool RunIn(ILane lane)
    {
        if (!_begun)
        {
            Pass.Take(Part, Rows, _embeddings);
            _begun = true;
        }

        var end = Math.Min(_last, lane.LastStage);
        lane.Advance(Pass, Rows, _stage, end);
        _stage = end + 1;
        if (end < _last)
        {
            // Their place on the device is overwritten by what the lane runs next.
            Rows.Settle();
            return true;
        }

        Pass.Give(Part.Segment, Rows);
        if (Answer is not null)
        {
            _head.Run(Pass.Answers, Answer, Head!);
        }

        return false;
    }
}
