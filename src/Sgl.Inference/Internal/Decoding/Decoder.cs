using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding.Devices;
using Sgl.Inference.Internal.Kv;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// The stages of a decoder and what passes between them. Hidden rows cross borders between devices through the system's memory, and stay on a GPU between its stages
/// (<see cref="DeviceLane"/>); rows of dropped visual tokens stop at the border in front of their prune layer, position ids stay the original ones. Used by the engine thread only.
/// </summary>
internal sealed class Decoder : IDisposable
{
    private readonly LanguageModelConfig _config;
    private readonly IReadOnlyList<IStage> _stages;
    private readonly DeviceLane?[] _lanes;
    private readonly Head? _head;
    private readonly DeviceHead? _deviceHead;
    private readonly EmbeddingTable _embeddings;
    private readonly RotaryTable _rotary;
    private readonly StageInputs _inputs;
    private readonly ImportanceReader _importance;
    private readonly ChunkRows _chunk;
    private readonly List<KvSlab> _slabs = [];
    private readonly List<Sequence> _group = [];

    /// <param name="config">Decoder configuration.</param>
    /// <param name="stages">First to last.</param>
    /// <param name="head">The head, on the last stage's device: a <see cref="Head"/>, or a <see cref="DeviceHead"/> on a GPU.</param>
    /// <param name="embeddings">Token embeddings.</param>
    public Decoder(LanguageModelConfig config, IReadOnlyList<IStage> stages, IHeadRows head, EmbeddingTable embeddings)
    {
        _config = config;
        _stages = stages;
        (_head, _deviceHead) = (head as Head, head as DeviceHead);
        _embeddings = embeddings;
        _rotary = new RotaryTable(config.Rope, config.HeadDim);
        _inputs = new StageInputs(config.DeepStackLayers);
        _importance = new ImportanceReader(_inputs);
        _chunk = new ChunkRows(_rotary, config.HiddenSize);
        _lanes = Lanes();
    }

    public IReadOnlyList<IStage> Stages => _stages;

    /// <summary>Layers, from the first, behind which features are added to visual rows (Qwen3-VL).</summary>
    public int DeepStackLayers => _config.DeepStackLayers;

    /// <summary>Whether passes with these largest positions rotate their keys alike.</summary>
    public bool RotatesAlike(int largest, int other) => largest == other || _rotary.RotatesAlike(largest, other);

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

    /// <summary>Begins a pass over the prompt and the draft behind it, from the first row; the sequence must have its slots.</summary>
    public ForwardPass StartPrefill(Sequence sequence)
    {
        var plan = sequence.VisualPositions.Length == 0 ? [] : sequence.Options.Plan.Steps;
        var fastV = sequence.VisualPositions.Length == 0 ? null : sequence.Options.FastV;
        List<int> borders = [];
        for (var s = 1; s < _stages.Count; s++)
        {
            if (fastV?.Layer == _stages[s].Placement.First || plan.Any(p => p.Layer == _stages[s].Placement.First))
            {
                borders.Add(s);
            }
        }

        var rows = new PassRows(sequence, sequence.Draft);
        var pass = new ForwardPass(
            sequence, rows, Segments(borders, s => plan.FirstOrDefault(p => p.Layer == _stages[s].Placement.First)?.Mask), _config.HiddenSize, Answers(rows))
        {
            AttentionRows = AttentionRows(sequence, fastV),
            Trace = sequence.Options.Trace,
        };
        if (fastV is not null)
        {
            pass.Await(_stages.Index().First(s => s.Item.Placement.First == fastV.Layer).Index);
        }

        if (sequence.Options.Plan.Steps is [.., var step])
        {
            sequence.KeptVisualTokens = step.Mask.Count;
        }

        if (pass.Trace is { } trace)
        {
            AddTracePass(sequence, trace);
            trace.InputEmbeddings = new float[rows.Count * _config.HiddenSize];
            for (var row = 0; row < rows.Count; row++)
            {
                rows.Read(row, _embeddings, trace.InputEmbeddings.AsSpan(row * _config.HiddenSize, _config.HiddenSize));
            }
        }

        return pass;
    }

    /// <summary>
    /// Begins the consistency pass (eq. 8): one teacher-forced forward over the text, the answer and the kept visual tokens, pruned in front of layer 0.
    /// It reuses the sequence's own KV slots, whose contents are no longer needed.
    /// </summary>
    /// <param name="sequence">A finished sequence.</param>
    /// <param name="kept">Visual tokens that take part.</param>
    public ForwardPass StartConsistency(Sequence sequence, KeepMask kept)
    {
        var rows = new PassRows(sequence, sequence.Generated);
        var pass = new ForwardPass(sequence, rows, Segments([], _ => kept), _config.HiddenSize, Answers(rows));
        // Rows in front of the first image see no visual token, so the keys and values that the prefill left are those that this pass would compute.
        var front = _rotary.RotatesAlike(sequence.Positions.Largest, rows.MaxPosition) ? Math.Max(0, sequence.Visual.First) : 0;
        pass.Resume(front, _stages.Count, []);
        SetLengths(sequence, front);
        return pass;
    }

    /// <summary>Runs one chunk of a pass through one segment of the stages; <see cref="Answer"/> tells what follows when the pass is done.</summary>
    /// <param name="pass">A pass that is not done.</param>
    /// <param name="most">Rows at most; 0: all that are there.</param>
    /// <exception cref="OperationCanceledException">The sequence's caller went away.</exception>
    public void Advance(ForwardPass pass, int most)
    {
        var sequence = pass.Sequence;
        var (segment, count) = pass.Next(most);
        var (first, last) = pass.StagesOf(segment);
        pass.Take(segment, _chunk, count, _embeddings);
        for (var s = first; s <= last; s++)
        {
            sequence.Cancelled.ThrowIfCancellationRequested();
            if (_lanes[s] is { } lane)
            {
                var end = Math.Min(last, lane.LastStage);
                lane.Advance(pass, _chunk, s, end);
                s = end;
                continue;
            }

            var placement = _stages[s].Placement;
            pass.Trace?.AddStagePositions(placement.First, pass.Rows, _chunk.Rows);
            var entries = sequence.Slots[s].Length;
            ImportanceShape? shape = pass.AttentionRows is { } asked ? _importance.AskPrefill(asked(s), _chunk.Rows, entries) : null;
            var sums = RunStage(sequence, s, shape);
            if (shape is not null && sequence.Importance is not null)
            {
                _importance.AddPrefill(sequence, placement, sums, entries + count);
            }
            else if (shape is not null)
            {
                // FastV reads the layer in front of its prune layer, which is the last one of this stage.
                var layer = sums.Slice((placement.Count - 1) * (entries + count), entries + count);
                var own = KeepMask.FromImportance(_importance.Columns(layer, sequence.VisualPositions), sequence.Options.FastV!.Ratio);
                sequence.KeptVisualTokens = own.Count;
                pass.Decide(s + 1, own);
            }

            if (s + 1 < _stages.Count)
            {
                pass.Border?.Invoke(s + 1, _chunk.Rows, _chunk.HiddenRows);
            }
        }

        pass.Give(segment, _chunk);
    }

    /// <summary>Runs the head over the rows that predict answer ids <paramref name="first"/>.. in a pass that is done.</summary>
    /// <param name="pass">The pass.</param>
    /// <param name="first">0 is the prompt's last row, 1 the first draft or answer row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="wanted">An id for each row whose probability is asked for; empty: none.</param>
    /// <param name="logits">Whether all logits are needed.</param>
    public IHeadRows Answer(ForwardPass pass, int first, int count, ReadOnlySpan<int> wanted, bool logits)
    {
        if (_deviceHead is not null)
        {
            int[] take = [.. Enumerable.Range(first, count)];
            _deviceHead.Run(pass.Answers.Device!, pass.Answers.Count, take, wanted, logits);
            return _deviceHead;
        }

        pass.Answers.CopyTo(first, count, _head!.Rows.Span(count * _config.HiddenSize));
        _head.Run(count);
        return _head;
    }

    /// <summary>ln P, raw softmax, of generated ids <paramref name="first"/>.. in a consistency pass that is done.</summary>
    /// <param name="pass">The pass.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="result">One number each.</param>
    /// <param name="observe">Receives the logits of each row, for verification.</param>
    public void AnswerLogProbabilities(ForwardPass pass, int first, Span<float> result, Action<ReadOnlySpan<float>>? observe = null)
    {
        int[] ids = [.. pass.Sequence.Generated.Skip(first).Take(result.Length)];
        var rows = Answer(pass, first, ids.Length, ids, logits: observe is not null);
        for (var i = 0; i < ids.Length; i++)
        {
            result[i] = rows.LogProbability(i, ids[i]);
            observe?.Invoke(rows.Logits(i));
        }
    }

    /// <summary>Fetches the attention sums of a sequence that GPUs still hold, and adds them to its importance.</summary>
    public void CollectImportance(Sequence sequence)
    {
        if (sequence.Importance is null)
        {
            return;
        }

        // Nobody asks for the parts any more, only for the whole.
        var decode = sequence.Options.Importance!.Rows.HasFlag(ImportanceRows.Generated);
        for (var s = 0; s < _stages.Count; s++)
        {
            _lanes[s]?.TakeSums(sequence, s, decode);
        }
    }

    /// <summary>Sets how many entries of a sequence's KV caches count, in all stages.</summary>
    public static void SetLengths(Sequence sequence, int entries)
    {
        foreach (var slot in sequence.Slots)
        {
            slot.Length = entries;
        }
    }

    /// <summary>Takes the last entries of a sequence out of all its KV caches.</summary>
    public void Forget(Sequence sequence, int entries)
    {
        foreach (var slot in sequence.Slots)
        {
            slot.Length -= entries;
        }
    }

    /// <summary>Feeds each sequence its last id and runs the head, in the order of <paramref name="set"/>.</summary>
    public IHeadRows Decode(List<Sequence> set)
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
            if (_lanes[s] is { } lane)
            {
                lane.Step(set);
                s = lane.LastStage;
                if (s + 1 < _stages.Count)
                {
                    lane.Download(set);
                }

                continue;
            }

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

        if (_deviceHead is not null)
        {
            var last = _lanes[^1]!;
            int[] take = [.. set.Select(sequence => sequence.StepRow)];
            _deviceHead.Run(last.Output, take.Max() + 1, take, wanted: [], logits: set.Exists(NeedsLogits));
            return _deviceHead;
        }

        var rows = _head!.Rows.Span(set.Count * width);
        for (var i = 0; i < set.Count; i++)
        {
            set[i].Hidden.CopyTo(rows[(i * width)..]);
        }

        _head.Run(set.Count);
        return _head;
    }

    /// <summary>Whether the next choice of a sequence takes more than a GPU finds out.</summary>
    public static bool NeedsLogits(Sequence sequence) => sequence.Options.Trace is not null || !sequence.Chooser!.IsPlain(sequence.Generated.Count);

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

        foreach (var lane in _lanes.OfType<DeviceLane>().Distinct())
        {
            lane.Dispose();
        }

        _head?.Dispose();
        _deviceHead?.Dispose();
        _inputs.Dispose();
        _chunk.Dispose();
    }

    /// <summary>The lane of each stage: consecutive stages on one GPU share one.</summary>
    private DeviceLane?[] Lanes()
    {
        var lanes = new DeviceLane?[_stages.Count];
        for (var s = 0; s < lanes.Length; s++)
        {
            if (lanes[s] is null && _stages[s] is DeviceStage)
            {
                var device = _stages[s].Placement.Device;
                var mine = _stages.Skip(s).TakeWhile(stage => stage.Placement.Device == device).Cast<DeviceStage>().ToList();
                Array.Fill(lanes, new DeviceLane(_config, s, mine, _rotary, _importance), s, mine.Count);
            }
        }

        return lanes;
    }

    /// <summary>A place for a pass's answer rows: where the head is.</summary>
    private AnswerRows Answers(PassRows rows) => new(
        rows.AnswerCount + 1, _config.HiddenSize, _lanes[^1] is { } lane ? new DeviceRows(lane.Device, _config.HiddenSize, _stages[^1].Kv.Shape.Type) : null);

    /// <summary>A queue in front of a stage: on the GPU where the rows come from and go to.</summary>
    private IRowQueue Queue(int stage) => _lanes[stage] is { } lane && _lanes[stage - 1] == lane
        ? new DeviceRowQueue(lane.Device, _config.HiddenSize, _stages[stage].Kv.Shape.Type)
        : new RowQueue(_config.HiddenSize);

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

    /// <summary>Which rows' attention a prefill reads in a stage; null: none in any.</summary>
    private Func<int, (int Start, int End)>? AttentionRows(Sequence sequence, FastVPruning? fastV)
    {
        if (sequence.Importance is not null)
        {
            var rows = sequence.Visual.PrefillRows(sequence.Options.Importance!.Rows);
            return _ => rows;
        }

        if (fastV is null)
        {
            return null;
        }

        var last = sequence.Visual.PrefillRows(ImportanceRows.LastPrompt);
        return s => _stages[s].Placement.Last + 1 == fastV.Layer ? last : (0, 0);
    }

    /// <summary>Segments that begin at stage 0 and at the borders.</summary>
    private List<PassSegment> Segments(IReadOnlyList<int> borders, Func<int, KeepMask?> mask)
    {
        int[] starts = [0, .. borders];
        return [.. starts.Select((first, i) => new PassSegment(
            first, (i + 1 < starts.Length ? starts[i + 1] : _stages.Count) - 1, i == 0 ? null : Queue(first)) { Mask = mask(first) })];
    }

    /// <summary>Runs one stage over the rows of the chunk, behind those that the cache holds already.</summary>
    private ReadOnlySpan<float> RunStage(Sequence sequence, int s, ImportanceShape? importance)
    {
        var slot = sequence.Slots[s];
        _chunk.WriteRotary(_inputs);
        _chunk.WriteDeepStack(_inputs, _stages[s].Placement.First, _stages[s].Placement.Last);
        var total = slot.Length + _chunk.Count;
        _inputs.SeqLens.Span(1)[0] = total - 1;
        _inputs.Total.Span(1)[0] = total;
        var sums = Host(s).Run(_inputs, _chunk.Hidden, _chunk.Next, batch: 1, _chunk.Count, total, slot.Slab, slot.Index, importance);
        slot.Length = total;
        _chunk.Advance();
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
        var stage = Host(s);
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

    private DecoderStage Host(int s) => (DecoderStage)_stages[s];

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
