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
/// Translates from visual indices (0..N_I-1, over all runs) to positions (0..S-1).
/// </summary>
public sealed class VisualTokens
{
    private readonly VisualRun[] _runs;

    private VisualTokens(VisualRun[] runs, int sequenceLength)
    {
        _runs = runs;
        SequenceLength = sequenceLength;
        Count = runs.Sum(r => r.Length);
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
