using Sgl.Guidance;
using Sgl.Inference.Internal.Kv;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>Consecutive stages on the CPU. Rows are in the system's memory, and each run is done when the call returns.</summary>
internal sealed class HostLane : ILane
{
    private readonly LanguageModelConfig _config;
    private readonly DecoderStage[] _stages;
    private readonly int _stageCount;
    private readonly RotaryTable _rotary;
    private readonly StageInputs _inputs;
    private readonly ImportanceReader _importance = new();
    private readonly List<KvSlab> _slabs = [];
    private readonly List<Sequence> _group = [];

    /// <param name="config">Decoder configuration.</param>
    /// <param name="firstStage">Number of the first stage.</param>
    /// <param name="stages">The stages.</param>
    /// <param name="stageCount">How many the decoder has in all.</param>
    /// <param name="rotary">Rotary tables.</param>
    public HostLane(LanguageModelConfig config, int firstStage, IReadOnlyList<DecoderStage> stages, int stageCount, RotaryTable rotary)
    {
        _config = config;
        _stages = [.. stages];
        _stageCount = stageCount;
        _rotary = rotary;
        _inputs = new StageInputs(config.DeepStackLayers);
        (FirstStage, LastStage) = (firstStage, firstStage + stages.Count - 1);
    }

    public DeviceId Device => _stages[0].Placement.Device;

    public int FirstStage { get; }

    public int LastStage { get; }

    public void Advance(ForwardPass pass, ChunkRows chunk, int first, int last)
    {
        var sequence = pass.Sequence;
        for (var s = first; s <= last; s++)
        {
            sequence.Cancelled.ThrowIfCancellationRequested();
            var placement = Stage(s).Placement;
            pass.Trace?.AddStagePositions(placement.First, pass.Rows, chunk.Rows);
            var entries = sequence.Slots[s].Length;
            ImportanceShape? shape = pass.AttentionRows is { } asked ? _inputs.AskPrefill(asked(s), chunk.Rows, entries) : null;
            var sums = Run(sequence, chunk, s, shape);
            if (shape is not null && sequence.Importance is not null)
            {
                _importance.AddPrefill(sequence, placement, sums, entries + chunk.Count);
            }
            else if (shape is not null)
            {
                // FastV reads the layer in front of its prune layer, which is the last one of this stage.
                var layer = sums.Slice((placement.Count - 1) * (entries + chunk.Count), entries + chunk.Count);
                var own = KeepMask.FromImportance(_importance.Columns(layer, sequence.VisualPositions), sequence.Options.FastV!.Ratio);
                sequence.KeptVisualTokens = own.Count;
                pass.Decide(s + 1, own);
            }

            if (s + 1 < _stageCount)
            {
                pass.Border?.Invoke(s + 1, chunk.Rows, chunk.HiddenRows);
            }
        }
    }

    public void Step(List<Sequence> set)
    {
        for (var s = FirstStage; s <= LastStage; s++)
        {
            _slabs.Clear();
            foreach (var sequence in set)
            {
                var slab = sequence.Slots[s].Slab;
                if (!_slabs.Contains(slab))
                {
                    _slabs.Add(slab);
                    lock (slab.Gate)
                    {
                        StepSlab(s, slab, set);
                    }
                }
            }
        }
    }

    public void Leave(List<Sequence> set)
    {
        // They are there.
    }

    public void Dispose() => _inputs.Dispose();

    private DecoderStage Stage(int number) => _stages[number - FirstStage];

    /// <summary>Runs one stage over the rows of the chunk, behind those that the cache holds already.</summary>
    private ReadOnlySpan<float> Run(Sequence sequence, ChunkRows chunk, int s, ImportanceShape? importance)
    {
        var slot = sequence.Slots[s];
        var stage = Stage(s);
        chunk.WriteRotary(_inputs);
        chunk.WriteDeepStack(_inputs, stage.Placement.First, stage.Placement.Last);
        var total = slot.Length + chunk.Count;
        _inputs.SeqLens.Span(1)[0] = total - 1;
        _inputs.Total.Span(1)[0] = total;
        var sums = stage.Run(_inputs, chunk.Hidden, chunk.Next, batch: 1, chunk.Count, total, slot.Slab, slot.Index, importance);
        slot.Length = total;
        chunk.Advance();
        return sums;
    }

    private void StepSlab(int s, KvSlab slab, List<Sequence> set)
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
        var stage = Stage(s);
        // Slots between the occupants run along as dummies: see KvSlab.NextEntry.
        var batch = slab.Extent;
        var entries = _inputs.SeqLens.Span(batch);
        var total = 0;
        for (var b = 0; b < batch; b++)
        {
            entries[b] = slab.NextEntry(b);
            total = Math.Max(total, entries[b] + 1);
        }

        _inputs.Total.Span(1)[0] = total;
        var hidden = _inputs.BatchIn.Span(batch * width);
        hidden.Clear();
        foreach (var sequence in _group)
        {
            sequence.Hidden.CopyTo(hidden[(sequence.Slots[s].Index * width)..]);
        }

        WriteRotary(s, batch);
        ImportanceShape? shape = importance ? _inputs.AskDecode(entries) : null;
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
    private void WriteRotary(int s, int batch)
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
