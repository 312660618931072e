using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>By default the large model gets inputs ahead of the decision where that pays.</summary>
public sealed class AdaptiveOverlapTests
{
    private const int Enough = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData(0, 0, "Pays")]
    [InlineData(0, 30, "Pays")]
    [InlineData(8, 0, "Pays")]
    [InlineData(8, 1, "Busy")]
    [InlineData(4, 2, "Pays")]
    [InlineData(4, 3, "Busy")]
    [InlineData(12, 0, "Pays")]
    [InlineData(13, 0, "Exits")]
    [InlineData(16, 0, "Exits")]
    public void Judge_ExitsOfSixteenAndCallsInFlight_PaysWhileSavedIsWorthWasted(int exits, int others, string verdict)
    {
        var rule = Rule();
        for (var i = 0; i < Enough; i++)
        {
            rule.Record(i % Enough < exits);
        }

        Assert.Equal(verdict, rule.Judge(certain: false, others).ToString());
        Assert.Equal(OverlapRule.Verdict.Pays, rule.Judge(certain: true, others));
    }

    [Fact]
    public void Judge_FewDecisions_IsUnknownUnlessCertain()
    {
        var rule = Rule();
        for (var i = 0; i < Enough - 1; i++)
        {
            rule.Record(false);
            Assert.Equal(OverlapRule.Verdict.Unknown, rule.Judge(certain: false, 0));
        }

        Assert.Equal(OverlapRule.Verdict.Pays, rule.Judge(certain: true, 0));
        rule.Record(false);
        Assert.Equal(OverlapRule.Verdict.Pays, rule.Judge(certain: false, 0));
    }

    [Fact]
    public void Judge_ExitsThatBeginOrEnd_AreFollowed()
    {
        var rule = Rule();
        for (var i = 0; i < 1000; i++)
        {
            rule.Record(true);
        }

        Assert.Equal(OverlapRule.Verdict.Exits, rule.Judge(certain: false, 0));
        for (var i = 0; i < 200; i++)
        {
            rule.Record(false);
        }

        Assert.Equal(OverlapRule.Verdict.Pays, rule.Judge(certain: false, 3));
    }

    [Fact]
    public async Task Answer_EscalationsSoFar_InputGoesAheadAndIsUsed()
    {
        using var decide = new SemaphoreSlim(Enough);
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ =>
        {
            decide.Wait(Patience);
            return SmallPeer.Decision(0.1);
        });
        await AskAsync(trio, Enough);
        Assert.Equal(Enough, await LeftAsync(trio, "unknown"));
        Assert.Equal(0, await OutcomeAsync(trio, "used"));
        await ForgetStartsAsync(trio);

        var answer = trio.AnswerAsync();
        Assert.True(await trio.Large.Started.WaitAsync(Patience));
        Assert.Equal(Enough, trio.Large.Guidances.Count);
        decide.Release();
        Assert.Equal(Wire.AnswerPath.Escalated, (await answer).Path);
        Assert.Equal(1, await OutcomeAsync(trio, "used"));
        Assert.True(await trio.MetricAsync("sgl_router_overlap_seconds_total", "outcome=\"used\"") > 0);
        Assert.Equal(0, await trio.MetricAsync("sgl_router_recent_exit_ratio"));
    }

    [Fact]
    public async Task Answer_ExitsSoFar_LargeIsNotAsked()
    {
        await using var trio = await StartAsync(0.9);
        await AskAsync(trio, Enough + 3);

        Assert.Equal(0, trio.Large.Calls);
        Assert.Equal(3, await LeftAsync(trio, "exits"));
        Assert.Equal(1, await trio.MetricAsync("sgl_router_recent_exit_ratio"));
    }

    [Fact]
    public async Task Answer_HalfExitAndLargeIsBusy_WaitsForTheDecision()
    {
        var next = 0;
        var behindLarge = false;
        await using var trio = await Trio.StartAsync((small, large) => small.Scores = _ =>
        {
            Assert.True(!Volatile.Read(ref behindLarge) || large.Started.Wait(Patience));
            return SmallPeer.Decision(Interlocked.Increment(ref next) % 2 == 0 ? 0.1 : 0.9);
        });
        await AskAsync(trio, Enough);
        await ForgetStartsAsync(trio);
        var calls = trio.Large.Calls;

        // Idle, it pays: the exit that comes next is the waste of it.
        Volatile.Write(ref behindLarge, true);
        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        Volatile.Write(ref behindLarge, false);
        Assert.Equal(calls + 1, trio.Large.Calls);
        Assert.Equal(1, await OutcomeAsync(trio, "wasted"));
        await trio.UntilAsync(() => Task.FromResult(trio.Large.CancelMessages.CurrentCount + trio.Large.Cancelled.CurrentCount > 0));

        trio.Large.BeforeTokens = TimeSpan.FromSeconds(60);
        using var client = new CancellationTokenSource();
        var long1 = trio.AskAsync(Trio.Request(), new(cancellationToken: client.Token));
        await trio.UntilAsync(() => Task.FromResult(trio.Large.Guidances.Count == (Enough / 2) + 1));
        var busy = await LeftAsync(trio, "busy");
        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        Assert.Equal(busy + 1, await LeftAsync(trio, "busy"));
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => long1);
    }

    [Fact]
    public async Task Answer_BothOnTheProcessorsOfOneMachine_WaitsForTheDecision()
    {
        await using var trio = await Trio.StartAsync((small, large) =>
        {
            small.Scores = _ => SmallPeer.Decision(0.1);
            small.Info.Stages.Add(new Wire.Stage { LastLayer = 5, Device = "cpu" });
            large.Info.Stages.Add(new Wire.Stage { LastLayer = 3, Device = "cpu" });
            large.Info.Stages.Add(new Wire.Stage { FirstLayer = 4, LastLayer = 9, Device = "cpu:1" });
        });
        await AskAsync(trio, Enough + 2);
        await trio.AnswerAsync(new() { Force = Wire.Route.Large });

        Assert.Equal(Enough + 3, await LeftAsync(trio, "shared"));
        Assert.Equal(0, await OutcomeAsync(trio, "used"));
    }

    [Fact]
    public async Task Answer_ForcedToTheLargeModel_InputGoesAheadFromTheFirst()
    {
        await using var trio = await StartAsync(0.9);
        Assert.Equal(Wire.AnswerPath.Escalated, (await trio.AnswerAsync(new() { Force = Wire.Route.Large })).Path);

        Assert.Equal(1, await OutcomeAsync(trio, "used"));
        Assert.Equal(1, trio.Large.Calls);
    }

    [Fact]
    public async Task Answer_EarlyCallIsBroken_CountsAsLost()
    {
        await using var trio = await StartAsync(0.1, ("Router:Policy:Overlap", "Always"));
        trio.Large.Failures.Enqueue(new Grpc.Core.RpcException(new(Grpc.Core.StatusCode.Unavailable, "down")));
        trio.Small.BeforeTokens = TimeSpan.FromMilliseconds(100);

        Assert.Equal(Wire.AnswerPath.Escalated, (await trio.AnswerAsync()).Path);
        Assert.Equal(1, await OutcomeAsync(trio, "lost"));
    }

    [Fact]
    public async Task Answer_Never_StaysSo()
    {
        await using var trio = await StartAsync(0.1, ("Router:Policy:Overlap", "Never"));
        await AskAsync(trio, Enough + 2);

        Assert.Equal(0, await OutcomeAsync(trio, "used"));
        Assert.Equal(0, await LeftAsync(trio, "unknown"));
    }

    private static OverlapRule Rule() => new(new RouterMetrics(new(new() { Name = "router", HealthNames = [], Registry = Prometheus.Metrics.NewCustomRegistry() })));

    private static Task<Trio> StartAsync(double score, params (string Key, string Value)[] settings) =>
        Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(score), settings);

    private static async Task AskAsync(Trio trio, int questions)
    {
        for (var i = 0; i < questions; i++)
        {
            await trio.AnswerAsync();
        }
    }

    private static async Task ForgetStartsAsync(Trio trio)
    {
        while (await trio.Large.Started.WaitAsync(TimeSpan.Zero))
        {
        }
    }

    private static Task<double> OutcomeAsync(Trio trio, string outcome) => trio.MetricAsync("sgl_router_overlaps_total", $"outcome=\"{outcome}\"");

    private static Task<double> LeftAsync(Trio trio, string reason) => trio.MetricAsync("sgl_router_overlaps_left_total", $"reason=\"{reason}\"");
}
