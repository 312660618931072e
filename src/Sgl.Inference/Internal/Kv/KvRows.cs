using System.Diagnostics;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Kv;

/// <summary>A copy of consecutive entries of one sequence in one stage: keys and values of all its layers, [2 layers][kv heads][count, d]. In the system's memory.</summary>
internal sealed class KvRows : IDisposable
{
    private readonly KvShape _shape;
    private readonly NativeBuffer _memory;

    private KvRows(KvShape shape, int count)
    {
        _shape = shape;
        Count = count;
        _memory = new NativeBuffer(shape.BytesPerToken * count);
    }

    /// <summary>Entries.</summary>
    public int Count { get; }

    /// <summary>Memory taken.</summary>
    public long Bytes => _memory.ByteLength;

    /// <summary>Copies entries out of a slot. Device memory cannot be read: see <see cref="KvSlab.IsReadable"/>.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="first">First entry.</param>
    /// <param name="count">Entries.</param>
    public static KvRows CopyOf(KvSlot slot, int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + count, slot.Length);
        var rows = new KvRows(slot.Slab.Shape, count);
        rows.Each((memory, tensor, head) => slot.Slab.Entries(tensor, slot.Index, head, first, count).CopyTo(memory));
        return rows;
    }

    /// <summary>Copies the first entries into a slot.</summary>
    /// <param name="slot">The slot; its length is the caller's to set.</param>
    /// <param name="first">Entry of the slot that the first one becomes.</param>
    /// <param name="count">How many.</param>
    public void CopyTo(KvSlot slot, int first, int count)
    {
        Debug.Assert(slot.Slab.Shape == _shape, "rows of another stage");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + count, slot.Slab.Capacity);
        Each((memory, tensor, head) => memory[..(memory.Length / Count * count)].CopyTo(slot.Slab.Entries(tensor, slot.Index, head, first, count)));
    }

    public void Dispose() => _memory.Dispose();

    private delegate void HeadRows(Span<byte> memory, int tensor, int head);

    private void Each(HeadRows use)
    {
        var bytes = checked((int)(_shape.HeadBytes * Count));
        for (var tensor = 0; tensor < 2 * _shape.Layers; tensor++)
        {
            for (var head = 0; head < _shape.KvHeads; head++)
            {
                use(_memory.Span<byte>(((tensor * _shape.KvHeads) + head) * (long)bytes, bytes), tensor, head);
            }
        }
    }
}
