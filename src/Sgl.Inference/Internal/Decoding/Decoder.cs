using Sgl.Guidance;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// The stages of a decoder and what passes between them. Hidden rows cross stage borders through host memory; rows of dropped visual tokens
/// stop at the border in front of their prune layer, position ids stay the original ones.
/// </summary>
internal sealed class Decoder : IDisposable
{
    private readonly LanguageModelConfig _config;
    private readonly IReadOnlyList<DecoderStage> _stages;
    private readonly Head _head;
    private readonly EmbeddingTable _embeddings;
    private readonly RotaryTable _rotary;
    private readonly StageInputs _inputs = new();
    private Scratch<float> _hidden = new();
    private Scratch<float> _next = new();
    private readonly float[] _work;
    private float[] _columns = [];

    public Decoder(LanguageModelConfig config, IReadOnlyList<DecoderStage> stages, Head head, EmbeddingTable embeddings)
    {
        _config = config;
        _stages = stages;
        _head = head;
        _embeddings = embeddings;
        _rotary = new RotaryTable(config.Rope, config.HeadDim);
        _work = new float[config.VocabularySize];
    }

    public IReadOnlyList<DecoderStage> Stages => _stages;

    /// <summary>Entries that each stage will hold at most for a request.</summary>
    public int[] EntriesNeeded(Sequence sequence)
    {
        var visualTokens = sequence.Prompt.VisualTokenCount;
        var text = sequence.Prompt.Ids.Length - visualTokens + sequence.Options.Sampling.MaxNewTokens;
        var entries = new int[_stages.Count];
        for (var s = 0; s < entries.Length; s++)
        {
            var first = _stages[s].Placement.First;
            var kept = visualTokens;
            foreach (var step in sequence.Options.Plan.Steps.Where(p => p.Layer <= first))
            {
                kept = step.Mask.Count;
            }

            if (sequence.Options.FastV is { } own && own.Layer <= first)
            {
                kept = KeepCount.Of(visualTokens, own.Ratio);
            }

            entries[s] = text + kept;
        }

        return entries;
    }

    /// <summary>Runs the prompt through all stages and returns the logits of its last row, [V].</summary>
    public ReadOnlySpan<float> Prefill(Sequence sequence)
    {
        var prompt = sequence.Prompt;
        var width = _config.HiddenSize;
        var rows = WritePrompt(sequence);
        var positions = sequence.Positions.Axes.Select(axis => (int[])axis.Clone()).ToArray();
        var visual = new VisualRows(sequence.VisualPositions, sequence.Prompt.Spans);
        var trace = sequence.Options.Trace;
        if (trace is not null)
        {
            trace.InputEmbeddings = _hidden.Span(rows * width).ToArray();
        }

        KeepMask? chosen = null;
        float[][]? byLayer = trace is null || sequence.Importance is null ? null : new float[_config.Layers][];
        var maxPosition = positions.Max(axis => axis.Length == 0 ? 0 : axis.Max());
        for (var s = 0; s < _stages.Count; s++)
        {
            var stage = _stages[s];
            if ((chosen ?? sequence.Options.Plan.Steps.FirstOrDefault(p => p.Layer == stage.Placement.First)?.Mask) is { } mask)
            {
                rows = Drop(visual.Drop(mask, rows), positions, width);
                sequence.KeptVisualTokens = mask.Count;
                chosen = null;
            }

            trace?.StagePositions.Add(stage.Placement.First, [.. positions.Select(axis => axis[..rows])]);
            var own = sequence.Options.FastV is { } fastV && fastV.Layer == stage.Placement.Last + 1 && visual.Rows.Length > 0 ? fastV : null;
            ImportanceShape? importance = sequence.Importance is not null ? PrefillImportance(sequence.Options.Importance!.Rows, visual, rows)
                : own is not null ? PrefillImportance(ImportanceRows.LastPrompt, visual, rows)
                : null;
            SetRotary(positions, rows, maxPosition);
            var slot = sequence.Slots[s];
            _inputs.SeqLens.Span(1)[0] = rows - 1;
            _inputs.Total.Span(1)[0] = rows;
            var sums = stage.Run(_inputs, _hidden, _next, batch: 1, rows, total: rows, slot.Slab, slot.Index, importance);
            slot.Length = rows;
            (_hidden, _next) = (_next, _hidden);
            if (own is not null)
            {
                var last = sums.Slice((stage.Placement.Count - 1) * rows, rows);
                chosen = KeepMask.FromImportance(Columns(last, visual.Rows), own.Ratio);
            }
            else if (importance is not null)
            {
                AddPrefillImportance(sequence, visual, stage, sums, rows, byLayer);
            }
        }

        if (trace is not null)
        {
            trace.KvLengthsAfterPrefill = KvLengths(sequence);
            if (byLayer is not null)
            {
                trace.ImportanceByLayer.Add(byLayer);
            }
        }

        _hidden.Span(rows * width).Slice((rows - 1) * width, width).CopyTo(_head.Rows.Span(width));
        return _head.Run(1);
    }

    /// <summary>Feeds each sequence its last id and returns logits [n, V] in the order of <paramref name="set"/>.</summary>
    public ReadOnlySpan<float> Decode(IReadOnlyList<Sequence> set)
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
                if (sequence.Importance is not null)
                {
                    trace.ImportanceByLayer.Add(new float[_config.Layers][]);
                }
            }
        }

        for (var s = 0; s < _stages.Count; s++)
        {
            foreach (var group in set.GroupBy(sequence => sequence.Slots[s].Slab))
            {
                DecodeSlab(s, group.Key, [.. group]);
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
    /// <returns>ln P of each generated id, raw softmax.</returns>
    public float[] Consistency(Sequence sequence, KeepMask kept, Action<int[][], ReadOnlySpan<float>>? observe = null)
    {
        var width = _config.HiddenSize;
        var prompt = sequence.Prompt.Ids.Length;
        var generated = sequence.Generated.Count;
        var rows = WritePrompt(sequence, generated);
        var axes = sequence.Positions.Axes.Length;
        var positions = new int[axes][];
        for (var a = 0; a < axes; a++)
        {
            positions[a] = [.. sequence.Positions.Axes[a], .. Enumerable.Range(prompt + sequence.Positions.Delta, generated)];
        }

        rows = Drop(new VisualRows(sequence.VisualPositions, sequence.Prompt.Spans).Drop(kept, rows), positions, width);
        var maxPosition = positions.Max(axis => axis[..rows].Max());
        for (var s = 0; s < _stages.Count; s++)
        {
            SetRotary(positions, rows, maxPosition);
            var slot = sequence.Slots[s];
            _inputs.SeqLens.Span(1)[0] = rows - 1;
            _inputs.Total.Span(1)[0] = rows;
            _stages[s].Run(_inputs, _hidden, _next, batch: 1, rows, total: rows, slot.Slab, slot.Index, importance: null);
            (_hidden, _next) = (_next, _hidden);
        }

        // The row in front of each generated id predicts it.
        var first = rows - generated - 1;
        _hidden.Span(rows * width).Slice(first * width, generated * width).CopyTo(_head.Rows.Span(generated * width));
        var logits = _head.Run(generated);
        var result = new float[generated];
        for (var i = 0; i < generated; i++)
        {
            result[i] = TokenChooser.LogProbability(logits.Slice(i * _config.VocabularySize, _config.VocabularySize), sequence.Generated[i], _work);
        }

        observe?.Invoke([.. positions.Select(axis => axis[..rows])], logits);
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
        _hidden.Dispose();
        _next.Dispose();
    }

    private void DecodeSlab(int s, KvSlab slab, Sequence[] group)
    {
        var width = _config.HiddenSize;
        var stage = _stages[s];
        // Slots between the occupants run along as dummies. One that belongs to nobody writes at entry 0, one that belongs to a sequence outside this
        // step writes behind that sequence's last entry; both places are overwritten before anybody reads them.
        var batch = slab.Extent;
        var lens = _inputs.SeqLens.Span(batch);
        var hidden = _inputs.BatchIn.Span(batch * width);
        hidden.Clear();
        var axes = group[0].Positions.Axes.Length;
        var positions = new int[axes][];
        for (var a = 0; a < axes; a++)
        {
            positions[a] = new int[batch];
        }

        for (var b = 0; b < batch; b++)
        {
            lens[b] = slab[b]?.Length ?? 0;
        }

        var total = 0;
        var wantsImportance = false;
        foreach (var sequence in group)
        {
            var slot = sequence.Slots[s];
            sequence.Hidden.CopyTo(hidden[(slot.Index * width)..]);
            foreach (var axis in positions)
            {
                axis[slot.Index] = sequence.NextPosition;
            }

            wantsImportance |= sequence.Importance is not null;
        }

        for (var b = 0; b < batch; b++)
        {
            total = Math.Max(total, lens[b] + 1);
        }

        _inputs.Total.Span(1)[0] = total;
        SetDecodeRotary(positions, group, batch, s);
        ImportanceShape? importance = null;
        if (wantsImportance)
        {
            _inputs.ImportanceRows.Span(1)[0] = 0;
            _inputs.ImportanceWeight.Span(1)[0] = 1;
            var limit = _inputs.ImportanceLimit.Span(batch);
            for (var b = 0; b < batch; b++)
            {
                limit[b] = lens[b];
            }

            importance = new ImportanceShape(1, 1);
        }

        var sums = stage.Run(_inputs, _inputs.BatchIn, _inputs.BatchOut, batch, rows: 1, total, slab, firstSlot: 0, importance);
        var output = _inputs.BatchOut.Span(batch * width);
        foreach (var sequence in group)
        {
            var slot = sequence.Slots[s];
            output.Slice(slot.Index * width, width).CopyTo(sequence.Hidden);
            slot.Length++;
            if (sequence.Importance is { } accumulator)
            {
                for (var l = 0; l < stage.Placement.Count; l++)
                {
                    var visual = Columns(sums.Slice(((l * batch) + slot.Index) * total, total), sequence.VisualPositions);
                    accumulator.AddDecodeLayer(stage.Placement.First + l, visual);
                    if (sequence.Options.Trace is { } trace)
                    {
                        trace.ImportanceByLayer[^1][stage.Placement.First + l] = visual.ToArray();
                    }
                }
            }
        }
    }

    /// <summary>Embeds prompt and, for the consistency pass, generated ids; visual features replace the placeholders' embeddings.</summary>
    /// <returns>Number of rows.</returns>
    private int WritePrompt(Sequence sequence, int generated = 0)
    {
        var width = _config.HiddenSize;
        var ids = sequence.Prompt.Ids;
        var rows = ids.Length + generated;
        var hidden = _hidden.Span(rows * width);
        var feature = 0;
        var visual = sequence.VisualPositions;
        for (var i = 0; i < ids.Length; i++)
        {
            var row = hidden.Slice(i * width, width);
            if (feature < visual.Length && visual[feature] == i)
            {
                sequence.Features.AsSpan(feature++ * width, width).CopyTo(row);
            }
            else
            {
                _embeddings.Read(ids[i], row);
            }
        }

        for (var i = 0; i < generated; i++)
        {
            _embeddings.Read(sequence.Generated[i], hidden.Slice((ids.Length + i) * width, width));
        }

        return rows;
    }

    /// <summary>Closes the gaps that dropped rows leave in hidden state and positions.</summary>
    private int Drop(ReadOnlySpan<int> keptRows, int[][] positions, int width)
    {
        var hidden = _hidden.Span((keptRows.Length == 0 ? 0 : keptRows[^1] + 1) * width);
        for (var i = 0; i < keptRows.Length; i++)
        {
            var from = keptRows[i];
            if (from != i)
            {
                hidden.Slice(from * width, width).CopyTo(hidden[(i * width)..]);
                foreach (var axis in positions)
                {
                    axis[i] = axis[from];
                }
            }
        }

        return keptRows.Length;
    }

    private void SetRotary(int[][] positions, int rows, int maxPosition)
    {
        var flat = new int[positions.Length * rows];
        for (var a = 0; a < positions.Length; a++)
        {
            positions[a].AsSpan(0, rows).CopyTo(flat.AsSpan(a * rows));
        }

        var values = rows * (_config.HeadDim / 2);
        _rotary.Compute(flat, maxPosition, _inputs.Cos.Span(values), _inputs.Sin.Span(values));
    }

    /// <summary>Each sequence's own last position decides between short and long factors, so rows are computed one by one.</summary>
    private void SetDecodeRotary(int[][] positions, Sequence[] group, int batch, int s)
    {
        var half = _config.HeadDim / 2;
        var cos = _inputs.Cos.Span(batch * half);
        var sin = _inputs.Sin.Span(batch * half);
        cos.Clear();
        sin.Clear();
        Span<int> one = stackalloc int[positions.Length];
        foreach (var sequence in group)
        {
            var index = sequence.Slots[s].Index;
            for (var a = 0; a < positions.Length; a++)
            {
                one[a] = positions[a][index];
            }

            _rotary.Compute(one, sequence.NextPosition, cos.Slice(index * half, half), sin.Slice(index * half, half));
        }
    }

    private ImportanceShape PrefillImportance(ImportanceRows which, VisualRows visual, int rows)
    {
        var chosen = visual.QueryRows(which, rows);
        chosen.CopyTo(_inputs.ImportanceRows.Span(chosen.Length));
        // In a prefill the row number is the last key the row may see.
        chosen.CopyTo(_inputs.ImportanceLimit.Span(chosen.Length));
        _inputs.ImportanceWeight.Span(chosen.Length).Fill(1);
        return new ImportanceShape(chosen.Length, 1);
    }

    private void AddPrefillImportance(
        Sequence sequence, VisualRows visual, DecoderStage stage, ReadOnlySpan<float> sums, int total, float[][]? byLayer)
    {
        for (var l = 0; l < stage.Placement.Count; l++)
        {
            var columns = Columns(sums.Slice(l * total, total), visual.Rows);
            sequence.Importance!.AddPrefillLayer(stage.Placement.First + l, sequence.Options.Importance!.Rows & ~ImportanceRows.Generated, columns);
            if (byLayer is not null)
            {
                byLayer[stage.Placement.First + l] = columns.ToArray();
            }
        }
    }

    /// <summary>The visual columns of a row over all keys; valid until the next call.</summary>
    private ReadOnlySpan<float> Columns(ReadOnlySpan<float> perKey, ReadOnlySpan<int> visual)
    {
        if (_columns.Length < visual.Length)
        {
            _columns = new float[visual.Length];
        }

        var columns = _columns.AsSpan(0, visual.Length);
        for (var i = 0; i < columns.Length; i++)
        {
            columns[i] = perKey[visual[i]];
        }

        return columns;
    }
}
