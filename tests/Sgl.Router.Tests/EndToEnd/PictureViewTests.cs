using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.LargeService;
using Sgl.SmallService;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Two real services that see pictures differently, behind a real router: no guidance passes between them.</summary>
public sealed class PictureViewTests
{
    [Theory]
    [InlineData("Requests:ApplyExifOrientation", "false", "orientation=exif", "orientation=stored")]
    [InlineData("Requests:Alpha", "Drop", "alpha=white", "alpha=dropped")]
    public async Task Answer_ServicesSeePicturesDifferently_NotPairedAndBothViewsNamed(string setting, string value, string small, string large)
    {
        await using var smallService = await RunningService.StartAsync(SmallServiceHost.CreateEmbedded(RunningService.Settings("small")));
        await using var largeService = await RunningService.StartAsync(LargeServiceHost.CreateEmbedded(RunningService.Settings("large", (setting, value))));
        await using var router = RouterHost.Create(new Dictionary<string, string?>
        {
            ["Listen:MetricsPort"] = "0",
            ["Router:Small:Address"] = smallService.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Large:Address"] = largeService.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
        });
        await router.StartAsync();
        using var channel = GrpcChannel.ForAddress(router.Services.GetRequiredService<ServiceEndpoints>().Grpc);
        var client = new Wire.RouterService.RouterServiceClient(channel);
        string problem;
        while ((problem = (await client.GetInfoAsync(new(), deadline: DateTime.UtcNow.AddMinutes(1))).PairingProblem).Length == 0)
        {
            await Task.Delay(50);
        }

        using var call = client.Answer(DemoTrio.Ask("What is the code in the orange box?", Samples.Image("codes.png")), deadline: DateTime.UtcNow.AddMinutes(1));
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext());

        Assert.Contains(small, problem, StringComparison.Ordinal);
        Assert.Contains(large, problem, StringComparison.Ordinal);
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Equal("MODELS_NOT_PAIRED", error.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
        Assert.False(router.Services.GetRequiredService<ServiceHealth>().IsServing);
        await router.StopAsync();
    }
}
