using Grpc.Core;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class AnswerOnceTests : IAsyncLifetime
{
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync();

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Theory]
    [InlineData(0, Wire.AnswerPath.Exit, "forty two")]
    [InlineData(2, Wire.AnswerPath.Escalated, "forty-two")]
    public async Task AnswerOnce_Any_IsTheStreamWithoutItsTokens(double threshold, Wire.AnswerPath path, string answer)
    {
        var request = Trio.Request(new Wire.RoutingPolicy { Threshold = threshold });

        var once = await _trio.Client.AnswerOnceAsync(request);
        var stream = await _trio.AskAsync(request);

        Assert.Equal((path, answer), (once.Completed.Path, once.Completed.Answer));
        Assert.Equal(stream[0].Layout, once.Layout);
        Assert.Equal(stream.Single(e => e.Decision is not null).Decision, once.Decision);
        Assert.Equal(stream[^1].Completed.Importance, once.Completed.Importance);
    }

    [Fact]
    public async Task AnswerOnce_Wrong_RefusedLikeTheStream()
    {
        var once = await Assert.ThrowsAsync<RpcException>(async () => await _trio.Client.AnswerOnceAsync(new Wire.AnswerRequest()));
        var stream = await Assert.ThrowsAsync<RpcException>(() => _trio.AskAsync(new Wire.AnswerRequest()));

        Assert.Equal(StatusCode.InvalidArgument, once.StatusCode);
        Assert.Equal(stream.Status.Detail, once.Status.Detail);
        Assert.Equal(stream.GetRpcStatus(), once.GetRpcStatus());
    }

    [Fact]
    public async Task AnswerOnce_ClientLeaves_TheModelsStop()
    {
        _trio.Large.BeforeTokens = TimeSpan.FromMinutes(2);
        using var cancel = new CancellationTokenSource();
        var call = _trio.Client.AnswerOnceAsync(Trio.Request(new Wire.RoutingPolicy { Threshold = 2 }), cancellationToken: cancel.Token);
        Assert.True(await _trio.Large.Started.WaitAsync(TimeSpan.FromSeconds(15)));

        await cancel.CancelAsync();

        await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.True(await _trio.Large.Cancelled.WaitAsync(TimeSpan.FromSeconds(15)));
    }
}
