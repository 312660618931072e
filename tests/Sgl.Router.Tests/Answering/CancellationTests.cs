using Grpc.Core;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class CancellationTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Answer_ClientCancelsWhileSmallAnswers_SmallIsCancelled()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.BeforeTokens = Long);
        using var cancel = new CancellationTokenSource();
        var answer = trio.AskAsync(Trio.Request(), new CallOptions(cancellationToken: cancel.Token));
        Assert.True(await trio.Small.Started.WaitAsync(Patience));

        await cancel.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => answer)).StatusCode);
        Assert.True(await trio.Small.Cancelled.WaitAsync(Patience));
        Assert.Equal(0, trio.Large.Calls);
        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_grpc_requests_total", "method=\"/sgl.v1.RouterService/Answer\"", "code=\"Cancelled\"") == 1);
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_total", "path=\"failed\""));
    }

    [Fact]
    public async Task Answer_ClientCancelsWhileLargeAnswers_LargeIsCancelled()
    {
        await using var trio = await Trio.StartAsync((small, large) =>
        {
            small.Scores = _ => SmallPeer.Decision(0);
            large.BeforeTokens = Long;
        });
        using var cancel = new CancellationTokenSource();
        var answer = trio.AskAsync(Trio.Request(), new CallOptions(cancellationToken: cancel.Token));
        Assert.True(await trio.Large.Started.WaitAsync(Patience));

        await cancel.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => answer)).StatusCode);
        Assert.True(await trio.Large.Cancelled.WaitAsync(Patience));
        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_requests_running") == 0);
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_total", "path=\"degraded\""));
    }

    [Fact]
    public async Task Answer_ClientCancelsUnderOverlap_BothAreCancelled()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.BeforeTokens = Long, ("Router:Policy:Overlap", "Always"));
        using var cancel = new CancellationTokenSource();
        var answer = trio.AskAsync(Trio.Request(), new CallOptions(cancellationToken: cancel.Token));
        Assert.True(await trio.Small.Started.WaitAsync(Patience));
        Assert.True(await trio.Large.Started.WaitAsync(Patience));

        await cancel.CancelAsync();

        await Assert.ThrowsAsync<RpcException>(() => answer);
        Assert.True(await trio.Small.Cancelled.WaitAsync(Patience));
        Assert.True(await trio.Large.Cancelled.WaitAsync(Patience));
    }

    [Fact]
    public async Task Answer_DeadlinePasses_BothHopsHadItAndTheClientIsTold()
    {
        await using var trio = await Trio.StartAsync((small, large) =>
        {
            small.Scores = _ => SmallPeer.Decision(0);
            large.BeforeTokens = Long;
        });
        var deadline = DateTime.UtcNow.AddSeconds(2);

        var error = await Assert.ThrowsAsync<RpcException>(
            () => trio.AskAsync(Trio.Request(new() { OnLargeFailure = Wire.LargeFailurePolicy.Fail }), new CallOptions(deadline: deadline)));

        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.True(await trio.Large.Cancelled.WaitAsync(Patience));
        foreach (var seen in new[] { trio.Small.Deadlines.Single(), trio.Large.Deadlines.Single() })
        {
            Assert.InRange(seen, deadline.AddSeconds(-0.5), deadline.AddSeconds(0.5));
        }
    }

    [Fact]
    public async Task Answer_FiftyClientsCancel_NothingKeepsRunning()
    {
        await using var trio = await Trio.StartAsync((small, large) =>
        {
            small.Scores = r => SmallPeer.Decision(0);
            large.BeforeTokens = Long;
        });
        using var cancel = new CancellationTokenSource();
        var answers = Enumerable.Range(0, 50).Select(_ => trio.AskAsync(Trio.Request(), new CallOptions(cancellationToken: cancel.Token))).ToList();
        for (var i = 0; i < 50; i++)
        {
            Assert.True(await trio.Large.Started.WaitAsync(Patience));
        }

        await cancel.CancelAsync();

        foreach (var answer in answers)
        {
            await Assert.ThrowsAsync<RpcException>(() => answer);
            Assert.True(await trio.Large.Cancelled.WaitAsync(Patience));
        }

        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_requests_running") == 0);
    }
}
