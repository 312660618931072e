namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>The head over rows of a pass that is done.</summary>
/// <param name="pass">The pass.</param>
/// <param name="request">Which rows.</param>
/// <param name="head">The head.</param>
/// <param name="stage">The last stage: the head is on its device.</param>
internal sealed class AnswerJob(ForwardPass pass, AnswerRequest request, IHead head, int stage) : Job
{
    public override int Stage => stage;

    public ForwardPass Pass => pass;

    public AnswerRequest Request => request;

    public override bool Run(ILane lane)
    {
        head.Run(pass.Answers, request, Head!);
        return false;
    }
}
