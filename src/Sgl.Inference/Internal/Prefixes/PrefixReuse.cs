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
    private long _continued;

    /// <summary>What it holds and did.</summary>
    public PrefixCacheLoad Load => new(store.Bytes, store.Budget)
    {
        Hits = Volatile.Read(ref _hits),
        Misses = Volatile.Read(ref _misses),
        SavedTokens = Volatile.Read(ref _rows),
        ContinuedTokens = Volatile.Read(ref _continued),
        Evictions = store.Evicted,
    };

    /// <summary>Why beginnings are not kept, in a few words; null: they are.</summary>
    /// <param name="budgetMiB">Memory for them.</param>
    /// <param name="stages">Where the layers run.</param>
    public static string? WhyOff(int budgetMiB, IReadOnlyList<LayerPlacement> stages) =>
        budgetMiB == 0 ? "Engine:PrefixCacheMiB is 0"
        : stages.Where(s => s.Device.IsCuda).ToList() is [var stage, ..] ? $"layers {stage.First}-{stage.Last} are on {stage.Device}, whose memory is not copied"
        : null;

    /// <summary>Whether all images of a prompt are kept behind some beginning or other, so that their features may not be needed. Can be asked from anywhere.</summary>
    public bool MayCover(IReadOnlyList<VisionKey> images) => images.Count > 0 && images.All(store.Holds);

    /// <summary>Whether a prompt can run as things stand without the features of its images: no row of theirs runs, or what is kept has the features too.</summary>
    public bool Covers(Sequence sequence)
    {
        if (sequence.ImageKeys is not { } keys)
        {
            return false;
        }

        var content = PromptContent.Of(sequence, keys);
        using var use = new PrefixUse(content, FirstPruned(sequence));
        var found = store.Find(sequence.Prompt.CacheScope, content, content.Count - 1);
        if (sequence.Importance is not null)
        {
            // The last visual token's row runs, and those that the consistency pass keeps.
            return FeaturesOf(found, content) is not null;
        }

        return (found.RowsServing(use.FirstPruned, content.RowsBeforeImages) > content.LastVisual && !AddsFeaturesFrom(use.FirstPruned))
            || (Continuable(found, use, 0) is var (stage, rows) && rows > content.LastVisual && !AddsFeaturesFrom(stage));
    }

    /// <summary>How many rows of a prompt need not run as things stand, about.</summary>
    public int KnownRows(Sequence sequence)
    {
        if (sequence.ImageKeys is not { } keys)
        {
            return 0;
        }

        var content = PromptContent.Of(sequence, keys);
        return store.Find(sequence.Prompt.CacheScope, content, content.Count - 1).RowsServing(FirstPruned(sequence), content.RowsBeforeImages);
    }

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
        if (sequence.LacksFeatures && FeaturesOf(found, content) is { } features)
        {
            sequence.TakeFeatures([.. features.SelectMany(f => f)]);
        }

        Listen(pass, use);
        var (rows, sums) = Usable(sequence, use, found);
        if (sequence.Importance is not null && AttentionSums.CanBeKept(CountedRows(sequence)))
        {
            sequence.KeptSums = sums?.Copy() ?? new AttentionSums(layers, sequence.VisualPositions.Length, CountedRows(sequence));
        }

        // Exit scores are compared with thresholds: the second time the same question is asked they should be the same to the last bit.
        pass.Cut = sequence.Importance is null ? 0 : FirstCounted(sequence);
        var front = Math.Min(rows, content.RowsBeforeImages);
        var stage = use.FirstPruned;
        if (sequence.Importance is null && Continuable(found, use, (rows - front) * LayersBefore(stage)) is var (earlier, more))
        {
            (stage, rows) = (earlier, more);
            front = content.RowsBeforeImages;
        }

        Restore(pass, use, found, stage, rows, front);
        for (var layer = 0; sums is not null && layer < layers; layer++)
        {
            sequence.Importance!.AddPrefillLayer(layer, CountedRows(sequence), sums.Layer(layer));
        }

        if (sequence.LacksFeatures && (rows <= content.LastVisual || AddsFeaturesFrom(stage)))
        {
            use.Dispose();
            throw new FeaturesMissingException();
        }

        sequence.CachedPromptTokens = stage == use.FirstPruned ? rows : front;
        Count(sequence.CachedPromptTokens, rows - sequence.CachedPromptTokens);
        return use;
    }

    /// <summary>Keeps the prompt of a prefill that is done; in front of anything that changes the slots.</summary>
    public void KeepPrompt(Sequence sequence, PrefixUse use)
    {
        // Of pictures that were pruned before anything ran, or whose rows nobody could go on with, nothing.
        var rows = use.FirstPruned == decoder.Stages.Count || use.Inputs is not null ? use.Content.Count : use.Content.RowsBeforeImages;
        store.Keep(sequence.Prompt.CacheScope, use.Content, rows, new PrefixRows(sequence.Slots, use.FirstPruned, use.Inputs, use.InputsFrom, sequence.KeptSums) { Features = FeaturesToKeep(sequence) });
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

    /// <summary>Features of all images, each all rows of a node that a prompt goes through; null where one's are not kept.</summary>
    private static List<float[]>? FeaturesOf(PrefixMatch found, PromptContent content)
    {
        var features = new List<float[]>();
        for (var i = 0; i < found.Path.Count; i++)
        {
            var node = found.Path[i];
            if (content.ImageAt(node.Start) is { } image && found.EndOf(i) == image.Start + image.Count && node.Features is { } kept)
            {
                features.Add(kept);
            }
        }

        return features.Count == content.ImageCount ? features : null;
    }

    /// <summary>Where importance is asked for, rows of known images run again, and the consistency pass looks at them.</summary>
    private static Func<int, int, ReadOnlyMemory<float>>? FeaturesToKeep(Sequence sequence)
    {
        if (sequence.Importance is null || sequence.LacksFeatures)
        {
            return null;
        }

        var positions = sequence.VisualPositions;
        var width = sequence.Features.Length / positions.Length;
        return (start, end) => sequence.Features.AsMemory(Array.BinarySearch(positions, start) * width, (end - start) * width);
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

    /// <summary>
    /// A stage in front of the first prune layer from which rows can go on, because an earlier prompt was pruned there, and how many rows they are, where that saves more than
    /// starting behind what the prune layer itself knows; null: nowhere.
    /// </summary>
    private (int Stage, int Rows)? Continuable(PrefixMatch found, PrefixUse use, int saved)
    {
        (int, int)? best = null;
        for (var stage = 1; stage < use.FirstPruned; stage++)
        {
            var rows = found.RowsServing(stage, use.Content.RowsBeforeImages);
            if ((rows - use.Content.RowsBeforeImages) * LayersBefore(stage) is var more && more > saved)
            {
                (best, saved) = ((stage, rows), more);
            }
        }

        return best;
    }

    /// <summary>Whether a stage or one behind it adds features to its visual rows (DeepStack), so that rows that go on from there need them.</summary>
    private bool AddsFeaturesFrom(int stage) => stage < decoder.Stages.Count && decoder.Stages[stage].Placement.First < decoder.DeepStackLayers;

    private int LayersBefore(int stage) => stage == decoder.Stages.Count ? layers : decoder.Stages[stage].Placement.First;

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

    /// <summary>Puts known rows where a prefill would have put them, up to a stage.</summary>
    /// <param name="pass">The prefill.</param>
    /// <param name="use">What it needs.</param>
    /// <param name="found">The rows.</param>
    /// <param name="stage">The first stage that is still to see them: the one in front of which the prompt is pruned first, or one before that.</param>
    /// <param name="rows">How many.</param>
    /// <param name="front">How many of them, from the first, no stage has to see.</param>
    private void Restore(ForwardPass pass, PrefixUse use, PrefixMatch found, int stage, int rows, int front)
    {
        if (rows == 0)
        {
            return;
        }

        var slots = pass.Sequence.Slots;
        var bytes = (long)(rows - front) * width * sizeof(float);
        using var own = stage < use.FirstPruned ? new NativeBuffer(bytes) : null;
        var inputs = own ?? use.Inputs;
        for (var s = 0; s < slots.Length; s++)
        {
            // The stage's lane may be at a step in which this slot runs along.
            lock (slots[s].Slab.Gate)
            {
                for (var i = 0; i < found.Path.Count && found.Path[i].Start < rows; i++)
                {
                    var (node, end) = (found.Path[i], Math.Min(rows, found.EndOf(i)));
                    if (s < stage || end <= front)
                    {
                        node.Kv(s)!.CopyTo(slots[s], node.Start, end - node.Start);
                    }
                }

                slots[s].Length = s < stage ? rows : front;
            }
        }

        for (var i = 0; i < found.Path.Count && found.Path[i].Start < rows && inputs is not null && stage < slots.Length; i++)
        {
            var (node, end) = (found.Path[i], Math.Min(rows, found.EndOf(i)));
            if (end > front)
            {
                var numbers = (end - node.Start) * width;
                node.Inputs(stage)!.Span<float>(0, numbers).CopyTo(inputs.Span<float>((long)(node.Start - front) * width * sizeof(float), numbers));
            }
        }

        if (rows == front || stage == slots.Length)
        {
            pass.Resume(rows, slots.Length, []);
        }
        else
        {
            pass.Split(stage);
            pass.Resume(rows, stage, inputs!.Span<float>(0, (rows - front) * width), front);
        }
    }

    private void Count(int rows, int continued)
    {
        Volatile.Write(ref _rows, _rows + rows);
        Volatile.Write(ref _continued, _continued + continued);
        if (rows + continued > 0)
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

/// <summary>A prompt that was to run without the features of its images turned out to need them.</summary>
internal sealed class FeaturesMissingException : Exception;
