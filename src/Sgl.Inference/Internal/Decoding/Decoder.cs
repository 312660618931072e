using Sgl.Guidance;
using Sgl.Inference.Internal.Kv;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// The stages of a decoder and what passes between them. Hidden rows cross stage borders through host memory; rows of dropped visual tokens
/// stop at the border in front of their prune layer, position ids stay the original ones. Used by the engine thread only.
/// </summary>
internal sealed class Decoder : IDisposable
{
    // Logits of a long answer over a large vocabulary would take hundreds of MiB at once.
    private const int ConsistencyRows = 64;

    private readonly LanguageModelConfig _config;
    private readonly IReadOnlyList<DecoderStage> _stages;
    private readonly Head _head;
    private readonly EmbeddingTable _embeddings;
    private readonly RotaryTable _rotary;
    private readonly StageInputs _inputs;
    private readonly ImportanceReader _importance;
    private readonly ForwardRows _rows;
    private readonly float[] _work;
    private readonly List<KvSlab> _slabs = [];
    private readonly List<Sequence> _group = [];

    public Decoder(LanguageModelConfig config, IReadOnlyList<DecoderStage> stages, Head head, EmbeddingTable embeddings)
    {
        _config = config;
        _stages = stages;
        _head = head;
        _embeddings = embeddings;
        _rotary = new RotaryTable(config.Rope, config.HeadDim);
        _inputs = new StageInputs(config.DeepStackLayers);
        _importance = new ImportanceReader(_inputs);
        _rows = new ForwardRows(embeddings, _rotary, config.HiddenSize);
        _work = new float[config.VocabularySize];
    }

    public IReadOnlyList<DecoderStage> Stages => _stages;

    /// <summary>Entries that each stage will hold at most for a request.</summary>
    public int[] EntriesNeeded(Sequence sequence)
    {
        var visualTokens = sequence.Prompt.VisualTokenCount;
        var text = sequence.Prompt.Ids.Length - visualTokens + sequence.Options.Sampling.MaxNewTokens;
        return [.. _stages.Select(stage => text + KeptAt(sequence, stage.Placement.First, visualTokens))];
    }

    /// <summary>
    /// The part of a request's draft that can run behind its prompt: what stands in front of the first end id, at most one id less than may be generated,
    /// and nothing where these rows would be rotated otherwise than one by one (long factors, dynamic NTK).
    /// </summary>
    public int[] UsableDraft(Sequence sequence, IReadOnlyList<int> stopIds)
    {
        int[] draft = [.. sequence.Options.Draft.Take(sequence.Options.Sampling.MaxNewTokens - 1).TakeWhile(id => !stopIds.Contains(id))];
        var prompt = sequence.Positions.Largest;
        var last = sequence.Prompt.Ids.Length + sequence.Positions.Delta + draft.Length - 1;
        return _rotary.RotatesAlike(prompt, Math.Max(prompt, last)) ? draft : [];
    }

    /// <summary>Runs the prompt, and the draft behind it, through all stages; <see cref="AnswerLogits"/> then tells what follows.</summary>
    public void Prefill(Sequence sequence)
    {
        _rows.Start(sequence, sequence.Draft);
        var trace = sequence.Options.Trace;
        if (trace is not null)
        {
            trace.InputEmbeddings = _rows.ToArray();
            AddTracePass(sequence, trace);
        }

        KeepMask? own = null;
        for (var s = 0; s < _stages.Count; s++)
        {
            var placement = _stages[s].Placement;
            if ((own ?? sequence.Options.Plan.Steps.FirstOrDefault(p => p.Layer == placement.First)?.Mask) is { } mask)
            {
                _rows.Keep(mask);
                sequence.KeptVisualTokens = mask.Count;
                own = null;
            }

            trace?.StagePositions.Add(placement.First, _rows.Positions());
            // FastV reads the layer in front of its prune layer, which is the last one of this stage.
            var fastV = sequence.Options.FastV is { } f && f.Layer == placement.Last + 1 && sequence.VisualPositions.Length > 0 ? f : null;
            ImportanceShape? shape = sequence.Importance is not null ? _importance.AskPrefill(_rows.Visual, sequence.Options.Importance!.Rows)
                : fastV is not null ? _importance.AskPrefill(_rows.Visual, ImportanceRows.LastPrompt)
                : null;
            var total = _rows.Count;
            var sums = RunStage(sequence, s, shape);
            if (sequence.Importance is not null)
            {
                _importance.AddPrefill(sequence, placement, sums, total);
            }
            else if (fastV is not null)
            {
                var last = sums.Slice((placement.Count - 1) * total, total);
                own = KeepMask.FromImportance(_importance.Columns(last, sequence.VisualPositions), fastV.Ratio);
            }
        }

        if (trace is not null)
        {
            trace.KvLengthsAfterPrefill = KvLengths(sequence);
        }
    }

    /// <summary>Logits [count, V] of the rows that predict answer ids <paramref name="first"/>.. in the pass that ran last; valid until the head runs again.</summary>
    /// <param name="first">0 is the prompt's last row, 1 the first draft or answer row.</param>
    /// <param name="count">Rows.</param>
    public ReadOnlySpan<float> AnswerLogits(int first, int count)
    {
        _rows.CopyAnswerRows(first, count, _head.Rows.Span(count * _config.HiddenSize));
        return _head.Run(count);
    }

    /// <summary>Takes the last entries of a sequence out of all its KV caches.</summary>
    public void Forget(Sequence sequence, int entries)
    {
        foreach (var slot in sequence.Slots)
        {
            slot.Length -= entries;
        }
    }

    /// <summary>Feeds each sequence its last id and returns logits [n, V] in the order of <paramref name="set"/>.</summary>
    public ReadOnlySpan<float> Decode(List<Sequence> set)
    {
        var width = _config.HiddenSize;
        foreach (var sequence in set)
        {
            if (sequence.Hidden.Length != width)
            {
                sequence.Hidden = new float[width];
            }

            _embeddings.Read(sequence.Generated[^1], sequence.Hidden);
            if (sequence.Options.Trace is { } trace)
            {
                trace.DecodePositions.Add(sequence.NextPosition);
                AddTracePass(sequence, trace);
            }
        }

        for (var s = 0; s < _stages.Count; s++)
        {
            _slabs.Clear();
            foreach (var sequence in set)
            {
                var slab = sequence.Slots[s].Slab;
                if (!_slabs.Contains(slab))
                {
                    _slabs.Add(slab);
                    DecodeSlab(s, slab, set);
                }
            }
        }

        var rows = _head.Rows.Span(set.Count * width);
        for (var i = 0; i < set.Count; i++)
        {
            set[i].Hidden.CopyTo(rows[(i * width)..]);
        }

        return _head.Run(set.Count);
    }

    /// <summary>
    /// The consistency pass (eq. 8): one teacher-forced forward over the text, the answer and the kept visual tokens, pruned in front of layer 0.
    /// It reuses the sequence's own KV slots, whose contents are no longer needed.
    /// </summary>
    /// <param name="sequence">A finished sequence.</param>
    /// <param name="kept">Visual tokens that take part.</param>
    /// <param name="observe">Receives position ids and logits, for verification.</param>
    /// <returns>ln P of each generated id, raw softmax.</returns>
    public float[] Consistency(Sequence sequence, KeepMask kept, Action<int[][], ReadOnlySpan<float>>? observe = null)
    {
        var generated = sequence.Generated;
        _rows.Start(sequence, generated);
        _rows.Keep(kept);
        var positions = observe is null ? [] : _rows.Positions();
        _rows.ReuseFront();
        for (var s = 0; s < _stages.Count; s++)
        {
            RunStage(sequence, s, importance: null);
        }

        var result = new float[generated.Count];
        var chunk = observe is null ? ConsistencyRows : generated.Count;
        for (var first = 0; first < result.Length; first += chunk)
        {
            var count = Math.Min(chunk, result.Length - first);
            var logits = AnswerLogits(first, count);
            for (var i = 0; i < count; i++)
            {
                result[first + i] = TokenChooser.LogProbability(logits.Slice(i * _config.VocabularySize, _config.VocabularySize), generated[first + i], _work);
            }

            observe?.Invoke(positions, logits);
        }

        return result;
    }

    /// <summary>KV entries per layer.</summary>
    public int[] KvLengths(Sequence sequence)
    {
        var lengths = new int[_config.Layers];
        for (var s = 0; s < _stages.Count; s++)
        {
            var placement = _stages[s].Placement;
            Array.Fill(lengths, sequence.Slots[s].Length, placement.First, placement.Count);
        }

        return lengths;
    }

    public void Dispose()
    {
        foreach (var stage in _stages)
        {
            stage.Dispose();
        }

        _head.Dispose();
        _inputs.Dispose();
        _rows.Dispose();
    }

    private static int KeptAt(Sequence sequence, int layer, int visualTokens) =>
        sequence.Options.FastV is { } own && own.Layer <= layer ? KeepCount.Of(visualTokens, own.Ratio)
        : sequence.Options.Plan.Steps.LastOrDefault(p => p.Layer <= layer)?.Mask.Count ?? visualTokens;

    private void AddTracePass(Sequence sequence, GenerationTrace trace)
    {
        if (sequence.Importance is not null)
        {
            trace.ImportanceByLayer.Add(new float[_config.Layers][]);
        }
    }

    /// <summary>Runs one stage over all rows, behind those that the cache holds already.</summary>
    private ReadOnlySpan<float> RunStage(Sequence sequence, int s, ImportanceShape? importance)
    {
        var slot = sequence.Slots[s];
        _rows.WriteRotary(_inputs);
        _rows.WriteDeepStack(_inputs, _stages[s].Placement.First, _stages[s].Placement.Last);
        var total = _rows.Cached + _rows.Count;
        _inputs.SeqLens.Span(1)[0] = total - 1;
        _inputs.Total.Span(1)[0] = total;
        var sums = _stages[s].Run(_inputs, _rows.Hidden, _rows.Next, batch: 1, _rows.Count, total, slot.Slab, slot.Index, importance);
        slot.Length = total;
        _rows.Advance();
        return sums;
    }

    private void DecodeSlab(int s, KvSlab slab, List<Sequence> set)
    {
        _group.Clear();
        var importance = false;
        foreach (var sequence in set)
        {
            if (sequence.Slots[s].Slab == slab)
            {
                _group.Add(sequence);
                importance |= sequence.Importance is not null;
            }
        }

        var width = _config.HiddenSize;
        var stage = _stages[s];
        // Slots between the occupants run along as dummies. One that belongs to nobody writes at entry 0, one that belongs to a sequence outside this
        // step writes behind that sequence's last entry; both places are overwritten before anybody reads them.
        var batch = slab.Extent;
        var entries = _inputs.SeqLens.Span(batch);
        var total = 0;
        for (var b = 0; b < batch; b++)
        {
            entries[b] = slab[b]?.Length ?? 0;
            total = Math.Max(total, entries[b] + 1);
        }

        _inputs.Total.Span(1)[0] = total;
        var hidden = _inputs.BatchIn.Span(batch * width);
        hidden.Clear();
        foreach (var sequence in _group)
        {
            sequence.Hidden.CopyTo(hidden[(sequence.Slots[s].Index * width)..]);
        }

        WriteDecodeRotary(s, batch);
        ImportanceShape? shape = importance ? _importance.AskDecode(entries) : null;
        var sums = stage.Step(_inputs, batch, total, slab, shape);
        var output = _inputs.BatchOut.Span(batch * width);
        foreach (var sequence in _group)
        {
            var slot = sequence.Slots[s];
            output.Slice(slot.Index * width, width).CopyTo(sequence.Hidden);
            slot.Length++;
            if (sequence.Importance is not null)
            {
                _importance.AddDecode(sequence, stage.Placement, sums, batch, slot.Index, total);
            }
        }
    }

    /// <summary>Each sequence's own last position decides between short and long factors, so rows are computed one by one.</summary>
    private void WriteDecodeRotary(int s, int batch)
    {
        var half = _rotary.Width;
        var cos = _inputs.Cos.Span(batch * half);
        var sin = _inputs.Sin.Span(batch * half);
        cos.Clear();
        sin.Clear();
        Span<int> position = stackalloc int[_rotary.Axes];
        foreach (var sequence in _group)
        {
            var index = sequence.Slots[s].Index;
            position.Fill(sequence.NextPosition);
            _rotary.Compute(position, sequence.NextPosition, cos.Slice(index * half, half), sin.Slice(index * half, half));
        }
    }
}
