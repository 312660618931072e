using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Kv;

/// <summary>
/// KV memory of one stage for several sequences of similar length: per layer one keys and one values tensor [slots, kv, capacity, d],
/// so that the sequences in it decode in one run although their lengths differ.
/// </summary>
internal sealed class KvSlab : IDisposable
{
    private readonly KvShape _shape;
    private readonly KvBudget _budget;
    private readonly NativeBuffer? _host;
    private readonly OrtMemoryAllocation[] _device = [];
    private readonly OrtMemoryInfo _memory;
    private readonly Dictionary<(int First, int Count), OrtValue[]> _views = [];
    private readonly Dictionary<(bool Importance, int Batch), BoundStep> _bound = [];
    private readonly KvSlot?[] _slots;

    public KvSlab(KvShape shape, int capacity, int slots, KvBudget budget, OrtAllocator? deviceAllocator)
    {
        _shape = shape;
        _budget = budget;
        Capacity = capacity;
        _slots = new KvSlot?[slots];
        ByteLength = shape.BytesPerToken * capacity * slots;
        if (deviceAllocator is null)
        {
            _host = new NativeBuffer(ByteLength);
            _memory = OrtHost.Cpu;
        }
        else
        {
            // The allocator counts in 32 bits, so each tensor is an allocation of its own.
            var tensorBytes = checked((uint)(shape.EntryBytes * capacity * slots));
            _device = [.. Enumerable.Range(0, 2 * shape.Layers).Select(_ => deviceAllocator.Allocate(tensorBytes))];
            _memory = deviceAllocator.Info;
        }
    }

    /// <summary>What an entry looks like.</summary>
    public KvShape Shape => _shape;

    /// <summary>Whether the memory is the system's own, see <see cref="Entries"/>.</summary>
    public bool IsReadable => _host is not null;

    /// <summary>Entries per slot.</summary>
    public int Capacity { get; }

    /// <summary>Memory of the slab.</summary>
    public long ByteLength { get; }

    /// <summary>Memory of one slot.</summary>
    public long SlotBytes => ByteLength / SlotCount;

    /// <summary>Number of slots.</summary>
    public int SlotCount => _slots.Length;

    /// <summary>Slots in use.</summary>
    public int InUse { get; private set; }

    /// <summary>The occupant of a slot; null when free.</summary>
    public KvSlot? this[int index] => _slots[index];

    /// <summary>1 + the highest slot in use: the batch of a run over this slab.</summary>
    public int Extent
    {
        get
        {
            var extent = _slots.Length;
            while (extent > 0 && _slots[extent - 1] is null)
            {
                extent--;
            }

            return extent;
        }
    }

    /// <summary>Takes the lowest free slot, so that batches stay dense.</summary>
    public KvSlot Take()
    {
        var index = Array.IndexOf(_slots, null);
        InUse++;
        _budget.Occupy(SlotBytes);
        return _slots[index] = new KvSlot(this, index);
    }

    public void Release(KvSlot slot)
    {
        _slots[slot.Index] = null;
        InUse--;
        _budget.Occupy(-SlotBytes);
    }

    /// <summary>Keys and values of every layer (key 0, value 0, key 1, ...) for <paramref name="count"/> slots from <paramref name="first"/>.</summary>
    public OrtValue[] View(int first, int count)
    {
        if (!_views.TryGetValue((first, count), out var view))
        {
            var slotBytes = _shape.EntryBytes * Capacity;
            long[] dims = [count, _shape.KvHeads, Capacity, _shape.HeadDim];
            view = new OrtValue[2 * _shape.Layers];
            for (var i = 0; i < view.Length; i++)
            {
                var pointer = TensorPointer(i) + (nint)(slotBytes * first);
                view[i] = OrtValue.CreateTensorValueWithData(_memory, WeightProvider.ElementType(_shape.Type), dims, pointer, slotBytes * count);
            }

            _views.Add((first, count), view);
        }

        return view;
    }

    /// <summary>Memory of consecutive entries of one head.</summary>
    /// <param name="tensor">Key 0, value 0, key 1, ...</param>
    /// <param name="slot">The slot.</param>
    /// <param name="head">Key head.</param>
    /// <param name="first">First entry.</param>
    /// <param name="count">Entries.</param>
    /// <exception cref="InvalidOperationException">The slab lies in a device's memory.</exception>
    public Span<byte> Entries(int tensor, int slot, int head, int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + count, Capacity);
        var entry = ((((((long)tensor * SlotCount) + slot) * _shape.KvHeads) + head) * Capacity) + first;
        return (_host ?? throw new InvalidOperationException("a device's memory")).Span<byte>(entry * _shape.HeadBytes, checked((int)(count * _shape.HeadBytes)));
    }

    /// <summary>The step of a batch as it was bound last; null at first.</summary>
    public BoundStep? Bound(bool importance, int batch) => _bound.GetValueOrDefault((importance, batch));

    /// <summary>Keeps a bound step; the slab disposes it.</summary>
    public void Bind(bool importance, int batch, BoundStep step)
    {
        Bound(importance, batch)?.Dispose();
        _bound[(importance, batch)] = step;
    }

    public void Dispose()
    {
        foreach (var step in _bound.Values)
        {
            step.Dispose();
        }

        foreach (var value in _views.Values.SelectMany(v => v))
        {
            value.Dispose();
        }

        _host?.Dispose();
        foreach (var allocation in _device)
        {
            allocation.Dispose();
        }
    }

    private nint TensorPointer(int i) =>
        _host is null ? _device[i].DangerousGetHandle() : _host.Pointer + (nint)(_shape.EntryBytes * Capacity * SlotCount * i);
}

/// <summary>One sequence's place in a slab.</summary>
internal sealed class KvSlot(KvSlab slab, int index)
{
    public KvSlab Slab { get; } = slab;

    public int Index { get; } = index;

    /// <summary>Entries in use.</summary>
    public int Length { get; set; }
}
