using System.Buffers;

namespace Sgl.Text.Internal;

/// <summary>A candidate merge of the symbol at <see cref="Left"/> with its right neighbour.</summary>
/// <param name="Rank">Lower merges first; ties go to the leftmost.</param>
/// <param name="Left">Index of the left symbol.</param>
/// <param name="Right">Index of the right symbol.</param>
/// <param name="Span">Length of both together when the candidate was made; a candidate whose symbols have changed since is stale.</param>
/// <param name="Id">The merged token.</param>
internal readonly record struct MergeCandidate(double Rank, int Left, int Right, int Span, int Id);

/// <summary>A binary heap of merge candidates over pooled memory: one long word stays near-linear.</summary>
internal ref struct MergeHeap
{
    private MergeCandidate[] _items;
    private int _count;

    public MergeHeap(int capacity) => _items = ArrayPool<MergeCandidate>.Shared.Rent(Math.Max(capacity, 16));

    public void Push(in MergeCandidate item)
    {
        if (_count == _items.Length)
        {
            var larger = ArrayPool<MergeCandidate>.Shared.Rent(_count * 2);
            _items.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<MergeCandidate>.Shared.Return(_items);
            _items = larger;
        }

        var i = _count++;
        while (i > 0)
        {
            var parent = (i - 1) >> 1;
            if (!Before(item, _items[parent]))
            {
                break;
            }

            _items[i] = _items[parent];
            i = parent;
        }

        _items[i] = item;
    }

    public bool TryPop(out MergeCandidate item)
    {
        if (_count == 0)
        {
            item = default;
            return false;
        }

        item = _items[0];
        var last = _items[--_count];
        var i = 0;
        while (true)
        {
            var child = (2 * i) + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && Before(_items[child + 1], _items[child]))
            {
                child++;
            }

            if (!Before(_items[child], last))
            {
                break;
            }

            _items[i] = _items[child];
            i = child;
        }

        _items[i] = last;
        return true;
    }

    public readonly void Dispose() => ArrayPool<MergeCandidate>.Shared.Return(_items);

    private static bool Before(in MergeCandidate a, in MergeCandidate b) =>
        a.Rank < b.Rank || (a.Rank == b.Rank && a.Left < b.Left);
}
