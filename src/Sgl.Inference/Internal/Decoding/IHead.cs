using Sgl.Inference.Internal.Decoding.Lanes;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Rows of a pass that is done over which the head is to run.</summary>
/// <param name="First">0 is the prompt's last row, 1 the first draft or answer row.</param>
/// <param name="Count">Rows.</param>
/// <param name="Wanted">An id for each row whose probability is asked for; empty: none.</param>
/// <param name="Logits">Whether all logits are needed.</param>
internal sealed record AnswerRequest(int First, int Count, int[] Wanted, bool Logits);

/// <summary>Final norm and LM head, on the last stage's device and used by its thread only.</summary>
internal interface IHead : IDisposable
{
    /// <summary>Memory for what it makes, one for each job that is under way; disposed by whoever asked for it.</summary>
    IHeadRows NewRows();

    /// <summary>Runs over what a decode step left in the last lane, in the order of <paramref name="set"/>.</summary>
    void Run(ILane lane, List<Sequence> set, bool logits, IHeadRows rows);

    /// <summary>Runs over rows of a pass that is done.</summary>
    void Run(AnswerRows answers, AnswerRequest request, IHeadRows rows);
}
