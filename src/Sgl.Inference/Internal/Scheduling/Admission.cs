using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>Decides whether a sequence's worst case fits into KV memory, and takes its slots.</summary>
internal sealed class Admission(Decoder decoder, KvBudgets budgets, int maxBatch)
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
    public string TooLarge(Sequence sequence)
    {
        var entries = decoder.EntriesNeeded(sequence);
        var worst = budgets.Devices.MaxBy(d => (double)BytesNeeded(entries, d) / budgets.Of(d).Bytes);
        return $"prompt of {sequence.Prompt.Ids.Length} tokens and {sequence.Options.Sampling.MaxNewTokens} new ones need "
            + $"{BytesNeeded(entries, worst) >> 20} MiB of KV memory{(worst.IsCuda ? $" on {worst}" : "")}, the engine has {budgets.Of(worst).Bytes >> 20} MiB (KvBudgetMiB)";
    }

    private bool TryTakeSlots(Sequence sequence)
    {
        var entries = decoder.EntriesNeeded(sequence);
        // New slabs get slots for sequences to come, in all stages the same number, and leave half of each device's memory to other lengths. One that needs
        // more than half gets slots for itself, so whatever fits into the budget is served. With several devices, sequences of one slab are one micro-batch if it can be: others run along in
        // its steps for nothing.
        var mostSlots = (maxBatch + decoder.Devices - 1) / decoder.Devices;
        var newSlots = (int)Math.Clamp(budgets.Devices.Min(d => budgets.Of(d).Free / 2 / BytesNeeded(entries, d)), 1, mostSlots);
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

    private long BytesNeeded(int[] entries, DeviceId device) =>
        entries.Select((e, s) => KvBudgets.Memory(decoder.Stages[s].Placement.Device) == device ? decoder.Stages[s].Kv.SmallestBytes(e) : 0).Sum();
}
