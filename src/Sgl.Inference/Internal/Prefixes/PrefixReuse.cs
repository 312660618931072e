using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>
/// Lets prompts begin behind what earlier ones had in common with them, and keeps what they leave. In front of the first prune layer every row sees all rows before it, so keys
/// and values there are those of any other prompt with the same beginning, and what goes into that layer is too, whatever is dropped then. Behind it only rows in
/// front of the first image are kept. Used by the engine thread only; the counts can be read from anywhere.
/// </summary>
internal sealed class PrefixReuse(PrefixStore store, Decoder decoder, int layers, int width)
{
    private long _hits;
    private long _misses;
    private long _rows;

    /// <summary>What it holds and did.</summary>
    public PrefixCacheLoad Load => new(store.Bytes, store.Budget)
    {
        Hits = Volatile.Read(ref _hits),
        Misses = Volatile.Read(ref _misses),
        SavedTokens = Volatile.Read(ref _rows),
        Evictions = store.Evicted,
    };

    /// <summary>Starts a prefill behind the rows that are known, and remembers what it needs to keep the others.</summary>
    /// <param name="pass">A prefill that has not begun.</param>
    /// <returns>Disposed when the pass is; null where nothing of the request is kept.</returns>
    public PrefixUse? Begin(ForwardPass pass)
    {
        var sequence = pass.Sequence;
        if (sequence.ImageKeys is not { } keys)
        {
            return null;
        }

        var content = PromptContent.Of(sequence, keys);
        var use = new PrefixUse(content, FirstPruned(sequence));
        var found = store.Find(sequence.Prompt.CacheScope, content, content.Count - 1);
        Listen(pass, use);
        var (rows, sums) = Usable(sequence, use, found);
        if (sequence.Importance is not null && AttentionSums.CanBeKept(CountedRows(sequence)))
        {
            sequence.KeptSums = sums?.Copy() ?? new AttentionSums(layers, sequence.VisualPositions.Length, CountedRows(sequence));
        }

        // Exit scores are compared with thresholds: the second time the same question is asked they should be the same to the last bit.
        pass.Cut = sequence.Importance is null ? 0 : FirstCounted(sequence);
        var front = Math.Min(rows, content.RowsBeforeImages);
        Restore(pass, use, found, rows, front);
        for (var layer = 0; sums is not null && layer < layers; layer++)
        {
            sequence.Importance!.AddPrefillLayer(layer, CountedRows(sequence), sums.Layer(layer));
        }

        sequence.CachedPromptTokens = rows;
        Count(rows);
        return use;
    }

    /// <summary>Keeps the prompt of a prefill that is done; in front of anything that changes the slots.</summary>
    public void KeepPrompt(Sequence sequence, PrefixUse use)
    {
        // Of pictures that were pruned before anything ran, or whose rows nobody could go on with, nothing.
        var rows = use.FirstPruned == decoder.Stages.Count || use.Inputs is not null ? use.Content.Count : use.Content.RowsBeforeImages;
        store.Keep(sequence.Prompt.CacheScope, use.Content, rows, new PrefixRows(sequence.Slots, use.FirstPruned, use.Inputs, use.InputsFrom, sequence.KeptSums));
    }

    /// <summary>
    /// Keeps the answer behind its prompt, for the next turn of the chat; in front of the consistency pass. Where the prompt was pruned nothing of the answer is: it saw
    /// what this question needed of the picture, and another question needs other parts.
    /// </summary>
    public void KeepAnswer(Sequence sequence)
    {
        if (sequence.ImageKeys is not { } keys || FirstPruned(sequence) < decoder.Stages.Count)
        {
            return;
        }

        // The last id was never fed.
        var answer = sequence.Slots[0].Length - sequence.Prompt.Ids.Length;
        if (answer > 0)
        {
            var content = PromptContent.Of(sequence, keys, [.. sequence.Generated.Take(answer)]);
            store.Keep(sequence.Prompt.CacheScope, content, content.Count, new PrefixRows(sequence.Slots, decoder.Stages.Count, null, 0, sequence.KeptSums));
        }
    }

    private static ImportanceRows CountedRows(Sequence sequence) => sequence.Options.Importance!.Rows & ~ImportanceRows.Generated;

    private static int FirstCounted(Sequence sequence) => sequence.Visual.PrefillRows(CountedRows(sequence)).Start;

    /// <summary>The first stage that does not see all rows of the prompt.</summary>
    private int FirstPruned(Sequence sequence)
    {
        if (sequence.VisualPositions.Length == 0)
        {
            return decoder.Stages.Count;
        }

        var layer = Math.Min(sequence.Options.FastV?.Layer ?? int.MaxValue, sequence.Options.Plan.Steps is [var first, ..] ? first.Layer : int.MaxValue);
        var stage = 0;
        while (stage < decoder.Stages.Count && decoder.Stages[stage].Placement.First < layer)
        {
            stage++;
        }

        return stage;
    }

    /// <summary>How many of the rows that were found can be left out, and the attention that goes with them.</summary>
    private (int Rows, AttentionSums? Sums) Usable(Sequence sequence, PrefixUse use, PrefixMatch found)
    {
        var rows = found.RowsServing(use.FirstPruned, use.Content.RowsBeforeImages);
        if (use.FirstPruned < decoder.Stages.Count && use.Inputs is null)
        {
            rows = Math.Min(rows, use.Content.RowsBeforeImages);
        }

        if (sequence.Importance is null)
        {
            return (rows, null);
        }

        // Rows whose attention counts must run, or have been counted.
        var counted = CountedRows(sequence);
        var first = FirstCounted(sequence);
        return rows > first && AttentionSums.CanBeKept(counted) && found.LongestSums(counted, first, rows) is var (sums, end)
            ? (end, sums)
            : (Math.Min(rows, first), null);
    }

    /// <summary>Listens to the rows in front of the prune layer.</summary>
    private void Listen(ForwardPass pass, PrefixUse use)
    {
        var rows = use.Content.Count - use.Content.RowsBeforeImages;
        var bytes = (long)rows * width * sizeof(float);
        if (use.FirstPruned == 0 || use.FirstPruned == decoder.Stages.Count || !store.CanHold(bytes))
        {
            return;
        }

        var inputs = use.Hold(new NativeBuffer(bytes));
        pass.Border = (stage, numbers, hidden) =>
        {
            for (var i = 0; stage == use.FirstPruned && i < numbers.Length; i++)
            {
                if (numbers[i] >= use.InputsFrom && numbers[i] < use.Content.Count)
                {
                    hidden.Slice(i * width, width).CopyTo(inputs.Span<float>((long)(numbers[i] - use.InputsFrom) * width * sizeof(float), width));
                }
            }
        };
    }

    private void Restore(ForwardPass pass, PrefixUse use, PrefixMatch found, int rows, int front)
    {
        if (rows == 0)
        {
            return;
        }

        var slots = pass.Sequence.Slots;
        for (var i = 0; i < found.Path.Count && found.Path[i].Start < rows; i++)
        {
            var (node, end) = (found.Path[i], Math.Min(rows, found.EndOf(i)));
            for (var s = 0; s < slots.Length; s++)
            {
                if (s < use.FirstPruned || end <= front)
                {
                    node.Kv(s)!.CopyTo(slots[s], node.Start, end - node.Start);
                }
            }

            if (end > front && use.Inputs is { } inputs)
            {
                var numbers = (end - node.Start) * width;
                node.Inputs(use.FirstPruned)!.Span<float>(0, numbers).CopyTo(inputs.Span<float>((long)(node.Start - use.InputsFrom) * width * sizeof(float), numbers));
            }
        }

        for (var s = 0; s < slots.Length; s++)
        {
            slots[s].Length = s < use.FirstPruned ? rows : front;
        }

        if (rows == front || use.FirstPruned == slots.Length)
        {
            pass.Resume(rows, slots.Length, []);
        }
        else
        {
            pass.Resume(rows, use.FirstPruned, use.Inputs!.Span<float>(0, (rows - front) * width), front);
        }
    }

    private void Count(int rows)
    {
        Volatile.Write(ref _rows, _rows + rows);
        if (rows > 0)
        {
            Volatile.Write(ref _hits, _hits + 1);
        }
        else
        {
            Volatile.Write(ref _misses, _misses + 1);
        }
    }
}

/// <summary>What one prefill needs to be kept.</summary>
/// <param name="content">The prompt.</param>
/// <param name="firstPruned">The first stage that does not see all of its rows.</param>
internal sealed class PrefixUse(PromptContent content, int firstPruned) : IDisposable
{
    public PromptContent Content => content;

    public int FirstPruned => firstPruned;

    /// <summary>What goes into that stage, from <see cref="InputsFrom"/> on; null where nobody needs it.</summary>
    public NativeBuffer? Inputs { get; private set; }

    /// <summary>Rows in front of the first image need no inputs: their keys and values are known everywhere.</summary>
    public int InputsFrom => content.RowsBeforeImages;

    public NativeBuffer Hold(NativeBuffer inputs) => Inputs = inputs;

    public void Dispose() => Inputs?.Dispose();
}
