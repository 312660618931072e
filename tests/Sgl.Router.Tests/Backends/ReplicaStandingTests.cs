namespace Sgl.Router.Tests;

public sealed class ReplicaStandingTests
{
    private readonly ManualTime _time = new();
    private readonly ReplicaStanding _standing;

    public ReplicaStandingTests() => _standing = new ReplicaStanding(
        new EjectionOptions { ConsecutiveFailures = 3, BaseTime = TimeSpan.FromSeconds(5), MaxTime = TimeSpan.FromSeconds(30) }, _time);

    private ReplicaRank Rank => _standing.Rank(0);

    [Fact]
    public void Rank_BeforeTheFirstProbe_Out() => Assert.Equal(ReplicaRank.Out, Rank);

    [Fact]
    public void Probes_AwayAndBackOnce_ReadyAtOnce()
    {
        _standing.ProbeServes();
        _standing.ProbeFails();
        Assert.Equal(ReplicaRank.Out, Rank);

        _standing.ProbeServes();

        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    [Fact]
    public void Probes_Flapping_HeldLongerEachTimeUpToTheLongest()
    {
        var held = new List<double>();
        _standing.ProbeServes();
        for (var i = 0; i < 6; i++)
        {
            _standing.ProbeFails();
            _standing.ProbeServes();
            var seconds = 0;
            for (; Rank != ReplicaRank.Ready; seconds++)
            {
                Assert.Equal(ReplicaRank.Doubtful, Rank);
                _time.Advance(TimeSpan.FromSeconds(1));
            }

            _standing.CallSucceeds();
            held.Add(seconds);
        }

        Assert.Equal([0, 5, 10, 20, 30, 30], held);
    }

    [Fact]
    public void Probes_FirmForTheLongestTime_RecordIsClean()
    {
        _standing.ProbeServes();
        for (var i = 0; i < 4; i++)
        {
            _standing.ProbeFails();
            _standing.ProbeServes();
        }

        _time.Advance(TimeSpan.FromSeconds(61));
        _standing.CallSucceeds();
        _standing.ProbeFails();
        _standing.ProbeServes();

        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    [Fact]
    public void ProbeIsSilent_Once_DoubtfulThenOut()
    {
        _standing.ProbeServes();

        Assert.False(_standing.ProbeIsSilent());
        Assert.Equal(ReplicaRank.Doubtful, Rank);
        Assert.True(_standing.ProbeIsSilent());
        Assert.Equal(ReplicaRank.Out, Rank);
    }

    [Fact]
    public void ProbeIsSilent_NeverSeenBefore_OutAtOnce()
    {
        Assert.True(_standing.ProbeIsSilent());
        Assert.Equal(ReplicaRank.Out, Rank);
    }

    [Fact]
    public void CallFails_Unreachable_DoubtfulUntilAProbeSucceeds()
    {
        _standing.ProbeServes();

        Assert.Null(_standing.CallFails(unreachable: true, eject: false));
        Assert.Equal(ReplicaRank.Doubtful, Rank);
        _standing.ProbeServes();

        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    [Fact]
    public void CallFails_ManyAtOnceWithOneConnection_CountAsOne()
    {
        _standing.ProbeServes();
        for (var i = 0; i < 50; i++)
        {
            Assert.Null(_standing.CallFails(unreachable: true, eject: false));
        }

        // It was restarted: nothing speaks against it.
        _standing.ProbeFails();
        _standing.ProbeServes();

        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    [Fact]
    public void CallFails_ThreeInARowWhileProbesSucceed_EjectedThenOneCallOnTrial()
    {
        _standing.ProbeServes();
        Assert.Null(Fail());
        Assert.Null(Fail());
        Assert.Equal(TimeSpan.FromSeconds(5), Fail());
        _standing.ProbeServes();
        Assert.Equal(ReplicaRank.Doubtful, Rank);

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(ReplicaRank.Ready, _standing.Rank(0));
        Assert.Equal(ReplicaRank.Doubtful, _standing.Rank(1));
        Assert.Equal(TimeSpan.FromSeconds(10), _standing.CallFails(unreachable: false, eject: false));

        _time.Advance(TimeSpan.FromSeconds(10));
        _standing.CallSucceeds();
        Assert.Equal(ReplicaRank.Ready, _standing.Rank(7));

        TimeSpan? Fail()
        {
            var held = _standing.CallFails(unreachable: true, eject: false);
            if (held is null)
            {
                _standing.ProbeServes();
            }

            return held;
        }
    }

    [Fact]
    public void CallFails_SuccessesInBetween_NotEjected()
    {
        _standing.ProbeServes();
        for (var i = 0; i < 20; i++)
        {
            Assert.Null(_standing.CallFails(unreachable: false, eject: false));
            Assert.Null(_standing.CallFails(unreachable: false, eject: false));
            _standing.CallSucceeds();
        }

        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    [Fact]
    public void CallFails_SilentCallsOfOneMoment_EjectedOnceAndForTheShortestTime()
    {
        _standing.ProbeServes();
        Assert.Equal(TimeSpan.FromSeconds(5), _standing.CallFails(unreachable: true, eject: true));

        for (var i = 0; i < 30; i++)
        {
            Assert.Null(_standing.CallFails(unreachable: true, eject: true));
        }

        // The probes tell the same story; it is not a second fall.
        _standing.ProbeIsSilent();
        _standing.ProbeIsSilent();
        _time.Advance(TimeSpan.FromSeconds(5));
        _standing.ProbeServes();
        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    [Fact]
    public void CallIsRefusedAsFull_LongRetryDelay_SecondChoiceForABoundedTime()
    {
        _standing.ProbeServes();
        _standing.CallIsRefusedAsFull(1, TimeSpan.FromHours(1));
        Assert.Equal(ReplicaRank.Full, Rank);

        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(ReplicaRank.Ready, Rank);
    }

    private sealed class ManualTime : TimeProvider
    {
        private TimeSpan _now = TimeSpan.FromDays(1);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public void Advance(TimeSpan time) => _now += time;
    }
}
