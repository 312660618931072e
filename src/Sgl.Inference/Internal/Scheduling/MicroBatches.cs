using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>Which sequences share a decode step. With one device all that decode; with several they are split into as many steps of about the same size, each on another device.</summary>
internal static class MicroBatches
{
    /// <summary>Adds the sequences of the next step: those that wait longest, and before others those that share a slab with the first of them.</summary>
    /// <param name="running">Sequences of the batch.</param>
    /// <param name="devices">Devices that can work at the same time.</param>
    /// <param name="step">Number of the step, 1 or more, larger than that of any before.</param>
    /// <param name="set">Receives them.</param>
    public static void Pick(IReadOnlyList<Sequence> running, int devices, long step, List<Sequence> set)
    {
        if (devices == 1)
        {
            for (var i = 0; i < running.Count; i++)
            {
                if (IsReady(running[i]))
                {
                    set.Add(running[i]);
                }
            }

            return;
        }

        var decoding = 0;
        for (var i = 0; i < running.Count; i++)
        {
            decoding += running[i].Work is null && running[i].Failure is null ? 1 : 0;
        }

        var most = (decoding + devices - 1) / devices;
        while (set.Count < most)
        {
            Sequence? best = null;
            for (var i = 0; i < running.Count; i++)
            {
                var sequence = running[i];
                if (IsReady(sequence) && sequence.LastStep < step && (best is null || ComesBefore(sequence, best, set)))
                {
                    best = sequence;
                }
            }

            if (best is null)
            {
                return;
            }

            best.LastStep = step;
            set.Add(best);
        }
    }

    private static bool IsReady(Sequence sequence) => sequence.Work is null && sequence.Failure is null && sequence.JobsUnderWay == 0;

    private static bool ComesBefore(Sequence sequence, Sequence other, List<Sequence> set)
    {
        var (one, two) = (set.Count > 0 && SharesSlab(sequence, set[0]), set.Count > 0 && SharesSlab(other, set[0]));
        return one == two ? sequence.LastStep < other.LastStep : one;
    }

    /// <summary>The last stage tells: where something is pruned, most layers are behind that.</summary>
    private static bool SharesSlab(Sequence sequence, Sequence other) =>
        sequence.Slots is [.., var own] && other.Slots is [.., var its] && own.Slab == its.Slab;
}
