namespace Sgl.Text.Internal;

/// <summary>A symbol of a word that is being merged; a length of 0 means that its left neighbour has swallowed it.</summary>
internal record struct Symbol(int Start, int Length, int Id, int Previous, int Next, bool Frozen);

/// <summary>Knows which neighbours merge.</summary>
internal interface IMergeTable
{
    /// <summary>Whether two neighbours merge, into what, and how early (lower is earlier).</summary>
    bool TryGet(in Symbol left, in Symbol right, out double rank, out int id);

    /// <summary>Is told of every merge that happens, before it changes the symbols.</summary>
    void Merged(in Symbol left, in Symbol right, int id);
}

/// <summary>A candidate merge of the symbol at <see cref="Left"/> with its right neighbour.</summary>
/// <param name="Left">Index of the left symbol.</param>
/// <param name="Right">Index of the right symbol.</param>
/// <param name="Span">Length of both together when the candidate was made; a candidate whose symbols have changed since is stale.</param>
/// <param name="Id">The merged token.</param>
internal readonly record struct MergeCandidate(int Left, int Right, int Span, int Id);

/// <summary>The merging loop of byte-pair encoding, with a heap: one long word stays near-linear.</summary>
internal static class BpeMerge
{
    // What a thread keeps for its next word.
    private const int KeptCandidates = 1 << 14;

    [ThreadStatic]
    private static PriorityQueue<MergeCandidate, (double Rank, int Left)>? _kept;

    /// <summary>Merges until no neighbours merge any more; the result is the list that begins at symbol 0.</summary>
    /// <param name="symbols">Symbols, linked by <see cref="Symbol.Previous"/> and <see cref="Symbol.Next"/> (-1 ends).</param>
    /// <param name="table">Which neighbours merge.</param>
    public static void Run<TTable>(Span<Symbol> symbols, ref TTable table)
        where TTable : struct, IMergeTable
    {
        // The lowest rank merges first, of equal ones the leftmost.
        var heap = _kept ?? new();
        _kept = null;
        for (var i = 1; i < symbols.Length; i++)
        {
            TryAdd(symbols, i - 1, i, ref table, heap);
        }

        while (heap.TryDequeue(out var top, out _))
        {
            ref var left = ref symbols[top.Left];
            ref var right = ref symbols[top.Right];
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != top.Span)
            {
                continue;
            }

            table.Merged(left, right, top.Id);
            left.Id = top.Id;
            left.Length += right.Length;
            left.Next = right.Next;
            right.Length = 0;
            if (left.Next >= 0)
            {
                symbols[left.Next].Previous = top.Left;
            }

            TryAdd(symbols, left.Previous, top.Left, ref table, heap);
            TryAdd(symbols, top.Left, left.Next, ref table, heap);
        }

        _kept = heap.Capacity <= KeptCandidates ? heap : null;
    }

    private static void TryAdd<TTable>(Span<Symbol> symbols, int left, int right, ref TTable table, PriorityQueue<MergeCandidate, (double Rank, int Left)> heap)
        where TTable : struct, IMergeTable
    {
        if (left < 0 || right < 0 || symbols[left].Frozen || symbols[right].Frozen)
        {
            return;
        }

        if (table.TryGet(symbols[left], symbols[right], out var rank, out var id))
        {
            heap.Enqueue(new(left, right, symbols[left].Length + symbols[right].Length, id), (rank, left));
        }
    }
}
