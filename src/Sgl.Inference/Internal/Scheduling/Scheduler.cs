using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Text;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// One thread that owns the decoder: admits waiting sequences while KV memory and batch have room (one prefill between two decode steps, so that
/// running answers keep flowing), advances all running sequences by one token per step, and finishes those that end.
/// </summary>
internal sealed partial class Scheduler : IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Decoder _decoder;
    private readonly KvBudget _budget;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Func<Sequence, TokenChooser> _choosers;
    private readonly Func<Sequence, StreamingDetokenizer?> _detokenizers;
    private readonly Func<Sequence, IReadOnlyList<int>> _stopIds;
    private readonly int _vocabulary;
    private readonly ConcurrentQueue<Sequence> _arrivals = new();
    private readonly LinkedList<Sequence> _waiting = [];
    private readonly List<Sequence> _running = [];
    private readonly SemaphoreSlim _signal = new(0);
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private volatile bool _closed;
    private int _waitingCount;
    private int _runningCount;

    public Scheduler(
        Decoder decoder,
        KvBudget budget,
        EngineOptions options,
        Func<Sequence, IReadOnlyList<int>> stopIds,
        int vocabulary,
        Func<Sequence, TokenChooser> choosers,
        Func<Sequence, StreamingDetokenizer?> detokenizers,
        TimeProvider time,
        ILogger logger)
    {
        _decoder = decoder;
        _budget = budget;
        _options = options;
        _stopIds = stopIds;
        _vocabulary = vocabulary;
        _choosers = choosers;
        _detokenizers = detokenizers;
        _time = time;
        _logger = logger;
        _thread = new Thread(Loop) { IsBackground = true, Name = "sgl-engine" };
        _thread.Start();
    }

    public int Running => Volatile.Read(ref _runningCount);

    public int Waiting => Volatile.Read(ref _waitingCount);

    /// <summary>Queues a sequence.</summary>
    /// <exception cref="EngineOverloadedException">The queue is full.</exception>
    public void Submit(Sequence sequence)
    {
        // What is queued before the end is seen by the thread's last look at the queue; what comes later is refused here.
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(VlmEngine));
            if (Interlocked.Increment(ref _waitingCount) > _options.MaxQueue)
            {
                Interlocked.Decrement(ref _waitingCount);
                throw new EngineOverloadedException($"{_options.MaxQueue} requests are waiting already", RetryAfter);
            }

            _arrivals.Enqueue(sequence);
            _signal.Release();
        }
    }

    /// <summary>Wakes the thread, e.g. because a caller went away.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _signal.Release();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            _signal.Release();
        }

        _thread.Join();
        _signal.Dispose();
    }

    private void Loop()
    {
        while (!_closed)
        {
            if (_running.Count == 0 && _waiting.Count == 0 && _arrivals.IsEmpty)
            {
                _signal.Wait();
                continue;
            }

            TakeArrivals();
            DropCancelled();
            AdmitOne();
            Step();
        }

        foreach (var sequence in _running.Concat(_waiting).Concat(_arrivals))
        {
            sequence.Events.Writer.TryComplete(new ObjectDisposedException(nameof(VlmEngine)));
        }
    }

    private void TakeArrivals()
    {
        while (_arrivals.TryDequeue(out var sequence))
        {
            _waiting.AddLast(sequence);
        }
    }

    private void DropCancelled()
    {
        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            if (node.Value.Cancelled.IsCancellationRequested)
            {
                RemoveWaiting(node);
                Fail(node.Value, new OperationCanceledException(node.Value.Cancelled));
            }

            node = next;
        }

        foreach (var sequence in _running.Where(s => s.Cancelled.IsCancellationRequested).ToList())
        {
            Fail(sequence, new OperationCanceledException(sequence.Cancelled));
        }
    }

    private void AdmitOne()
    {
        if (_waiting.First is not { } node || _running.Count >= _options.MaxBatch)
        {
            return;
        }

        var sequence = node.Value;
        try
        {
            if (!TryReserve(sequence))
            {
                if (_running.Count > 0)
                {
                    return;
                }

                // Nothing runs and it still does not fit: it never will.
                throw new RequestException("sampling.max_new_tokens", TooLarge(sequence));
            }

            RemoveWaiting(node);
            _running.Add(sequence);
            Volatile.Write(ref _runningCount, _running.Count);
            sequence.AdmittedAt = _time.GetTimestamp();
            sequence.Chooser = _choosers(sequence);
            sequence.Detokenizer = _detokenizers(sequence);
            var logits = _decoder.Prefill(sequence);
            sequence.PrefillTime = _time.GetElapsedTime(sequence.AdmittedAt);
            sequence.TimeToFirstToken = _time.GetElapsedTime(sequence.SubmittedAt);
            Advance(sequence, logits);
            if (sequence.Finish is not null)
            {
                Complete(sequence);
            }
        }
        catch (Exception e)
        {
            if (node.List is not null)
            {
                RemoveWaiting(node);
            }

            Fail(sequence, e);
        }
    }

    private void Step()
    {
        if (_running.Count == 0)
        {
            return;
        }

        var set = _running.ToArray();
        var start = _time.GetTimestamp();
        ReadOnlySpan<float> logits;
        try
        {
            logits = _decoder.Decode(set);
        }
        catch (Exception e)
        {
            // The step failed as a whole: none of its sequences can go on.
            foreach (var sequence in set)
            {
                Fail(sequence, e);
            }

            return;
        }

        var elapsed = _time.GetElapsedTime(start);
        var finished = new List<Sequence>();
        for (var i = 0; i < set.Length; i++)
        {
            try
            {
                set[i].DecodeTime += elapsed;
                Advance(set[i], logits.Slice(i * _vocabulary, _vocabulary));
                if (set[i].Finish is not null)
                {
                    finished.Add(set[i]);
                }
            }
            catch (Exception e)
            {
                Fail(set[i], e);
            }
        }

        // Only now: a consistency pass runs the head, which overwrites the logits of the sequences that had not been advanced yet.
        finished.ForEach(Complete);
    }

    /// <summary>Chooses the next id, tells the client, and sets <see cref="Sequence.Finish"/> where the sequence ends.</summary>
    private void Advance(Sequence sequence, ReadOnlySpan<float> logits)
    {
        sequence.Options.Trace?.StepLogits.Add(logits.ToArray());
        var choice = sequence.Chooser!.Choose(logits, sequence.Generated.Count);
        sequence.Generated.Add(choice.Id);
        sequence.LogProbabilities.Add(choice.LogProbability);
        sequence.Entropies.Add(choice.Entropy);
        var text = "";
        if (_stopIds(sequence).Contains(choice.Id))
        {
            sequence.Finish = FinishReason.Stop;
        }
        else
        {
            text = sequence.Detokenizer?.Push(choice.Id) ?? "";
            sequence.Finish = sequence.Detokenizer?.Stopped == true ? FinishReason.Stop
                : sequence.Generated.Count >= sequence.Options.Sampling.MaxNewTokens ? FinishReason.Length
                : null;
        }

        if (sequence.Finish is not null)
        {
            text += sequence.Detokenizer?.Flush() ?? "";
        }

        sequence.Answer.Append(text);
        sequence.Events.Writer.TryWrite(new GenerationEvent.Token(sequence.Generated.Count - 1, choice.Id, text, choice.LogProbability));
    }

    private void Complete(Sequence sequence)
    {
        try
        {
            var usage = new GenerationUsage
            {
                PromptTokens = sequence.Prompt.Ids.Length,
                VisualTokens = sequence.Prompt.VisualTokenCount,
                KeptVisualTokens = sequence.KeptVisualTokens,
                GeneratedTokens = sequence.Generated.Count,
                KvLengths = _decoder.KvLengths(sequence),
                KvBytes = KvBytes(sequence),
            };
            var importance = sequence.Importance?.Total();
            var start = _time.GetTimestamp();
            var scores = Scores(sequence, importance);
            var consistency = scores is null ? TimeSpan.Zero : _time.GetElapsedTime(start);
            if (sequence.Options.Trace is { } trace)
            {
                foreach (var ratio in importance is null ? [] : trace.ConsistencyRatios)
                {
                    TraceConsistency(sequence, trace, ratio, KeepMask.FromImportance(importance, ratio));
                }

                trace.ImportancePrefill = sequence.Importance?.Prefill.ToArray() ?? [];
                trace.ImportanceDecode = sequence.Importance?.Decode.ToArray() ?? [];
                trace.LogProbabilities = [.. sequence.LogProbabilities];
            }

            sequence.Events.Writer.TryWrite(new GenerationEvent.Completed(new GenerationResult
            {
                Text = sequence.Answer.ToString().Trim(),
                TokenIds = [.. sequence.Generated],
                FinishReason = sequence.Finish!.Value,
                Importance = importance,
                Scores = scores,
                Usage = usage,
                Timings = new PhaseTimings
                {
                    Queue = _time.GetElapsedTime(sequence.SubmittedAt, sequence.AdmittedAt),
                    Preprocess = sequence.Prompt.PreprocessTime,
                    Vision = sequence.Prompt.VisionTime,
                    Prefill = sequence.PrefillTime,
                    Decode = sequence.DecodeTime,
                    Consistency = consistency,
                    TimeToFirstToken = sequence.TimeToFirstToken,
                    Total = _time.GetElapsedTime(sequence.SubmittedAt),
                },
            }));
            sequence.Events.Writer.TryComplete();
            Release(sequence);
        }
        catch (Exception e)
        {
            Fail(sequence, e);
        }
    }

    private ExitScoreSet? Scores(Sequence sequence, float[]? importance)
    {
        if (sequence.Options.ConsistencyRatio is not { } ratio)
        {
            return null;
        }

        // Without an image nothing can be pruned: the pass would repeat the generation, so the answer is as consistent as it is probable.
        var pruned = importance is null
            ? [.. sequence.LogProbabilities]
            : _decoder.Consistency(sequence, KeepMask.FromImportance(importance, ratio));
        return ExitScores.Of(
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(sequence.LogProbabilities),
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(sequence.Entropies),
            _vocabulary,
            pruned);
    }

    private void TraceConsistency(Sequence sequence, GenerationTrace trace, double ratio, KeepMask kept)
    {
        int[][] positions = [];
        float[] logits = [];
        var logProbabilities = _decoder.Consistency(sequence, kept, (p, l) => (positions, logits) = (p, l.ToArray()));
        trace.Consistency.Add(new ConsistencyTrace(ratio, kept.Indices(), positions, logProbabilities, logits));
    }

    private bool TryReserve(Sequence sequence)
    {
        if (TryTakeSlots(sequence))
        {
            return true;
        }

        foreach (var stage in _decoder.Stages)
        {
            stage.Kv.Trim();
        }

        return TryTakeSlots(sequence);
    }

    private bool TryTakeSlots(Sequence sequence)
    {
        var entries = _decoder.EntriesNeeded(sequence);
        var bytes = entries.Select((e, s) => _decoder.Stages[s].Kv.SmallestBytes(e)).Sum();
        // New slabs get slots for sequences to come, in all stages the same number, and leave half of the memory to other lengths. One that needs
        // more than half gets slots for itself, so whatever fits into the budget is served.
        var newSlots = (int)Math.Clamp(_budget.Free / 2 / bytes, 1, _options.MaxBatch);
        var slots = new List<KvSlot>(entries.Length);
        for (var s = 0; s < entries.Length; s++)
        {
            if (_decoder.Stages[s].Kv.TryTake(entries[s], newSlots) is not { } slot)
            {
                slots.ForEach(KvPool.Release);
                return false;
            }

            slots.Add(slot);
        }

        sequence.Slots = [.. slots];
        return true;
    }

    private string TooLarge(Sequence sequence)
    {
        var entries = _decoder.EntriesNeeded(sequence);
        var bytes = entries.Select((e, s) => _decoder.Stages[s].Kv.SmallestBytes(e)).Sum();
        return $"prompt of {sequence.Prompt.Ids.Length} tokens and {sequence.Options.Sampling.MaxNewTokens} new ones need {bytes >> 20} MiB of KV memory, "
            + $"the engine has {_budget.Bytes >> 20} MiB (KvBudgetMiB)";
    }

    private long KvBytes(Sequence sequence) => sequence.Slots.Select((slot, s) => slot.Length * _decoder.Stages[s].Kv.Shape.BytesPerToken).Sum();

    private void RemoveWaiting(LinkedListNode<Sequence> node)
    {
        _waiting.Remove(node);
        Interlocked.Decrement(ref _waitingCount);
    }

    private void Release(Sequence sequence)
    {
        foreach (var slot in sequence.Slots)
        {
            KvPool.Release(slot);
        }

        sequence.Slots = [];
        _running.Remove(sequence);
        Volatile.Write(ref _runningCount, _running.Count);
    }

    private void Fail(Sequence sequence, Exception error)
    {
        if (error is not (OperationCanceledException or RequestException))
        {
            LogFailed(error);
        }

        sequence.Finish ??= FinishReason.Stop;
        sequence.Events.Writer.TryComplete(error);
        Release(sequence);
    }

    [LoggerMessage(EventId = 1, EventName = "SequenceFailed", Level = LogLevel.Error, Message = "A sequence failed in the engine.")]
    private partial void LogFailed(Exception error);
}
