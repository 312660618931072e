using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Decoding.Lanes;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Prefixes;
using Sgl.Inference.Internal.Tracing;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// One thread that owns the decoder. Each turn it has a chunk of rows run of what is no decode step (consistency passes, prefills; it admits waiting sequences
/// while KV memory and batch have room), then advances all sequences that decode by one token: a long prompt delays the answers of others by a chunk a token.
/// With several devices it keeps as many chunks and as many decode steps under way as there are devices, so that each has something to do: the same turns, but nobody waits for their end.
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
    private readonly WorkQueue _working = new();
    private readonly MicroBatches _microBatches;
    private readonly List<Sequence> _finished = [];
    private readonly ConcurrentQueue<Job> _ended = new();
    private readonly Action<Job> _endHere;
    private readonly Func<Sequence, bool> _canGoOn;
    private readonly SemaphoreSlim _signal = new(0);
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private volatile bool _closed;
    private long _rows;
    private int _stepsUnderWay;
    private int _piecesUnderWay;
    private long _rowsUnderWay;
    private int _waitingCount;
    private int _runningCount;
    private long _rowsLeft;

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
        _microBatches = new MicroBatches(decoder.Devices);
        _endHere = decoder.Devices == 1 ? TakeEnded : EndedElsewhere;
        _canGoOn = CanGoOn;
        _thread = new Thread(Loop) { IsBackground = true, Name = "sgl-engine" };
        _thread.Start();
    }

    public int Running => Volatile.Read(ref _runningCount);

    public int Waiting => Volatile.Read(ref _waitingCount);

    /// <summary>Rows of prompts in the batch that wait to run.</summary>
    public long RowsLeft => Volatile.Read(ref _rowsLeft);

    /// <summary>Queues a sequence.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="again">Whether it was here before and comes back with its features: it has its place in the queue already.</param>
    /// <exception cref="EngineOverloadedException">The queue is full.</exception>
    public void Submit(Sequence sequence, bool again = false)
    {
        // What is queued before the end is seen by the thread's last look at the queue; what comes later is refused here.
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(VlmEngine));
            // Places in the batch that are free will be taken from the queue, but only by the engine's thread.
            if (Interlocked.Increment(ref _waitingCount) + Running > _options.MaxQueue + _options.MaxBatch && !again)
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
            var moved = TakeAllEnded();
            TakeArrivals();
            DropCancelled();
            AdmitWaiting();
            moved |= Work();
            Volatile.Write(ref _rowsLeft, _working.RowsLeft);
            moved |= Step();
            if (!moved && (_stepsUnderWay + _piecesUnderWay > 0 || (_running.Count == 0 && _waiting.Count == 0 && _arrivals.IsEmpty)))
            {
                // All that there is to do is under way, or there is nothing.
                _signal.Wait();
            }
        }

        _decoder.Stop();
        foreach (var sequence in _running.Concat(_waiting).Concat(_arrivals))
        {
            sequence.Begun.TrySetResult(true);
            sequence.Work?.Dispose();
            sequence.Events.Writer.TryComplete(new ObjectDisposedException(nameof(VlmEngine)));
        }
    }

    private void TakeArrivals()
    {
        while (_arrivals.TryDequeue(out var sequence))
        {
            if (sequence.LacksFeatures && !_reuse!.Covers(sequence))
            {
                // At once, not when its turn comes: the tower runs meanwhile.
                Interlocked.Decrement(ref _waitingCount);
                sequence.Begun.TrySetResult(false);
                continue;
            }

            if (sequence.ComesFirst)
            {
                _waiting.AddFirst(sequence);
            }
            else
            {
                _waiting.AddLast(sequence);
            }
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
            if (_running[i].Cancelled.IsCancellationRequested && _running[i].Failure is null)
            {
                Fail(_running[i], new OperationCanceledException(_running[i].Cancelled));
            }
        }
    }

    /// <summary>
    /// Has up to a chunk of rows run for each device: the pieces of whose turn it is until that is done, then the next one's. A piece that does not fit any more waits for the next turn. Where
    /// prompts run in one piece, it is a piece for each device.
    /// </summary>
    /// <returns>Whether there was anything.</returns>
    private bool Work()
    {
        var chunk = _options.PrefillChunk;
        var (room, used) = chunk == 0 ? (_decoder.Devices, _piecesUnderWay) : ((long)chunk * _decoder.Devices, _rowsUnderWay);
        var moved = false;
        while (used < room && _working.FirstOf(_canGoOn) is { } sequence)
        {
            try
            {
                var rows = chunk == 0 ? 1 : sequence.Work!.NextRows(chunk);
                if (used > 0 && used + rows > room)
                {
                    break;
                }

                used += rows;
                moved = true;
                Post(sequence);
            }
            catch (Exception e)
            {
                Fail(sequence, e);
                break;
            }
        }

        return moved;
    }

    /// <summary>Whether a piece of a sequence's work can begin; one that cannot ever is taken out.</summary>
    private bool CanGoOn(Sequence sequence)
    {
        try
        {
            return sequence.Failure is null && sequence.Work!.NextRows(_options.PrefillChunk) > 0;
        }
        catch (Exception e)
        {
            Fail(sequence, e);
            return false;
        }
    }

    private void Post(Sequence sequence)
    {
        var job = sequence.Work!.Next(_options.PrefillChunk);
        job.Sequence = sequence;
        sequence.JobsUnderWay++;
        _piecesUnderWay++;
        _rowsUnderWay += job.RowCount;
        Post(job);
    }

    private void Post(Job job)
    {
        job.Ended = _endHere;
        _decoder.Post(job);
    }

    /// <summary>A job ended on a device's thread.</summary>
    private void EndedElsewhere(Job job)
    {
        _ended.Enqueue(job);
        _signal.Release();
    }

    private bool TakeAllEnded()
    {
        var any = false;
        while (_ended.TryDequeue(out var job))
        {
            TakeEnded(job);
            any = true;
        }

        return any;
    }

    private void TakeEnded(Job job)
    {
        if (job is StepJob step)
        {
            _stepsUnderWay--;
            TakeStep(step);
        }
        else
        {
            _piecesUnderWay--;
            _rowsUnderWay -= job.RowCount;
            _rows += job.RowCount;
            TakePiece(job.Sequence!, job);
        }

        _decoder.Recycle(job);
    }

    private void TakePiece(Sequence sequence, Job job)
    {
        sequence.JobsUnderWay--;
        if ((sequence.Failure ?? job.Error) is { } error)
        {
            Fail(sequence, error);
            return;
        }

        try
        {
            if (sequence.Work!.Take(job))
            {
                Finished(sequence);
            }
        }
        catch (Exception e)
        {
            Fail(sequence, e);
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

    /// <summary>Takes waiting sequences into the batch in the order they came, as long as there is room.</summary>
    private void AdmitWaiting()
    {
        while (_waiting.First is { } node && _running.Count < _options.MaxBatch && Admit(node))
        {
        }
    }

    /// <summary>Takes a waiting sequence into the batch, or out of the queue where it cannot run; false where there is no room for it now.</summary>
    private bool Admit(LinkedListNode<Sequence> node)
    {
        var sequence = node.Value;
        try
        {
            if (!_admission.TryReserve(sequence))
            {
                if (_running.Count > 0)
                {
                    return false;
                }

                // Nothing runs and it still does not fit: it never will.
                throw new EngineRequestException("sampling.max_new_tokens", _admission.TooLarge(sequence));
            }

            RemoveWaiting(node);
            _running.Add(sequence);
            Volatile.Write(ref _runningCount, _running.Count);
            _emitter.Prepare(sequence);
            sequence.Work = new PrefillWork(sequence, _decoder, _emitter, _reuse, _time);
            var known = _reuse?.KnownRows(sequence) ?? 0;
            sequence.RowsLeft = sequence.Prompt.Ids.Length + sequence.Draft.Length - known;
            _working.AddPrompt(sequence, _rows, waitsForItsImage: known <= sequence.Visual.First);
        }
        catch (Exception e)
        {
            if (node.List is not null)
            {
                RemoveWaiting(node);
            }

            Fail(sequence, e);
        }

        return true;
    }

    /// <summary>Has a decode step run, with several devices one for each as far as there are sequences.</summary>
    /// <returns>Whether there was one.</returns>
    private bool Step()
    {
        var moved = false;
        for (var free = _decoder.Devices - _stepsUnderWay; free > 0; free--)
        {
            var step = _decoder.Step();
            _microBatches.Pick(_running, step.Set);
            if (step.Set.Count == 0)
            {
                _decoder.Recycle(step);
                break;
            }

            moved = true;
            try
            {
                _decoder.BeginStep(step);
            }
            catch (Exception e)
            {
                step.Set.ForEach(sequence => Fail(sequence, e));
                _decoder.Recycle(step);
                continue;
            }

            _stepsUnderWay++;
            step.Set.ForEach(sequence => sequence.JobsUnderWay++);
            Post(step);
        }

        return moved;
    }

    private void TakeStep(StepJob step)
    {
        var set = step.Set;
        set.ForEach(sequence => sequence.JobsUnderWay--);
        _finished.Clear();
        for (var i = 0; i < set.Count; i++)
        {
            // Where the step failed, none of its sequences can go on.
            if ((set[i].Failure ?? step.Error) is { } error)
            {
                Fail(set[i], error);
                continue;
            }

            try
            {
                set[i].DecodeTime += step.Busy;
                set[i].RowsBetweenTokens = Math.Max(set[i].RowsBetweenTokens, (int)(_rows - set[i].RowsAtLastToken));
                set[i].RowsAtLastToken = _rows;
                _emitter.Advance(set[i], step.Head!, i);
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

        foreach (var sequence in _finished)
        {
            End(sequence);
        }
    }

    /// <summary>A sequence has its last token.</summary>
    private void End(Sequence sequence)
    {
        sequence.EndedAt = _time.GetTimestamp();
        try
        {
            if (_results.Begin(sequence) is { } consistency)
            {
                sequence.Work = consistency;
                _working.AddConsistency(sequence);
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
        if (sequence.JobsUnderWay > 0)
        {
            // Its memory is in use.
            sequence.Failure ??= error;
            return;
        }

        if (error is FeaturesMissingException)
        {
            // What was kept of its images has gone since it came.
            Release(sequence);
            sequence.HadItsTurn = true;
            sequence.Begun.TrySetResult(false);
            return;
        }

        if (error is not (OperationCanceledException or EngineRequestException))
        {
            LogFailed(error);
        }

        EngineActivity.Tell(sequence, sequence.Work as ConsistencyWork, error, _time);
        sequence.Finish ??= FinishReason.Stop;
        sequence.Events.Writer.TryComplete(error);
        sequence.Begun.TrySetResult(true);
        Release(sequence);
    }

    [LoggerMessage(EventId = 1, EventName = "SequenceFailed", Level = LogLevel.Error, Message = "A sequence failed in the engine.")]
    private partial void LogFailed(Exception error);
}
