using Grpc.Core;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class OverlapTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Answer_OverlapAndEscalation_InputIsThereBeforeTheDecisionAndSentOnce()
    {
        await using var trio = await StartAsync(0.1);
        var decide = new TaskCompletionSource();
        trio.Small.AnswersAfter = () => decide.Task;

        var answer = trio.AnswerAsync();
        Assert.True(await trio.Large.Started.WaitAsync(Patience));
        Assert.Empty(trio.Large.Guidances);
        decide.SetResult();
        var completed = await answer;

        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        Assert.Equal("forty-two", completed.Answer);
        Assert.Equal(1, trio.Large.Calls);
        Assert.Single(trio.Large.Inputs);
        Assert.Equal(2, trio.Large.Guidances.Single().Masks.Steps.Single().Layer);
    }

    [Fact]
    public async Task Answer_OverlapAndExit_LargeGetsACancelMessage()
    {
        await using var trio = await StartAsync(0.9);
        trio.Small.AnswersAfter = () => trio.Large.Started.WaitAsync(Patience);

        var completed = await trio.AnswerAsync();

        Assert.Equal(Wire.AnswerPath.Exit, completed.Path);
        Assert.Equal(1, trio.Large.Calls);
        Assert.True(await trio.Large.CancelMessages.WaitAsync(Patience));
        Assert.Empty(trio.Large.Guidances);
    }

    [Fact]
    public async Task Answer_OverlapAndNoPictures_LargeGetsNothingAhead()
    {
        await using var trio = await StartAsync(0.9);

        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync(images: 0)).Path);
        Assert.Equal(0, trio.Large.Calls);
    }

    [Fact]
    public async Task Answer_ReplicaPicks_CountCallsThatAreSent()
    {
        await using var adaptive = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.1));
        await adaptive.AnswerAsync();
        await adaptive.AnswerAsync(new Wire.RoutingPolicy { Threshold = 0 });
        Assert.Equal((2, 1), (await PicksAsync(adaptive, "small"), await PicksAsync(adaptive, "large")));

        await using var always = await StartAsync(0.1);
        await always.AnswerAsync();
        Assert.Equal((1, always.Large.Calls), (await PicksAsync(always, "small"), await PicksAsync(always, "large")));

        static Task<double> PicksAsync(Trio trio, string backend) => trio.MetricAsync("sgl_router_replica_picks_total", $"backend=\"{backend}\"");
    }

    [Fact]
    public async Task Answer_OverlapAndEarlyCallFails_RetriedAtTheDecision()
    {
        await using var trio = await StartAsync(0.1);
        trio.Large.Failures.Enqueue(new RpcException(new(StatusCode.Unavailable, "down")));
        trio.Small.BeforeTokens = TimeSpan.FromMilliseconds(100);

        var completed = await trio.AnswerAsync();

        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        Assert.Equal(2, trio.Large.Calls);
    }

    [Fact]
    public async Task Answer_OverlapAndLargeDown_ExitsAreNotDisturbed()
    {
        await using var trio = await StartAsync(0.9);
        await trio.Large.StopAsync();

        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
    }

    [Fact]
    public async Task Answer_OverlapAndSmallFails_LargeIsLetGo()
    {
        await using var trio = await StartAsync(0.9);
        trio.Small.FailAfter = (1, new RpcException(new(StatusCode.DataLoss, "broken")));
        trio.Small.AnswersAfter = () => trio.Large.Started.WaitAsync(Patience);

        await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());

        Assert.Equal(1, trio.Large.Calls);
        await trio.UntilAsync(() => Task.FromResult(trio.Large.CancelMessages.CurrentCount + trio.Large.Cancelled.CurrentCount == 1));
    }

    [Fact]
    public async Task Answer_OverlapAndForcedSmall_LargeIsNotAsked()
    {
        await using var trio = await StartAsync(0.1);

        await trio.AnswerAsync(new() { Force = Wire.Route.Small });

        Assert.Equal(0, trio.Large.Calls);
    }

    private static Task<Trio> StartAsync(double score) =>
        Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(score), ("Router:Policy:Overlap", "Always"));
}
