using Sgl.Access;
using Sgl.LargeService;
using Sgl.TestKit.Serving;
using Sgl.Router;
using Sgl.SmallService;

namespace Sgl.Client.Tests;

/// <summary>The three real services on the demo pair; the router asks for a key.</summary>
public sealed class DemoRouter : IAsyncLifetime
{
    private static readonly string Key = ApiKey.Create();

    internal RunningService Small { get; private set; } = null!;

    internal RunningService Large { get; private set; } = null!;

    internal RunningService Router { get; private set; } = null!;

    internal SglClient Client { get; private set; } = null!;

    /// <summary>A question that both models can answer.</summary>
    internal static Wire.AnswerRequest Question(Wire.RoutingPolicy? policy = null)
    {
        var request = SglQuestion.Of("What word is in the orange box?", Picture());
        request.Policy = policy;
        return request;
    }

    /// <summary>The picture that it is about.</summary>
    internal static ReadOnlyMemory<byte> Picture() => Samples.Image("codes.png").Data.Memory;

    /// <summary>Options of a client that has the key.</summary>
    internal SglClientOptions Options() => new() { Address = Router.Endpoints.Grpc.GetLeftPart(UriPartial.Authority), ApiKey = Key };

    public async Task InitializeAsync()
    {
        Small = await RunningService.StartAsync(SmallServiceHost.CreateEmbedded(RunningService.Settings("small")));
        Large = await RunningService.StartAsync(LargeServiceHost.CreateEmbedded(RunningService.Settings("large")));
        Router = await RunningService.StartLoadingAsync(RouterHost.Create(new Dictionary<string, string?>
        {
            ["Access:Keys:0:Name"] = "tests",
            ["Access:Keys:0:Hash"] = ApiKey.Hash(Key),
            ["Listen:MetricsPort"] = "0",
            ["Listen:DrainTimeout"] = "00:00:01",
            ["Router:Small:Address"] = Small.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Large:Address"] = Large.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Policies:0:Name"] = "careful",
            ["Router:Policies:0:Threshold"] = "2",
        }));
        Client = new SglClient(Options());
        while (!RouterHost.PairOf(Router.App.Services).KnowsBoth)
        {
            await Task.Delay(50);
        }
    }

    public async Task DisposeAsync()
    {
        Client.Dispose();
        await Router.DisposeAsync();
        await Small.DisposeAsync();
        await Large.DisposeAsync();
    }
}

[CollectionDefinition(nameof(DemoRouter))]
public sealed class DemoRouterGroup : ICollectionFixture<DemoRouter>;
