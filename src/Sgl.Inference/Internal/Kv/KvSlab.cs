using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;

namespace Sgl.Inference.Internal.Kv;

/// <summary>
/// KV memory of one stage for several sequences of similar length: per layer one keys and one values tensor [slots, kv, capacity, d],
/// so that the sequences in it decode in one run although their lengths differ. Slots are taken and given back by the engine thread while the stage's lane runs over them: what a run sees of a
/// slot that belongs to none of its sequences is of no consequence.
/// </summary>
internal sealed class KvSlab : IDisposable
{
    private static long _made;

    private readonly KvShape _shape;
    private readonly KvBudget _budget;
    private readonly NativeBuffer? _host;
    private readonly DeviceBuffer? _device;
    private readonly CudaDevice? _gpu;
    private readonly OrtMemoryInfo _memory;
    private readonly Dictionary<(int First, int Count), OrtValue[]> _views = [];
    private readonly Dictionary<(int First, int Count), OrtValue> _sums = [];
    private readonly Dictionary<(bool Importance, int Batch), BoundStep> _bound = [];
    private readonly KvSlot?[] _slots;

    public KvSlab(KvShape shape, int capacity, int slots, KvBudget budget)
    {
        _shape = shape;
        _budget = budget;
        Capacity = capacity;
        _slots = new KvSlot?[slots];
        ByteLength = shape.MemoryPerToken * capacity * slots;
        if (!shape.Device.IsCuda)
        {
            _host = new NativeBuffer(ByteLength);
            _memory = OrtHost.Cpu;
        }
        else
        {
            _gpu = CudaDevice.Of(shape.Device);
            _device = new DeviceBuffer(shape.Device, ByteLength, "a KV cache");
            _memory = _gpu.Memory;
        }
    }

    /// <summary>No other slab of the process has it.</summary>
    public long Number { get; } = Interlocked.Increment(ref _made);

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

    /// <summary>
    /// Where a run over the slab writes in a slot that runs along as a dummy. A slot that belongs to nobody: at entry 0; one that belongs to a sequence outside the run: behind its last entry, or,
    /// where a pass has just filled it, at the last one, which that pass has read already. Each place is overwritten before anybody reads it.
    /// </summary>
    public int NextEntry(int index) => Math.Min(_slots[index]?.Length ?? 0, Capacity - 1);

    /// <summary>Held by runs in which slots run along as dummies, and by whoever else writes into a slot meanwhile: on CPUs only, the engine thread puts kept beginnings of prompts there.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Takes the lowest free slot, so that batches stay dense.</summary>
    public KvSlot Take()
    {
        var index = Array.IndexOf(_slots, null);
        InUse++;
        _budget.Occupy(SlotBytes);
        if (_shape.HasSums)
        {
            ClearSums(index);
        }

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

    /// <summary>Attention sums of <paramref name="count"/> slots from <paramref name="first"/>, float32 [slots, layers, capacity]; on a GPU only, see <see cref="KvShape.HasSums"/>.</summary>
    public OrtValue Sums(int first, int count)
    {
        if (!_sums.TryGetValue((first, count), out var sums))
        {
            sums = OrtValue.CreateTensorValueWithData(
                _memory, TensorElementType.Float, [count, _shape.Layers, Capacity], SumsPointer(first), _shape.SumBytes * Capacity * count);
            _sums.Add((first, count), sums);
        }

        return sums;
    }

    /// <summary>Reads a slot's sums, [layers, capacity]; waits for what runs on the GPU.</summary>
    public unsafe float[] ReadSums(int slot)
    {
        var sums = new float[_shape.Layers * Capacity];
        fixed (float* at = sums)
        {
            _gpu!.Copy((nint)at, SumsPointer(slot), _shape.SumBytes * Capacity, CudaRuntime.Copy.ToHost);
            _gpu.Wait();
        }

        return sums;
    }

    /// <summary>Begins a slot's sums anew.</summary>
    public void ClearSums(int slot) => _gpu!.Clear(SumsPointer(slot), _shape.SumBytes * Capacity);

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

        foreach (var value in _views.Values.SelectMany(v => v).Concat(_sums.Values))
        {
            value.Dispose();
        }

        _host?.Dispose();
        _device?.Dispose();
    }

    private nint TensorPointer(int i) => (_device?.Pointer ?? _host!.Pointer) + (nint)(_shape.EntryBytes * Capacity * SlotCount * i);

    /// <summary>They lie behind keys and values.</summary>
    private nint SumsPointer(int slot) => TensorPointer(2 * _shape.Layers) + (nint)(_shape.SumBytes * Capacity * slot);
}

/// <summary>One sequence's place in a slab.</summary>
internal sealed class KvSlot(KvSlab slab, int index)
{
    public KvSlab Slab { get; } = slab;

    public int Index { get; } = index;

    /// <summary>Entries in use.</summary>
    public int Length { get; set; }
}
