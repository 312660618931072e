namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>
/// What one device is asked for, first come, first served. With several devices each has a thread of its own, so that they work at different jobs at the same time; a single one is run by whoever
/// asks.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="time">Clock.</param>
internal sealed class DeviceWorker(DeviceId device, TimeProvider time)
{
    private readonly Queue<Job> _queue = new();
    private readonly object _gate = new();
    private Thread? _thread;
    private Action<Job>? _run;
    private bool _stopped;
    private int _inHand;
    private long _busy;

    /// <summary>The device.</summary>
    public DeviceId Device => device;

    /// <summary>What it has to do, and did.</summary>
    public DeviceLoad Load
    {
        get
        {
            lock (_gate)
            {
                return new(device.ToString(), _queue.Count + Volatile.Read(ref _inHand), new TimeSpan(Volatile.Read(ref _busy)));
            }
        }
    }

    /// <summary>Starts the thread.</summary>
    /// <param name="run">Runs a job as far as it goes on this device; throws nothing.</param>
    public void Start(Action<Job> run)
    {
        _run = run;
        _thread = new Thread(Loop) { IsBackground = true, Name = $"sgl-{device}" };
        _thread.Start();
    }

    /// <summary>Queues a job; behind <see cref="Stop"/> it is let go.</summary>
    public void Add(Job job)
    {
        lock (_gate)
        {
            if (!_stopped)
            {
                _queue.Enqueue(job);
                Monitor.Pulse(_gate);
            }
        }
    }

    /// <summary>Runs a job in a lane of this device.</summary>
    /// <returns>Whether another lane comes next.</returns>
    public bool Run(Job job, ILane lane)
    {
        var start = time.GetTimestamp();
        Volatile.Write(ref _inHand, 1);
        var more = false;
        try
        {
            more = job.Run(lane);
        }
        catch (Exception e)
        {
            job.Error = e;
        }

        var elapsed = time.GetElapsedTime(start);
        job.Busy += elapsed;
        Volatile.Write(ref _busy, _busy + elapsed.Ticks);
        Volatile.Write(ref _inHand, 0);
        return more;
    }

    /// <summary>Ends the thread when what it runs is done; what waits is let go.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            _queue.Clear();
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Waits for the thread's end.</summary>
    public void Join() => _thread?.Join();

    private void Loop()
    {
        while (Next() is { } job)
        {
            _run!(job);
        }
    }

    private Job? Next()
    {
        lock (_gate)
        {
            while (_queue.Count == 0 && !_stopped)
            {
                Monitor.Wait(_gate);
            }

            return _stopped ? null : _queue.Dequeue();
        }
    }
}
