using System.Collections.Concurrent;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Decoding.Lanes;

namespace Sgl.Inference.Tests.Lanes;

/// <summary>Jobs on their way from device to device.</summary>
public class LaneSetTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Fact]
    public void Post_OneDevice_RunsToTheEndOnTheCallersThread()
    {
        using var lanes = new LaneSet([new FakeLane(0, 0, 2)], TimeProvider.System);
        var (ended, thread) = (0, 0);
        var job = new FakeJob(0, 3, _ => thread = Environment.CurrentManagedThreadId) { Ended = _ => ended++ };
        lanes.Post(job);
        Assert.Equal((1, Environment.CurrentManagedThreadId, 1), (ended, thread, lanes.Devices));
        Assert.Null(job.Error);
        Assert.Equal([("cpu", 0)], lanes.Load.Select(l => (l.Device, l.Jobs)));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Post_AJobInEachLane_AllDevicesWorkAtTheSameTime(int devices)
    {
        using var lanes = Lanes(devices);
        // Each job stays in its lane until every other lane is at a job too: one after the other they would wait for ever.
        using var all = new Barrier(devices);
        var met = await EndOfAsync(lanes, Enumerable.Range(0, devices).Select(first => new FakeJob(first, first + 1, _ => Assert.True(all.SignalAndWait(Long)))));
        Assert.All(met, job => Assert.Null(job.Error));
    }

    [Fact]
    public async Task Post_SecondJobWhileTheFirstIsInTheNextLane_BothRun()
    {
        using var lanes = Lanes(2);
        using var meeting = new Barrier(2);
        // The first meets in its second lane, the second in its first one.
        var first = new FakeJob(0, 2, lane => Assert.True(lane == 0 || meeting.SignalAndWait(Long)));
        var second = new FakeJob(0, 2, lane => Assert.True(lane == 1 || meeting.SignalAndWait(Long)));
        var ended = await EndOfAsync(lanes, [first, second]);
        Assert.All(ended, job => Assert.Null(job.Error));
    }

    [Fact]
    public async Task Post_ManyJobs_EveryLaneSeesThemInTheOrderTheyCame()
    {
        using var lanes = Lanes(3);
        var seen = Enumerable.Range(0, 3).Select(_ => new ConcurrentQueue<int>()).ToArray();
        await EndOfAsync(lanes, Enumerable.Range(0, 500).Select(i => new FakeJob(0, 3, lane => seen[lane].Enqueue(i))));
        Assert.All(seen, lane => Assert.Equal(Enumerable.Range(0, 500), lane));
        Assert.All(lanes.Load, device => Assert.Equal(0, device.Jobs));
    }

    [Fact]
    public async Task Post_AJobFails_ItEndsThereAndOthersGoOn()
    {
        using var lanes = Lanes(3);
        var reached = new ConcurrentBag<(int Job, int Lane)>();
        var jobs = Enumerable.Range(0, 20).Select(i => new FakeJob(0, 3, lane =>
        {
            reached.Add((i, lane));
            if (i % 4 == 1 && lane == i % 3)
            {
                throw new InvalidOperationException($"{i}");
            }
        })).ToList();
        await EndOfAsync(lanes, jobs);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(i % 4 == 1 ? $"{i}" : null, jobs[i].Error?.Message);
            Assert.Equal(Enumerable.Range(0, i % 4 == 1 ? (i % 3) + 1 : 3), reached.Where(r => r.Job == i).Select(r => r.Lane).Order());
        }
    }

    [Fact]
    public async Task Post_DeviceWithTwoLanes_OneThreadRunsBoth()
    {
        // Layers of a device on both sides of another one's.
        using var lanes = new LaneSet([new FakeLane(0, 0, 0), new FakeLane(1, 1, 1), new FakeLane(0, 2, 2)], TimeProvider.System);
        var threads = new ConcurrentDictionary<int, ConcurrentBag<int>>();
        await EndOfAsync(lanes, Enumerable.Range(0, 50).Select(_ => new FakeJob(0, 3, lane => threads.GetOrAdd(lane, _ => []).Add(Environment.CurrentManagedThreadId))));
        Assert.Equal(2, lanes.Devices);
        Assert.Single(threads[0].Concat(threads[2]).Distinct());
        Assert.Single(threads[1].Distinct());
        Assert.NotEqual(threads[0].First(), threads[1].First());
    }

    [Fact]
    public async Task Stop_WhileOneRunsAndOthersWait_WaitsForTheOneAndLetsTheOthersGo()
    {
        using var lanes = Lanes(2);
        using var running = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var (began, came) = (0, 0);
        var jobs = Enumerable.Range(0, 5).Select(_ => new FakeJob(0, 2, lane =>
        {
            Interlocked.Increment(ref began);
            running.Set();
            Assert.True(go.Wait(Long));
            Interlocked.Increment(ref came);
        })
        { Ended = _ => { } }).ToList();
        jobs.ForEach(lanes.Post);
        Assert.True(running.Wait(Long));
        var stop = Task.Run(lanes.Stop);
        // What waits is let go at once.
        Assert.True(SpinWait.SpinUntil(() => lanes.Load[0].Jobs == 1, Long));
        Assert.False(stop.IsCompleted);
        go.Set();
        await stop.WaitAsync(Long);
        Assert.Equal((1, 1), (began, came));
        lanes.Post(new FakeJob(0, 2, _ => Interlocked.Increment(ref began)) { Ended = _ => { } });
        await Task.Delay(50);
        Assert.Equal(1, began);
    }

    /// <summary>One stage on each device.</summary>
    private static LaneSet Lanes(int devices) => new(Enumerable.Range(0, devices).Select(d => new FakeLane(d, d, d)), TimeProvider.System);

    private static async Task<IReadOnlyList<FakeJob>> EndOfAsync(LaneSet lanes, IEnumerable<FakeJob> jobs)
    {
        var all = jobs.ToList();
        using var left = new CountdownEvent(all.Count);
        all.ForEach(job => job.Ended = _ => left.Signal());
        all.ForEach(lanes.Post);
        Assert.True(await Task.Run(() => left.Wait(Long)));
        return all;
    }

    private sealed class FakeLane(int device, int first, int last) : ILane
    {
        public DeviceId Device => new("cpu", device);

        public int FirstStage => first;

        public int LastStage => last;

        public void Advance(ForwardPass pass, ChunkRows chunk, int first, int last) => throw new NotSupportedException();

        public void Step(List<Sequence> set) => throw new NotSupportedException();

        public void Leave(List<Sequence> set) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }

    /// <summary>Goes from a stage to the one in front of another.</summary>
    private sealed class FakeJob(int first, int end, Action<int> run) : Job
    {
        private int _stage = first;

        public override int Stage => _stage;

        public override bool Run(ILane lane)
        {
            run(lane.FirstStage);
            _stage = lane.LastStage + 1;
            return _stage < end;
        }
    }
}
