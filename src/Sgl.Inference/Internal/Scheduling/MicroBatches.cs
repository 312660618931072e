using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// Which sequences share a decode step. With one device all that decode; with several they are split into as many steps, each on another device. A step reads the weights once for every slab that its
/// sequences lie in, so those of one slab stay together as far as every device has something to do.
/// </summary>
/// <param name="devices">Devices that can work at the same time.</param>
internal sealed class MicroBatches(int devices)
{
    private readonly List<KvSlab> _slabs = [];
    private readonly List<KvSlab> _passed = [];
    private long _step;

    /// <summary>Adds the sequences of the next step: those that wait longest with those of their slab, then other slabs' as long as all steps are of about the same size.</summary>
    /// <param name="running">Sequences of the batch.</param>
    /// <param name="set">Receives them; stays empty where none is ready.</param>
    public void Pick(IReadOnlyList<Sequence> running, List<Sequence> set)
    {
        _step++;
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

        var (decoding, groups) = Count(running);
        var most = (decoding + devices - 1) / devices;
        var size = 0;
        _passed.Clear();
        while (size < most && Longest(running) is { } first)
        {
            // Those under way count too: they are of its step again when they come back.
            var group = 0;
            for (var i = 0; i < running.Count; i++)
            {
                group += Decodes(running[i]) && Together(running[i], first) ? 1 : 0;
            }

            if (size > 0 && size + group > most)
            {
                // Its own step comes; half of it in this one would cost both a run.
                _passed.Add(SlabOf(first)!);
                continue;
            }

            size += group;

            var limit = groups >= devices ? int.MaxValue : most;
            for (var i = 0; i < running.Count && set.Count < limit; i++)
            {
                if (IsReady(running[i]) && Together(running[i], first))
                {
                    running[i].LastStep = _step;
                    set.Add(running[i]);
                }
            }
        }
    }

    private static KvSlab? SlabOf(Sequence sequence) => sequence.Slots is [.., var last] ? last.Slab : null;

    /// <summary>The last stage tells: where something is pruned, most layers are behind that.</summary>
    private static bool Together(Sequence sequence, Sequence other) => sequence == other || (SlabOf(sequence) is { } slab && slab == SlabOf(other));

    private static bool Decodes(Sequence sequence) => sequence.Work is null && sequence.Failure is null;

    private bool IsReady(Sequence sequence) => Decodes(sequence) && sequence.JobsUnderWay == 0 && sequence.LastStep < _step;

    private (int Decoding, int Groups) Count(IReadOnlyList<Sequence> running)
    {
        var (decoding, alone) = (0, 0);
        _slabs.Clear();
        for (var i = 0; i < running.Count; i++)
        {
            if (!Decodes(running[i]))
            {
                continue;
            }

            decoding++;
            if (SlabOf(running[i]) is not { } slab)
            {
                alone++;
            }
            else if (!_slabs.Contains(slab))
            {
                _slabs.Add(slab);
            }
        }

        return (decoding, alone + _slabs.Count);
    }

    /// <summary>The one that waits longest, of a slab that was not passed.</summary>
    private Sequence? Longest(IReadOnlyList<Sequence> running)
    {
        Sequence? best = null;
        for (var i = 0; i < running.Count; i++)
        {
            var sequence = running[i];
            if (IsReady(sequence) && (best is null || sequence.LastStep < best.LastStep) && !(SlabOf(sequence) is { } slab && _passed.Contains(slab)))
            {
                best = sequence;
            }
        }

        return best;
    }
}
