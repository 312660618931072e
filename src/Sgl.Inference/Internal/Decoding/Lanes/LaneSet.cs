namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>
/// All lanes of a decoder, and what brings jobs from one to the next. Each device has a queue and a thread, so that jobs of different requests are at work in different lanes at the same time;
/// where there is one device only, the caller's thread runs every job to its end.
/// </summary>
internal sealed class LaneSet : IDisposable
{
    private readonly List<ILane> _lanes;
    private readonly ILane[] _ofStage;
    private readonly DeviceWorker[] _workers;
    private readonly DeviceWorker[] _workerOfStage;
    private bool _stopped;

    /// <param name="lanes">First to last, without gaps.</param>
    /// <param name="time">Clock.</param>
    public LaneSet(IEnumerable<ILane> lanes, TimeProvider time)
    {
        _lanes = [.. lanes];
        _ofStage = [.. _lanes.SelectMany(lane => Enumerable.Repeat(lane, lane.LastStage - lane.FirstStage + 1))];
        _workers = [.. _lanes.Select(lane => lane.Device).Distinct().Select(device => new DeviceWorker(device, time))];
        _workerOfStage = [.. _ofStage.Select(lane => _workers.Single(worker => worker.Device == lane.Device))];
        if (_workers.Length > 1)
        {
            foreach (var worker in _workers)
            {
                worker.Start(Run);
            }
        }
    }

    /// <summary>Devices, so lanes that can be at work at the same time.</summary>
    public int Devices => _workers.Length;

    /// <summary>What each device has to do, and did.</summary>
    public IReadOnlyList<DeviceLoad> Load => [.. _workers.Select(worker => worker.Load)];

    /// <summary>The lane that a stage is in.</summary>
    public ILane this[int stage] => _ofStage[stage];

    /// <summary>Has a job run; <see cref="Job.Ended"/> tells when it is done, with one device before this returns.</summary>
    public void Post(Job job)
    {
        if (_workers.Length > 1)
        {
            WorkerOf(job).Add(job);
            return;
        }

        while (WorkerOf(job).Run(job, _ofStage[job.Stage]))
        {
        }

        job.Ended!(job);
    }

    /// <summary>Ends what brings jobs on: what runs comes to the end of its lane, what waits is let go and never ends.</summary>
    public void Stop()
    {
        if (!_stopped)
        {
            _stopped = true;
            foreach (var worker in _workers)
            {
                worker.Stop();
            }

            foreach (var worker in _workers)
            {
                worker.Join();
            }
        }
    }

    public void Dispose()
    {
        Stop();
        foreach (var lane in _lanes)
        {
            lane.Dispose();
        }
    }

    private DeviceWorker WorkerOf(Job job) => _workerOfStage[job.Stage];

    private void Run(Job job)
    {
        if (WorkerOf(job).Run(job, _ofStage[job.Stage]))
        {
            WorkerOf(job).Add(job);
        }
        else
        {
            job.Ended!(job);
        }
    }
}
