using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime.Cuda;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>Decides whether a sequence's worst case fits into KV memory, and takes its slots.</summary>
internal sealed class Admission(Decoder decoder, KvBudgets budgets, int maxBatch)
{
    /// <summary>Takes one slot per stage; false where they are not free now.</summary>
    public bool TryReserve(Sequence sequence)
    {
        try
        {
            if (TryTakeSlots(sequence))
            {
                return true;
            }
        }
        catch (Exception e) when (e is OutOfMemoryException or DeviceMemoryException)
        {
            // Perhaps slabs that nobody uses hold it; if not, it fails again below.
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
        try
        {
            for (var s = 0; s < entries.Length && decoder.Stages[s].Kv.TryTake(entries[s], newSlots) is { } slot; s++)
            {
                slots.Add(slot);
            }

            if (slots.Count == entries.Length)
            {
                sequence.Slots = [.. slots];
                return true;
            }

            return false;
        }
        finally
        {
            // Also where memory ended at a later stage, or the earlier ones would be taken for good.
            if (sequence.Slots.Length == 0)
            {
                slots.ForEach(KvPool.Release);
            }
        }
    }

    private long BytesNeeded(int[] entries, DeviceId device) =>
        entries.Select((e, s) => KvBudgets.Memory(decoder.Stages[s].Placement.Device) == device ? decoder.Stages[s].Kv.SmallestBytes(e) : 0).Sum();
}
