using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.LargeService;
using Sgl.Router;
using Sgl.SmallService;
using Sgl.TestKit.Serving;

namespace Sgl.EngineBridge;

/// <summary>An engine with an OpenAI-compatible API that we know all about: our own router over HTTP, on the demo pair, asked for one of its models by name.</summary>
public sealed class OwnEndpoint : IAsyncLifetime
{
    /// <summary>Name of the large model.</summary>
    internal const string LargeModel = "sgl-demo-large";

    /// <summary>Name of the small model.</summary>
    internal const string SmallModel = "sgl-demo-small";

    private WebApplication _router = null!;

    internal RunningService Small { get; private set; } = null!;

    internal RunningService Large { get; private set; } = null!;

    /// <summary>Base address of the API.</summary>
    internal Uri Address => new(_router.Services.GetRequiredService<ServiceEndpoints>().Http!, "v1");

    public async Task InitializeAsync()
    {
        Small = await RunningService.StartAsync(SmallServiceHost.CreateEmbedded(RunningService.Settings("small")));
        Large = await RunningService.StartAsync(LargeServiceHost.CreateEmbedded(RunningService.Settings("large")));
        _router = RouterHost.Create(new Dictionary<string, string?>
        {
            ["Listen:HttpPort"] = "0",
            ["Listen:DrainTimeout"] = "00:00:01",
            ["Router:Small:Address"] = Small.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Large:Address"] = Large.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Policy:Unpruned"] = "true",
        });
        await _router.StartAsync();
        while (!RouterHost.PairOf(_router.Services).KnowsBoth)
        {
            await Task.Delay(50);
        }
    }

    public async Task DisposeAsync()
    {
        await _router.DisposeAsync();
        await Small.DisposeAsync();
        await Large.DisposeAsync();
    }

    /// <summary>A bridge to the large model of this endpoint.</summary>
    internal Task<RunningService> BridgeAsync(params (string Key, string Value)[] settings) =>
        Bridges.StartAsync(Address, LargeModel, settings);
}

[CollectionDefinition(nameof(OwnEndpoint))]
public sealed class OwnEndpointGroup : ICollectionFixture<OwnEndpoint>;
