using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>Decides whether a sequence's worst case fits into KV memory, and takes its slots.</summary>
internal sealed class Admission(Decoder decoder, KvBudget budget, int maxBatch)
{
    /// <summary>Takes one slot per stage; false where they are not free now.</summary>
    public bool TryReserve(Sequence sequence)
    {
        if (TryTakeSlots(sequence))
        {
            return true;
        }

        foreach (var stage in decoder.Stages)
        {
            stage.Kv.Trim();
        }

        return TryTakeSlots(sequence);
    }

    /// <summary>Why a sequence will never fit.</summary>
    public string TooLarge(Sequence sequence) =>
        $"prompt of {sequence.Prompt.Ids.Length} tokens and {sequence.Options.Sampling.MaxNewTokens} new ones need "
        + $"{BytesNeeded(decoder.EntriesNeeded(sequence)) >> 20} MiB of KV memory, the engine has {budget.Bytes >> 20} MiB (KvBudgetMiB)";

    private bool TryTakeSlots(Sequence sequence)
    {
        var entries = decoder.EntriesNeeded(sequence);
        // New slabs get slots for sequences to come, in all stages the same number, and leave half of the memory to other lengths. One that needs
        // more than half gets slots for itself, so whatever fits into the budget is served.
        var newSlots = (int)Math.Clamp(budget.Free / 2 / BytesNeeded(entries), 1, maxBatch);
        var slots = new List<KvSlot>(entries.Length);
        for (var s = 0; s < entries.Length; s++)
        {
            if (decoder.Stages[s].Kv.TryTake(entries[s], newSlots) is not { } slot)
            {
                slots.ForEach(KvPool.Release);
                return false;
            }

            slots.Add(slot);
        }

        sequence.Slots = [.. slots];
        return true;
    }

    private long BytesNeeded(int[] entries) => entries.Select((e, s) => decoder.Stages[s].Kv.SmallestBytes(e)).Sum();
}
