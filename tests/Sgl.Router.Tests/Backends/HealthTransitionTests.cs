using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class HealthTransitionTests
{
    [Fact]
    public async Task Health_SmallGoesAndComes_RouterFollows()
    {
        await using var trio = await Trio.StartAsync();
        Assert.Equal(ServingStatus.Serving, await CheckAsync(trio));

        trio.Small.SetServing(false);
        await trio.UntilAsync(async () => await CheckAsync(trio) == ServingStatus.NotServing);
        Assert.Contains("the small model does not serve: it reports NotServing", trio.Health.Reason, StringComparison.Ordinal);

        trio.Small.SetServing(true);
        await trio.UntilAsync(async () => await CheckAsync(trio) == ServingStatus.Serving);

        await trio.Small.StopAsync();
        await trio.UntilAsync(async () => await CheckAsync(trio) == ServingStatus.NotServing);
        Assert.Equal(0, await trio.MetricAsync("sgl_router_backend_serving", "backend=\"small\""));

        await trio.Small.StartAsync();
        await trio.UntilAsync(async () => await CheckAsync(trio) == ServingStatus.Serving);
        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
    }

    [Theory]
    [InlineData("Degrade", ServingStatus.Serving)]
    [InlineData("Fail", ServingStatus.NotServing)]
    public async Task Health_LargeGoes_MattersOnlyWithoutDegradation(string onLargeFailure, ServingStatus expected)
    {
        await using var trio = await Trio.StartAsync(("Router:Policy:OnLargeFailure", onLargeFailure));

        await trio.Large.StopAsync();
        await trio.UntilAsync(async () => (await trio.Client.GetInfoAsync(new())).Large is null);

        Assert.Equal(expected, await CheckAsync(trio));
    }

    [Fact]
    public async Task Health_LayoutsDiffer_NotServingWithTheReasonAndRequestsRefused()
    {
        await using var trio = await Trio.StartWithoutWaitingAsync((_, large) => large.Info.VisualLayoutKey = "peer/32", startLarge: true);

        await trio.UntilAsync(() => Task.FromResult(trio.Health.Reason.Contains("different visual tokens", StringComparison.Ordinal)));

        Assert.Equal(ServingStatus.NotServing, await CheckAsync(trio));
        var info = await trio.Client.GetInfoAsync(new());
        Assert.Contains("'peer/16' and 'peer/32'", info.PairingProblem, StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Equal("MODELS_NOT_PAIRED", error.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
        Assert.Equal(0, trio.Small.Calls);
    }

    [Fact]
    public async Task Health_LargeModelIsReplacedByOneThatFits_RouterServes()
    {
        await using var trio = await Trio.StartWithoutWaitingAsync((_, large) => large.Info.VisualLayoutKey = "peer/32", startLarge: true);
        await trio.UntilAsync(() => Task.FromResult(trio.Health.Reason.Contains("different visual tokens", StringComparison.Ordinal)));

        trio.Large.Info.VisualLayoutKey = "peer/16";

        await trio.UntilAsync(async () => await CheckAsync(trio) == ServingStatus.Serving);
    }

    [Fact]
    public async Task Health_ConfiguredPruneLayerIsNotOneOfTheModels_NotServingWithTheReason()
    {
        await using var trio = await Trio.StartWithoutWaitingAsync(null, true, ("Router:Policy:Prune:0:Layer", "3"), ("Router:Policy:Prune:0:KeepRatio", "0.5"));

        await trio.UntilAsync(() => Task.FromResult(trio.Health.Reason.Contains("Router:Policy:Prune[0].layer", StringComparison.Ordinal)));

        Assert.Contains("use one of 0, 1, 2, 4", trio.Health.Reason, StringComparison.Ordinal);
        Assert.False(trio.Health.IsServing);
    }

    private static async Task<ServingStatus> CheckAsync(Trio trio) =>
        (await new Grpc.Health.V1.Health.HealthClient(trio.Channel).CheckAsync(new HealthCheckRequest { Service = RouterHost.ServiceName })).Status;
}
