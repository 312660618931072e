using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding.Lanes;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>
/// Consecutive stages on one GPU. Rows come in once, go from stage to stage in its memory, and what a step needs beside them is copied there in one piece. The processor asks for
/// run after run and waits for none of them, unless rows go on to another device.
/// </summary>
internal sealed class DeviceLane : ILane
{
    private readonly LanguageModelConfig _config;
    private readonly DeviceStage[] _stages;
    private readonly RotaryTable _rotary;
    private readonly DeviceInputs _inputs;
    private readonly DeviceRows[] _rows;
    private readonly ImportanceReader _importance = new();
    private readonly ImportanceReader _collected = new();
    private readonly List<KvSlab> _slabs = [];
    private readonly List<SlabStep> _steps = [];
    private readonly StepGraphs? _graphs;
    private float[] _left = [];

    /// <param name="config">Decoder configuration.</param>
    /// <param name="firstStage">Number of the first stage.</param>
    /// <param name="stages">The stages.</param>
    /// <param name="rotary">Rotary tables.</param>
    /// <param name="graphs">Whether steps are captured.</param>
    public DeviceLane(LanguageModelConfig config, int firstStage, IReadOnlyList<DeviceStage> stages, RotaryTable rotary, bool graphs)
    {
        _config = config;
        _stages = [.. stages];
        _rotary = rotary;
        (FirstStage, LastStage) = (firstStage, firstStage + stages.Count - 1);
        Gpu = CudaDevice.Of(stages[0].Placement.Device);
        var type = stages[0].Kv.Shape.Type;
        _inputs = new DeviceInputs(Gpu, type);
        _rows = [new DeviceRows(Gpu, config.HiddenSize, type), new DeviceRows(Gpu, config.HiddenSize, type)];
        Output = _rows[0];
        _graphs = graphs ? new StepGraphs(Gpu) : null;
    }

    /// <summary>The GPU.</summary>
    public CudaDevice Gpu { get; }

    public DeviceId Device => Gpu.Id;

    public int FirstStage { get; }

    public int LastStage { get; }

    /// <summary>Why a step could not be captured; null: all could, or none was to be.</summary>
    public Exception? CaptureFailure => _graphs?.Failure;

    /// <summary>What the last stage left, until the next run.</summary>
    public DeviceRows Output { get; private set; }

    public void Advance(ForwardPass pass, ChunkRows chunk, int first, int last)
    {
        var sequence = pass.Sequence;
        var (count, half) = (chunk.Count, _rotary.Width);
        _inputs.Begin();
        // Rows of this GPU's own queues are taken where they are; all others come from the system's memory.
        var place = chunk.Place?.Device == Gpu ? chunk.Place : null;
        Placed? host = place is null ? _inputs.Rows(chunk.HiddenRows) : null;
        var numbers = _inputs.Numbers(count);
        var take = place is null ? numbers : _inputs.Copy(chunk.Take);
        var (cos, sin) = _inputs.AddTwo<float>(count * half, out var cosines, out var sines);
        chunk.WriteRotary(cosines, sines);
        var runs = new (Placed Lengths, int Total, (Placed Rows, Placed Limit, Placed Weight, int Count)? Asked, Placed[] DeepStack)[last - first + 1];
        for (var s = first; s <= last; s++)
        {
            pass.Trace?.AddStagePositions(Stage(s).Placement.First, pass.Rows, chunk.Rows);
            var entries = sequence.Slots[s].Length;
            runs[s - first] = (
                _inputs.Add(entries + count - 1),
                entries + count,
                pass.AttentionRows is { } asked ? Ask(asked(s), chunk.Rows, entries) : null,
                DeepStack(chunk, Stage(s)));
        }

        _inputs.Upload();
        for (var s = first; s <= last; s++)
        {
            sequence.Cancelled.ThrowIfCancellationRequested();
            var (lengths, total, asked, deepStack) = runs[s - first];
            var slot = sequence.Slots[s];
            var target = Next(count);
            Stage(s).Run(
                new StageRun(
                    host is { } uploaded && s == first ? _inputs.Tensor(uploaded, count, _config.HiddenSize)
                    : s == first ? _inputs.Own(place!.Tensor(0, chunk.PlaceRows))
                    : _inputs.Own(Output.Tensor(0, count)),
                    _inputs.Tensor(s == first ? take : numbers, 1, count),
                    _inputs.Tensor(cos, count, half),
                    _inputs.Tensor(sin, count, half),
                    _inputs.Tensor(numbers, 1, count),
                    _inputs.Tensor(lengths, 1),
                    total,
                    [.. deepStack.Select(d => _inputs.Tensor(d, count, _config.HiddenSize))],
                    _inputs.Own(target.Tensor(0, count)))
                {
                    Importance = asked is var (rows, limit, weight, asks) ? (_inputs.Tensor(rows, asks), _inputs.Tensor(limit, 1, asks), _inputs.Tensor(weight, 1, 1, asks)) : null,
                },
                slot.Slab, slot.Index, batch: 1);
            Output = target;
            slot.Length = total;
            if (asked is not null)
            {
                Read(pass, s, total);
            }
        }

        chunk.LieIn(Output);
    }

    /// <summary>Nobody waits; the rows are in <see cref="Output"/>, each at <see cref="Sequence.StepRow"/>.</summary>
    public void Step(List<Sequence> set)
    {
        var (count, width, half) = (set.Count, _config.HiddenSize, _rotary.Width);
        _inputs.Begin();
        var hidden = AddHidden(set);
        var (cos, sin) = _inputs.AddTwo<float>(count * half, out var cosines, out var sines);
        Span<int> position = stackalloc int[_rotary.Axes];
        for (var i = 0; i < count; i++)
        {
            // Each sequence's own last position decides between short and long factors.
            position.Fill(set[i].NextPosition);
            _rotary.Compute(position, set[i].NextPosition, cosines.Slice(i * half, half), sines.Slice(i * half, half));
            set[i].StepRow = i;
        }

        var nothing = _config.DeepStackLayers > 0 ? _inputs.Rows(new float[width]) : default;
        var zero = _inputs.Add(0L);
        Plan(set);
        _inputs.Upload();
        var inputs = new StepInputs(hidden, cos, sin, nothing, zero);
        if (_graphs is null)
        {
            RunStages(inputs, count);
        }
        else
        {
            // Steps of a kind must read and write the same places.
            Reserve();
            WriteKey(_graphs.Key, count);
            _graphs.Run(() =>
            {
                Output = _rows[1];
                RunStages(inputs, count);
            });
            Output = _rows[(_stages.Length - 1) % 2];
        }

        foreach (var sequence in set)
        {
            for (var s = FirstStage; s <= LastStage; s++)
            {
                sequence.Slots[s].Length++;
                if (sequence.Options.Trace is not null)
                {
                    TakeSums(sequence, s, decode: true, _importance);
                }
            }
        }
    }

    /// <summary>Waits for the step, once for all rows.</summary>
    public void Leave(List<Sequence> set)
    {
        var width = _config.HiddenSize;
        var rows = 1 + set.Max(sequence => sequence.StepRow);
        if (_left.Length < rows * width)
        {
            _left = new float[rows * width];
        }

        Output.Read(0, _left.AsSpan(0, rows * width));
        foreach (var sequence in set)
        {
            _left.AsSpan(sequence.StepRow * width, width).CopyTo(sequence.Hidden);
        }
    }

    /// <summary>Adds the attention sums of a sequence that is under way nowhere to its importance, and begins them anew: for the engine thread. Waits for the runs before.</summary>
    public void Collect(Sequence sequence, int stage, bool decode) => TakeSums(sequence, stage, decode, _collected);

    public void Dispose()
    {
        _graphs?.Dispose();
        _inputs.Dispose();
        foreach (var rows in _rows)
        {
            rows.Dispose();
        }
    }

    /// <summary>Asks for the runs of the step that is planned.</summary>
    private void RunStages(StepInputs inputs, int count)
    {
        var (width, half) = (_config.HiddenSize, _rotary.Width);
        var (stage, rows) = (-1, 0);
        DeviceRows? source = null;
        foreach (var step in _steps)
        {
            if (step.Stage != stage)
            {
                (source, rows) = stage < 0 ? (null, count) : (Output, Rows(stage));
                stage = step.Stage;
                Output = Next(Rows(stage));
            }

            var run = new StageRun(
                source is null ? _inputs.Tensor(inputs.Hidden, count, width) : _inputs.Own(source.Tensor(0, rows)),
                _inputs.Tensor(step.Take, step.Batch, 1),
                _inputs.Tensor(inputs.Cos, count, half),
                _inputs.Tensor(inputs.Sin, count, half),
                _inputs.Tensor(step.RopeRows, step.Batch, 1),
                _inputs.Tensor(step.Lengths, step.Batch),
                step.Total,
                [.. Stage(stage).DeepStackLayers.Select(_ => _inputs.Tensor(inputs.Nothing, 1, width))],
                _inputs.Own(Output.Tensor(step.FirstRow, step.Batch)))
            {
                Importance = step.Asked is var (limit, weight) ? (_inputs.Tensor(inputs.Zero, 1), _inputs.Tensor(limit, step.Batch, 1), _inputs.Tensor(weight, step.Batch, 1, 1)) : null,
            };
            Stage(stage).Run(run, step.Slab, firstSlot: 0, step.Batch);
        }
    }

    /// <summary>Makes room for the rows of every stage, so that nothing moves while they run.</summary>
    private void Reserve()
    {
        var most = 0;
        for (var s = FirstStage; s <= LastStage; s++)
        {
            most = Math.Max(most, Rows(s));
        }

        foreach (var rows in _rows)
        {
            rows.Reserve(most);
        }
    }

    /// <summary>What tells the step that is planned from others: how many rows, in which slabs, and where everything lies.</summary>
    private void WriteKey(List<long> key, int count)
    {
        key.AddRange([count, _inputs.Address, _rows[0].Address, _rows[1].Address]);
        foreach (var step in _steps)
        {
            key.AddRange([step.Stage, step.Slab.Number, step.Batch, step.FirstRow]);
        }
    }

    /// <summary>Rows that a stage puts out in the step that is planned.</summary>
    private int Rows(int stage)
    {
        var rows = 0;
        foreach (var step in _steps)
        {
            rows += step.Stage == stage ? step.Batch : 0;
        }

        return rows;
    }

    private DeviceStage Stage(int number) => _stages[number - FirstStage];

    private void TakeSums(Sequence sequence, int stage, bool decode, ImportanceReader reader)
    {
        if (sequence.Importance is null)
        {
            return;
        }

        var slot = sequence.Slots[stage];
        var sums = slot.Slab.ReadSums(slot.Index);
        reader.Add(sequence, Stage(stage).Placement, sums, slot.Slab.Capacity, decode);
        slot.Slab.ClearSums(slot.Index);
    }

    /// <summary>The buffer that is not <see cref="Output"/>.</summary>
    private DeviceRows Next(int count)
    {
        var next = ReferenceEquals(Output, _rows[0]) ? _rows[1] : _rows[0];
        next.Reserve(count);
        return next;
    }

    private (Placed Rows, Placed Limit, Placed Weight, int Count)? Ask((int Start, int End) asked, ReadOnlySpan<int> rows, int entries)
    {
        var (first, count) = ImportanceReader.Chosen(asked, rows);
        if (count <= 0)
        {
            return null;
        }

        var (chosen, limit) = _inputs.AddTwo<long>(count, out var numbers, out var limits);
        for (var i = 0; i < count; i++)
        {
            numbers[i] = first + i;
            // The last key a row may see is its own.
            limits[i] = entries + numbers[i];
        }

        var weight = _inputs.Add<float>(count, out var weights);
        weights.Fill(1);
        return (chosen, limit, weight, count);
    }

    /// <summary>What somebody wants to know of the sums now: verification of each pass, FastV of the layer in front of its prune layer.</summary>
    private void Read(ForwardPass pass, int stage, int total)
    {
        var sequence = pass.Sequence;
        if (sequence.Importance is not null)
        {
            if (sequence.Options.Trace is not null)
            {
                TakeSums(sequence, stage, decode: false, _importance);
            }

            return;
        }

        var slot = sequence.Slots[stage];
        var layer = slot.Slab.ReadSums(slot.Index).AsSpan((Stage(stage).Placement.Count - 1) * slot.Slab.Capacity, total);
        var own = KeepMask.FromImportance(_importance.Columns(layer, sequence.VisualPositions), sequence.Options.FastV!.Ratio);
        slot.Slab.ClearSums(slot.Index);
        sequence.KeptVisualTokens = own.Count;
        pass.Decide(stage + 1, own);
    }

    private Placed[] DeepStack(ChunkRows chunk, DeviceStage stage)
    {
        var placed = new Placed[stage.DeepStackLayers.Count];
        var rows = placed.Length == 0 ? [] : new float[chunk.Count * _config.HiddenSize];
        for (var i = 0; i < placed.Length; i++)
        {
            chunk.ReadDeepStack(stage.DeepStackLayers[i], rows);
            placed[i] = _inputs.Rows(rows);
        }

        return placed;
    }

    private Placed AddHidden(List<Sequence> set)
    {
        var width = _config.HiddenSize;
        var rows = new float[set.Count * width];
        for (var i = 0; i < set.Count; i++)
        {
            set[i].Hidden.CopyTo(rows.AsSpan(i * width));
        }

        return _inputs.Rows(rows);
    }

    /// <summary>
    /// Which rows run in which slots, stage by stage and slab by slab. Slots between the occupants run along as dummies: see <see cref="KvSlab.NextEntry"/>.
    /// </summary>
    private void Plan(List<Sequence> set)
    {
        _steps.Clear();
        for (var s = FirstStage; s <= LastStage; s++)
        {
            _slabs.Clear();
            var firstRow = 0;
            foreach (var sequence in set)
            {
                var slab = sequence.Slots[s].Slab;
                if (_slabs.Contains(slab))
                {
                    continue;
                }

                _slabs.Add(slab);
                var step = Plan(set, s, slab, firstRow);
                firstRow += step.Batch;
                _steps.Add(step);
            }

            // Only now: the rows of this stage's runs are read by those of the next.
            foreach (var step in _steps)
            {
                if (step.Stage == s)
                {
                    set.ForEach(q => q.StepRow = q.Slots[s].Slab == step.Slab ? step.FirstRow + q.Slots[s].Index : q.StepRow);
                }
            }
        }
    }

    private SlabStep Plan(List<Sequence> set, int s, KvSlab slab, int firstRow)
    {
        var batch = slab.Extent;
        var (take, rope) = _inputs.AddTwo<long>(batch, out var rows, out var ropeRows);
        rows.Clear();
        ropeRows.Clear();
        var asks = false;
        for (var i = 0; i < set.Count; i++)
        {
            var slot = set[i].Slots[s];
            if (slot.Slab == slab)
            {
                (rows[slot.Index], ropeRows[slot.Index]) = (set[i].StepRow, i);
                asks |= Counts(set[i]);
            }
        }

        var lengths = _inputs.Add<int>(batch, out var entries);
        var total = 0;
        for (var b = 0; b < batch; b++)
        {
            entries[b] = slab.NextEntry(b);
            total = Math.Max(total, entries[b] + 1);
        }

        // What is captured has to hold for every length: the kernels are told each sequence's own.
        total = _graphs is null ? total : slab.Capacity;
        return new SlabStep(s, slab, batch, firstRow, take, rope, lengths, total) { Asked = asks ? AskStep(set, s, slab, batch) : null };
    }

    private (Placed Limit, Placed Weight) AskStep(List<Sequence> set, int s, KvSlab slab, int batch)
    {
        var limit = _inputs.Add<long>(batch, out var limits);
        for (var b = 0; b < batch; b++)
        {
            limits[b] = slab.NextEntry(b);
        }

        var weight = _inputs.Add<float>(batch, out var weights);
        weights.Clear();
        foreach (var sequence in set)
        {
            if (sequence.Slots[s].Slab == slab && Counts(sequence))
            {
                weights[sequence.Slots[s].Index] = 1;
            }
        }

        return (limit, weight);
    }

    /// <summary>Whether the attention of generated rows counts.</summary>
    private static bool Counts(Sequence sequence) => sequence.Importance is not null && sequence.Options.Importance!.Rows.HasFlag(ImportanceRows.Generated);

    /// <summary>Inputs that all runs of a step share.</summary>
    private readonly record struct StepInputs(Placed Hidden, Placed Cos, Placed Sin, Placed Nothing, Placed Zero);

    private sealed record SlabStep(int Stage, KvSlab Slab, int Batch, int FirstRow, Placed Take, Placed RopeRows, Placed Lengths, int Total)
    {
        public (Placed Limit, Placed Weight)? Asked { get; init; }
    }
}
