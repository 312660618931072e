using System.Runtime.ExceptionServices;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding.Devices;
using Sgl.Inference.Internal.Decoding.Lanes;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// The stages of a decoder, and the jobs that go through them. Hidden rows cross borders between devices through the system's memory, and stay on a GPU between its stages
/// (<see cref="DeviceLane"/>); rows of dropped visual tokens stop at the border in front of their prune layer, position ids stay the original ones. Used by the engine thread only; what it posts
/// runs in the lanes.
/// </summary>
internal sealed class Decoder : IDisposable
{
    private readonly LanguageModelConfig _config;
    private readonly IReadOnlyList<IStage> _stages;
    private readonly LaneSet _lanes;
    private readonly IHead _head;
    private readonly EmbeddingTable _embeddings;
    private readonly RotaryTable _rotary;
    private readonly Stack<StepJob> _steps = [];
    private readonly Stack<ChunkRows> _chunks = [];
    private readonly Stack<IHeadRows> _headRows = [];
    private readonly List<IDisposable> _memory = [];
    private readonly bool _graphs;

    /// <param name="config">Decoder configuration.</param>
    /// <param name="stages">First to last.</param>
    /// <param name="head">The head, on the last stage's device.</param>
    /// <param name="embeddings">Token embeddings.</param>
    /// <param name="time">Clock.</param>
    /// <param name="graphs">Whether decode steps on GPUs are captured.</param>
    /// <exception cref="EngineSettingsException">They cannot be: the stages yield importance, or another engine uses one of the GPUs.</exception>
    public Decoder(LanguageModelConfig config, IReadOnlyList<IStage> stages, IHead head, EmbeddingTable embeddings, TimeProvider time, bool graphs = false)
    {
        _graphs = graphs;
        _config = config;
        _stages = stages;
        _head = head;
        _embeddings = embeddings;
        _rotary = new RotaryTable(config.Rope, config.HeadDim);
        EnterGpus();
        _lanes = new LaneSet(CutIntoLanes(), time);
    }

    /// <summary>Devices that can work at the same time.</summary>
    public int Devices => _lanes.Devices;

    /// <summary>What each of them has to do, and did. Can be asked from anywhere.</summary>
    public IReadOnlyList<DeviceLoad> Load => _lanes.Load;

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

    /// <summary>Begins the next chunk of a pass.</summary>
    /// <param name="pass">A pass whose <see cref="ForwardPass.NextRows"/> is not 0.</param>
    /// <param name="most">Rows at most; 0: all that are there.</param>
    /// <param name="answer">What the head is asked for behind the pass's last chunk; null: nothing.</param>
    /// <returns>To be posted, and to be given to <see cref="ForwardPass.End"/> and <see cref="Recycle"/> when it has ended.</returns>
    public ChunkJob Chunk(ForwardPass pass, int most, Func<AnswerRequest>? answer = null)
    {
        var part = pass.Begin(most);
        var request = answer is not null && pass.AllBegun ? answer() : null;
        return new ChunkJob(pass, part, _chunks.TryPop(out var rows) ? rows : Own(new ChunkRows(_rotary, _config.HiddenSize)), _embeddings, _head)
        {
            RowCount = part.Count,
            Answer = request,
            Head = request is null ? null : HeadRows(),
        };
    }

    /// <summary>The head over rows of a pass that is done; to be posted and recycled.</summary>
    public AnswerJob Answer(ForwardPass pass, AnswerRequest request) => new(pass, request, _head, _stages.Count - 1) { RowCount = request.Count, Head = HeadRows() };

    /// <summary>A decode step without sequences; they are added, then <see cref="BeginStep"/> is called.</summary>
    public StepJob Step() => _steps.TryPop(out var step) ? step : new StepJob(_stages.Count, _head) { Head = Own(_head.NewRows()) };

    /// <summary>Feeds each sequence of a step its last id.</summary>
    public void BeginStep(StepJob step)
    {
        foreach (var sequence in step.Set)
        {
            if (sequence.Hidden.Length != _config.HiddenSize)
            {
                sequence.Hidden = new float[_config.HiddenSize];
            }

            _embeddings.Read(sequence.Generated[^1], sequence.Hidden);
            if (sequence.Options.Trace is { } trace)
            {
                trace.DecodePositions.Add(sequence.NextPosition);
                AddTracePass(sequence, trace);
            }
        }

        step.Begin();
    }

    /// <summary>Has a job run; <see cref="Job.Ended"/> hears of its end, with one device before this returns.</summary>
    public void Post(Job job) => _lanes.Post(job);

    /// <summary>Has a job run and waits for its end.</summary>
    /// <exception cref="Exception">What made it fail.</exception>
    public void Run(Job job)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        job.Ended = _ => done.SetResult();
        _lanes.Post(job);
        done.Task.Wait();
        if (job.Error is { } error)
        {
            ExceptionDispatchInfo.Throw(error);
        }
    }

    /// <summary>Takes back the memory of a job that has ended and whose result was read.</summary>
    public void Recycle(Job job)
    {
        switch (job)
        {
            case StepJob step:
                step.Set.Clear();
                _steps.Push(step);
                return;
            case ChunkJob chunk:
                _chunks.Push(chunk.Rows);
                break;
        }

        if (job.Head is { } rows)
        {
            _headRows.Push(rows);
        }
    }

    /// <summary>ln P, raw softmax, of generated ids <paramref name="first"/>.. in a consistency pass.</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="logits">Whether their logits are needed too.</param>
    public static AnswerRequest AnswerIds(Sequence sequence, int first, int count, bool logits = false) =>
        new(first, count, [.. sequence.Generated.Skip(first).Take(count)], logits);

    /// <summary>Ends what brings jobs from device to device: what runs comes to the end of its lane, what waits is let go.</summary>
    public void Stop() => _lanes.Stop();

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
            (_lanes[s] as DeviceLane)?.Collect(sequence, s, decode);
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
        _lanes.Stop();
        foreach (var stage in _stages)
        {
            stage.Dispose();
        }

        _lanes.Dispose();
        _head.Dispose();
        // That of jobs which never ended too.
        _memory.ForEach(memory => memory.Dispose());
        LeaveGpus();
    }

    /// <summary>Why a decode step could not be captured though it was to be; null: all could.</summary>
    public Exception? CaptureFailure => Enumerable.Range(0, _stages.Count).Select(s => (_lanes[s] as DeviceLane)?.CaptureFailure).FirstOrDefault(e => e is not null);

    private void EnterGpus()
    {
        if (_graphs && _stages.OfType<DeviceStage>().FirstOrDefault(stage => stage.HasImportance) is { } reading)
        {
            throw new EngineSettingsException($"{reading.Placement.Device} cannot capture decode steps that read attention: turn Engine:Cuda:Graphs or Engine:Importance off");
        }

        try
        {
            foreach (var stage in _stages.OfType<DeviceStage>())
            {
                CudaDevice.Of(stage.Placement.Device).Enter(this, _graphs);
            }
        }
        catch
        {
            LeaveGpus();
            throw;
        }
    }

    private void LeaveGpus()
    {
        foreach (var stage in _stages.OfType<DeviceStage>())
        {
            CudaDevice.Of(stage.Placement.Device).Leave(this);
        }
    }

    /// <summary>Consecutive stages on one device share a lane.</summary>
    private IEnumerable<ILane> CutIntoLanes()
    {
        for (var s = 0; s < _stages.Count;)
        {
            var device = _stages[s].Placement.Device;
            var mine = _stages.Skip(s).TakeWhile(stage => stage.Placement.Device == device).ToList();
            yield return device.IsCuda
                ? new DeviceLane(_config, s, [.. mine.Cast<DeviceStage>()], _rotary, _graphs)
                : new HostLane(_config, s, [.. mine.Cast<DecoderStage>()], _stages.Count, _rotary);
            s += mine.Count;
        }
    }

    private IHeadRows HeadRows() => _headRows.TryPop(out var rows) ? rows : Own(_head.NewRows());

    private T Own<T>(T memory)
        where T : IDisposable
    {
        _memory.Add(memory);
        return memory;
    }

    /// <summary>A place for a pass's answer rows: where the head is.</summary>
    private AnswerRows Answers(PassRows rows) => new(
        rows.AnswerCount + 1, _config.HiddenSize, _lanes[_stages.Count - 1] is DeviceLane lane ? new DeviceRows(lane.Gpu, _config.HiddenSize, _stages[^1].Kv.Shape.Type) : null);

    /// <summary>A queue in front of a stage: on the GPU where the rows come from and go to.</summary>
    private IRowQueue Queue(int stage) => _lanes[stage] is DeviceLane lane && _lanes[stage - 1] == lane
        ? new DeviceRowQueue(lane.Gpu, _config.HiddenSize, _stages[stage].Kv.Shape.Type)
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
}
