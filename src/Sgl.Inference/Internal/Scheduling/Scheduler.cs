using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Prefixes;
using Sgl.Inference.Internal.Tracing;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// One thread that owns the decoder. Each turn it runs a chunk of rows of what is no decode step (consistency passes, prefills; it admits waiting sequences
/// while KV memory and batch have room), then advances all sequences that decode by one token: a long prompt delays the answers of others by a chunk a token.
/// </summary>
internal sealed partial class Scheduler : IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Decoder _decoder;
    private readonly Admission _admission;
    private readonly TokenEmitter _emitter;
    private readonly ResultBuilder _results;
    private readonly PrefixReuse? _reuse;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentQueue<Sequence> _arrivals = new();
    private readonly LinkedList<Sequence> _waiting = [];
    private readonly List<Sequence> _running = [];
    private readonly LinkedList<Sequence> _working = [];
    private readonly List<Sequence> _step = [];
    private readonly List<Sequence> _finished = [];
    private readonly SemaphoreSlim _signal = new(0);
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private volatile bool _closed;
    private long _rows;
    private int _waitingCount;
    private int _runningCount;

    public Scheduler(
        Decoder decoder, Admission admission, TokenEmitter emitter, ResultBuilder results, PrefixReuse? reuse, EngineOptions options, TimeProvider time, ILogger logger)
    {
        _decoder = decoder;
        _admission = admission;
        _emitter = emitter;
        _results = results;
        _reuse = reuse;
        _options = options;
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
            // Places in the batch that are free will be taken from the queue, but only by the engine's thread.
            if (Interlocked.Increment(ref _waitingCount) + Running > _options.MaxQueue + _options.MaxBatch)
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
            Work();
            Step();
        }

        foreach (var sequence in _running.Concat(_waiting).Concat(_arrivals))
        {
            sequence.Work?.Dispose();
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

        for (var i = _running.Count - 1; i >= 0; i--)
        {
            if (_running[i].Cancelled.IsCancellationRequested)
            {
                Fail(_running[i], new OperationCanceledException(_running[i].Cancelled));
            }
        }
    }

    /// <summary>Runs up to a chunk of rows: the pieces of one sequence until it is done, then the next one's. A piece that does not fit any more waits for the next turn.</summary>
    private void Work()
    {
        var chunk = _options.PrefillChunk;
        var left = chunk;
        while ((_working.First?.Value ?? Admit()) is { } sequence)
        {
            try
            {
                var rows = sequence.Work!.NextRows(chunk);
                if (rows > left && left < chunk)
                {
                    return;
                }

                var finished = sequence.Work.Run(chunk);
                _rows += rows;
                left -= rows;
                if (finished)
                {
                    Finished(sequence);
                }
            }
            catch (Exception e)
            {
                Fail(sequence, e);
                return;
            }

            if (left <= 0)
            {
                return;
            }
        }
    }

    /// <summary>A sequence's work is done: it decodes from now on, or has ended.</summary>
    private void Finished(Sequence sequence)
    {
        var work = sequence.Work!;
        _working.Remove(sequence);
        sequence.Work = null;
        sequence.RowsAtLastToken = _rows;
        using (work)
        {
            if (work is ConsistencyWork consistency)
            {
                Complete(sequence, consistency);
            }
            else if (sequence.Finish is not null)
            {
                End(sequence);
            }
        }
    }

    /// <summary>Takes the first waiting sequence into the batch; null where there is none, or no room.</summary>
    private Sequence? Admit()
    {
        if (_waiting.First is not { } node || _running.Count >= _options.MaxBatch)
        {
            return null;
        }

        var sequence = node.Value;
        try
        {
            if (!_admission.TryReserve(sequence))
            {
                if (_running.Count > 0)
                {
                    return null;
                }

                // Nothing runs and it still does not fit: it never will.
                throw new EngineRequestException("sampling.max_new_tokens", _admission.TooLarge(sequence));
            }

            RemoveWaiting(node);
            _running.Add(sequence);
            Volatile.Write(ref _runningCount, _running.Count);
            sequence.AdmittedAt = _time.GetTimestamp();
            _emitter.Prepare(sequence);
            sequence.Work = new PrefillWork(sequence, _decoder, _emitter, _reuse, _time);
            _working.AddLast(sequence);
            return sequence;
        }
        catch (Exception e)
        {
            if (node.List is not null)
            {
                RemoveWaiting(node);
            }

            Fail(sequence, e);
            return null;
        }
    }

    private void Step()
    {
        var set = _step;
        set.Clear();
        foreach (var sequence in _running)
        {
            if (sequence.Work is null)
            {
                set.Add(sequence);
            }
        }

        if (set.Count == 0)
        {
            return;
        }

        var start = _time.GetTimestamp();
        IHeadRows rows;
        try
        {
            rows = _decoder.Decode(set);
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
        _finished.Clear();
        for (var i = 0; i < set.Count; i++)
        {
            try
            {
                set[i].DecodeTime += elapsed;
                set[i].RowsBetweenTokens = Math.Max(set[i].RowsBetweenTokens, (int)(_rows - set[i].RowsAtLastToken));
                set[i].RowsAtLastToken = _rows;
                _emitter.Advance(set[i], rows, i);
                if (set[i].Finish is not null)
                {
                    _finished.Add(set[i]);
                }
            }
            catch (Exception e)
            {
                Fail(set[i], e);
            }
        }

        // Only now: verification runs the head in here, which overwrites the logits of the sequences that had not been advanced yet.
        foreach (var sequence in _finished)
        {
            End(sequence);
        }
    }

    /// <summary>A sequence has its last token. Its consistency pass goes in front of prefills: it is short, and its slots are free soon.</summary>
    private void End(Sequence sequence)
    {
        sequence.EndedAt = _time.GetTimestamp();
        try
        {
            if (_results.Begin(sequence) is { } consistency)
            {
                sequence.Work = consistency;
                AddBehindConsistencyPasses(sequence);
                return;
            }
        }
        catch (Exception e)
        {
            Fail(sequence, e);
            return;
        }

        Complete(sequence, consistency: null);
    }

    private void AddBehindConsistencyPasses(Sequence sequence)
    {
        var node = _working.First;
        while (node?.Value.Work is ConsistencyWork)
        {
            node = node.Next;
        }

        if (node is null)
        {
            _working.AddLast(sequence);
        }
        else
        {
            _working.AddBefore(node, sequence);
        }
    }

    private void Complete(Sequence sequence, ConsistencyWork? consistency)
    {
        try
        {
            var result = _results.Of(sequence, consistency);
            EngineActivity.Tell(sequence, consistency, failure: null, _time);
            sequence.Events.Writer.TryWrite(new GenerationEvent.Completed(result));
            sequence.Events.Writer.TryComplete();
            Release(sequence);
        }
        catch (Exception e)
        {
            Fail(sequence, e);
        }
    }

    private void RemoveWaiting(LinkedListNode<Sequence> node)
    {
        _waiting.Remove(node);
        Interlocked.Decrement(ref _waitingCount);
    }

    private void Release(Sequence sequence)
    {
        if (sequence.Work is { } work)
        {
            _working.Remove(sequence);
            sequence.Work = null;
            work.Dispose();
        }

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
        if (error is not (OperationCanceledException or EngineRequestException))
        {
            LogFailed(error);
        }

        EngineActivity.Tell(sequence, sequence.Work as ConsistencyWork, error, _time);
        sequence.Finish ??= FinishReason.Stop;
        sequence.Events.Writer.TryComplete(error);
        Release(sequence);
    }

    [LoggerMessage(EventId = 1, EventName = "SequenceFailed", Level = LogLevel.Error, Message = "A sequence failed in the engine.")]
    private partial void LogFailed(Exception error);
}
