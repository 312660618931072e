using System.Diagnostics.CodeAnalysis;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Entries within a budget of bytes; what was not used for longest goes first. Safe for concurrent use.</summary>
/// <param name="budget">Bytes that the entries may take.</param>
/// <param name="size">Bytes of an entry.</param>
internal sealed class RecentlyUsed<TKey, TValue>(long budget, Func<TKey, TValue, long> size)
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> _entries = [];
    private readonly LinkedList<(TKey Key, TValue Value)> _byUse = [];
    private long _bytes;

    /// <summary>Bytes taken.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Finds an entry, which counts as a use.</summary>
    public bool TryFind(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var node))
            {
                value = default;
                return false;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            value = node.Value.Value;
            return true;
        }
    }

    /// <summary>Keeps an entry that is not there yet, if it fits at all.</summary>
    public void Add(TKey key, TValue value)
    {
        var bytes = size(key, value);
        lock (_gate)
        {
            if (bytes > budget || _entries.ContainsKey(key))
            {
                return;
            }

            while (_bytes + bytes > budget)
            {
                var (last, old) = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _entries.Remove(last);
                _bytes -= size(last, old);
            }

            _entries[key] = _byUse.AddFirst((key, value));
            _bytes += bytes;
        }
    }
}
