namespace Sgl.Guidance;

/// <summary>Consecutive visual tokens of a prompt.</summary>
/// <param name="Start">Position of the first one in the token sequence.</param>
/// <param name="Length">How many, at least 1.</param>
public readonly record struct VisualRun(int Start, int Length)
{
    /// <summary>Position after the last one.</summary>
    public int End => Start + Length;
}

/// <summary>
/// Where the visual tokens stand in a prompt of S tokens: one run per image (all tiles of an image are one run).
/// Translates between visual indices (0..N_I-1, over all runs) and positions (0..S-1).
/// </summary>
public sealed class VisualTokens
{
    private readonly VisualRun[] _runs;
    private readonly int[] _firstIndex;

    private VisualTokens(VisualRun[] runs, int sequenceLength)
    {
        _runs = runs;
        SequenceLength = sequenceLength;
        _firstIndex = new int[runs.Length];
        for (var i = 0; i < runs.Length; i++)
        {
            _firstIndex[i] = Count;
            Count += runs[i].Length;
        }
    }

    /// <summary>The runs, by rising position.</summary>
    public IReadOnlyList<VisualRun> Runs => _runs;

    /// <summary>S, the number of prompt tokens, visual ones included.</summary>
    public int SequenceLength { get; }

    /// <summary>N_I.</summary>
    public int Count { get; }

    /// <summary>v_start: position of the first visual token, or -1 without any.</summary>
    public int First => _runs.Length == 0 ? -1 : _runs[0].Start;

    /// <summary>v_end: position of the last visual token (inclusive), or -1 without any.</summary>
    public int Last => _runs.Length == 0 ? -1 : _runs[^1].End - 1;

    /// <summary>Checks the runs: ascending, apart or touching, inside the prompt.</summary>
    /// <exception cref="GuidanceException">Names <c>runs[i]</c>.</exception>
    public static VisualTokens Create(IEnumerable<VisualRun> runs, int sequenceLength)
    {
        ArgumentNullException.ThrowIfNull(runs);
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        var all = runs.ToArray();
        var end = 0;
        for (var i = 0; i < all.Length; i++)
        {
            if (all[i].Length < 1 || all[i].Start < end || all[i].End > sequenceLength || all[i].End < all[i].Start)
            {
                throw new GuidanceException(
                    $"runs[{i}]",
                    $"start {all[i].Start}, length {all[i].Length} is empty, overlaps, or leaves the {sequenceLength} prompt tokens");
            }

            end = all[i].End;
        }

        return new VisualTokens(all, sequenceLength);
    }

    /// <summary>Finds the runs of the image context id in the prompt.</summary>
    public static VisualTokens FromTokenIds<T>(ReadOnlySpan<T> ids, T imageContextId)
        where T : IEquatable<T>
    {
        var runs = new List<VisualRun>();
        for (var i = 0; i < ids.Length; i++)
        {
            if (!ids[i].Equals(imageContextId))
            {
                continue;
            }

            var start = i;
            while (i + 1 < ids.Length && ids[i + 1].Equals(imageContextId))
            {
                i++;
            }

            runs.Add(new VisualRun(start, i + 1 - start));
        }

        return new VisualTokens([.. runs], ids.Length);
    }

    /// <summary>Position of a visual index in the prompt.</summary>
    public int PositionOf(int visualIndex)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(visualIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(visualIndex, Count);
        var run = Array.BinarySearch(_firstIndex, visualIndex);
        run = run >= 0 ? run : ~run - 1;
        return _runs[run].Start + visualIndex - _firstIndex[run];
    }

    /// <summary>The positions of all N_I visual tokens, ascending.</summary>
    public int[] Positions()
    {
        var positions = new int[Count];
        var next = 0;
        foreach (var run in _runs)
        {
            for (var i = 0; i < run.Length; i++)
            {
                positions[next++] = run.Start + i;
            }
        }

        return positions;
    }

    /// <summary>
    /// The positions that stay, ascending: all text and the kept visual tokens. They are also the position ids of the
    /// pruned sequence: nothing is renumbered, so rotary embedding is unchanged.
    /// </summary>
    /// <exception cref="GuidanceException">The mask's length is not N_I.</exception>
    public int[] KeptPositions(KeepMask mask)
    {
        RequireLength(mask);
        var kept = new int[SequenceLength - Count + mask.Count];
        var next = 0;
        var position = 0;
        var visual = 0;
        foreach (var run in _runs)
        {
            while (position < run.Start)
            {
                kept[next++] = position++;
            }

            for (; position < run.End; position++, visual++)
            {
                if (mask[visual])
                {
                    kept[next++] = position;
                }
            }
        }

        while (position < SequenceLength)
        {
            kept[next++] = position++;
        }

        return kept;
    }

    /// <summary>
    /// The rows to gather from hidden states that <paramref name="before"/> (null: nothing) has already shortened, so that
    /// the positions of <paramref name="after"/> remain.
    /// </summary>
    /// <exception cref="GuidanceException">A mask's length is not N_I, or <paramref name="after"/> is not a subset.</exception>
    public int[] GatherRows(KeepMask? before, KeepMask after)
    {
        var wanted = KeptPositions(after);
        if (before is null)
        {
            return wanted;
        }

        if (!after.IsSubsetOf(before))
        {
            throw new GuidanceException("mask", "keeps a token that an earlier step dropped");
        }

        var present = KeptPositions(before);
        var row = 0;
        for (var i = 0; i < wanted.Length; i++)
        {
            while (present[row] != wanted[i])
            {
                row++;
            }

            wanted[i] = row;
        }

        return wanted;
    }

    /// <summary>
    /// The query rows of the prefill whose attention is summed: [start, end), consecutive, at the end of the prompt.
    /// Rows before the last visual token never take part: text between images sees only the images before it, and the
    /// system prompt none. Empty without visual tokens or where <paramref name="rows"/> asks for generated rows only.
    /// </summary>
    public (int Start, int End) PrefillRows(ImportanceRows rows)
    {
        if (Count == 0)
        {
            return (SequenceLength, SequenceLength);
        }

        return (rows & ~ImportanceRows.Generated) switch
        {
            ImportanceRows.None => (SequenceLength, SequenceLength),
            ImportanceRows.LastVisual => (Last, Last + 1),
            ImportanceRows.LastPrompt => (SequenceLength - 1, SequenceLength),
            ImportanceRows.Prompt or (ImportanceRows.Prompt | ImportanceRows.LastPrompt) => (Last + 1, SequenceLength),
            ImportanceRows.LastVisual | ImportanceRows.Prompt => (Last, SequenceLength),
            ImportanceRows.LastVisual | ImportanceRows.Prompt | ImportanceRows.LastPrompt => (Last, SequenceLength),
            _ => throw new ArgumentException($"{rows} are not consecutive rows", nameof(rows)),
        };
    }

    private void RequireLength(KeepMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        if (mask.Length != Count)
        {
            throw new GuidanceException(
                "mask", $"speaks about {mask.Length} visual tokens, but the prompt has {Count}");
        }
    }
}
