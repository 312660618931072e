namespace Sgl.Inference.Internal.Kv;

/// <summary>
/// KV slabs of one stage. Capacities come in classes (four per octave), so that a pruned sequence takes the memory of what it keeps,
/// and sequences of similar length share a slab and therefore a batch.
/// </summary>
internal sealed class KvPool(KvShape shape, KvBudget budget) : IDisposable
{
    private const int SmallestCapacity = 64;

    private readonly List<KvSlab> _slabs = [];

    public KvShape Shape => shape;

    /// <summary>Takes a slot for at least <paramref name="entries"/> entries; null when the budget has no room now.</summary>
    /// <param name="entries">Entries.</param>
    /// <param name="newSlots">Slots of a new slab, should one be needed.</param>
    public KvSlot? TryTake(int entries, int newSlots)
    {
        var capacity = CapacityClass(entries);
        KvSlab? best = null;
        foreach (var slab in _slabs)
        {
            // A slot up to twice the class is taken rather than new memory: it also makes a larger batch.
            if (slab.InUse < slab.SlotCount && slab.Capacity >= entries && slab.Capacity <= 2 * capacity && (best is null || slab.Capacity < best.Capacity))
            {
                best = slab;
            }
        }

        return (best ?? TryGrow(capacity, newSlots))?.Take();
    }

    /// <summary>Gives a slot back. Empty slabs are kept for the next request and freed when memory is needed.</summary>
    public static void Release(KvSlot slot) => slot.Slab.Release(slot);

    /// <summary>Frees slabs without occupants.</summary>
    public void Trim()
    {
        foreach (var slab in _slabs.Where(s => s.InUse == 0).ToList())
        {
            _slabs.Remove(slab);
            budget.Give(slab.ByteLength);
            slab.Dispose();
        }
    }

    /// <summary>Bytes of the smallest slab that could hold this many entries.</summary>
    public long SmallestBytes(int entries) => shape.MemoryPerToken * CapacityClass(entries);

    public void Dispose()
    {
        foreach (var slab in _slabs)
        {
            slab.Dispose();
        }
    }

    private KvSlab? TryGrow(int capacity, int slots)
    {
        if (shape.MemoryPerToken * capacity * slots > budget.Free)
        {
            return null;
        }

        var slab = new KvSlab(shape, capacity, slots, budget);
        budget.Take(slab.ByteLength);
        _slabs.Add(slab);
        return slab;
    }

    /// <summary>The next of 64, 80, 96, 112, 128, 160, 192, ...</summary>
    internal static int CapacityClass(int entries)
    {
        var capacity = SmallestCapacity;
        while (capacity < entries)
        {
            var step = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity + 1) / 8;
            capacity += step;
        }

        return capacity;
    }
}
