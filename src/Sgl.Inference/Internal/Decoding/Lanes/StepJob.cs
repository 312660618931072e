namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>A micro-batch: one decode step of some sequences, through all stages and the head. Used again and again.</summary>
/// <param name="stages">Stages of the decoder.</param>
/// <param name="head">The head.</param>
internal sealed class StepJob(int stages, IHead head) : Job
{
    private int _stage;
    private bool _logits;

    public override int Stage => _stage;

    /// <summary>The sequences.</summary>
    public List<Sequence> Set { get; } = [];

    /// <summary>Goes to the beginning; each sequence's input is in <see cref="Sequence.Hidden"/>.</summary>
    public void Begin()
    {
        (_stage, _logits, Error, Busy) = (0, Set.Exists(Decoder.NeedsLogits), null, TimeSpan.Zero);
        RowCount = Set.Count;
    }

    public override bool Run(ILane lane)
    {
        lane.Step(Set);
        _stage = lane.LastStage + 1;
        if (_stage < stages)
        {
            lane.Leave(Set);
            return true;
        }

        head.Run(lane, Set, _logits, Head!);
        return false;
    }
}
