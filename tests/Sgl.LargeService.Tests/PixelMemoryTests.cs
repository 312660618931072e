using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Sgl.ModelServing;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>Normalised pixels count against the memory for preparations from their making until the vision tower has seen them.</summary>
public sealed class PixelMemoryTests : IAsyncLifetime
{
    private const int BytesOfATile = 3 * 112 * 112 * sizeof(float);

    private RunningService _large = null!;

    private static Wire.LargeInput Question => Ask("What is the code in the orange box?", Samples.Image("large.png"));

    private long Taken => _large.App.Services.GetRequiredService<RequestPreparer>().BytesTaken;

    public async Task InitializeAsync() => _large = await StartAsync(("Engine:VisionCacheMiB", "0"));

    public async Task DisposeAsync() => await _large.DisposeAsync();

    [Fact]
    public async Task Generate_TilesWaitForGuidance_TheirPixelsAreCountedUntilTheAnswerBegins()
    {
        using var call = new Wire.LargeService.LargeServiceClient(_large.Channel).Generate();
        var image = await AheadAsync(call);
        Assert.Equal(image.Tiles.Count * BytesOfATile, Taken);

        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Guidance = Unpruned() });
        await foreach (var message in call.ResponseStream.ReadAllAsync())
        {
            Assert.True(message.Token is null || Taken == 0);
        }

        Assert.Equal(0, Taken);
    }

    [Fact]
    public async Task Generate_ClientGoesWhileTilesWait_GivesTheirMemoryBack()
    {
        using (var call = new Wire.LargeService.LargeServiceClient(_large.Channel).Generate())
        {
            await AheadAsync(call);
        }

        await FreeAsync();
    }

    [Fact]
    public async Task Generate_GuidanceIsRefused_GivesTheirMemoryBack()
    {
        using var call = new Wire.LargeService.LargeServiceClient(_large.Channel).Generate();
        await AheadAsync(call);
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Guidance = Ranked([1], At(1, 0.5)) });

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        await FreeAsync();
    }

    private static async Task<Wire.VisualLayout> AheadAsync(AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse> call)
    {
        // Of guided tiles only the thumbnail is encoded ahead: the pixels of the others wait.
        var input = Question;
        input.GuidedTiles = true;
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = input });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        return call.ResponseStream.Current.Layout.Images.Single();
    }

    private Task FreeAsync() => UntilAsync(() => Task.FromResult(Taken == 0));
}
