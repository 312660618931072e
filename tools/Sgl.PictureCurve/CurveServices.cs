using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.EngineBridge;
using Sgl.Hosting;
using Sgl.LargeService;
using Sgl.Router;
using Sgl.SmallService;

namespace Sgl.PictureCurve;

/// <summary>The demo pair, our own HTTP API in front of it as an engine that nobody can prune, and a bridge to its large model.</summary>
internal sealed class CurveServices : IAsyncDisposable
{
    private readonly List<WebApplication> _apps = [];
    private readonly List<GrpcChannel> _channels = [];

    public Wire.SmallService.SmallServiceClient Small { get; private set; } = null!;

    public Wire.LargeService.LargeServiceClient Large { get; private set; } = null!;

    public Wire.LargeService.LargeServiceClient Bridge { get; private set; } = null!;

    public static async Task<CurveServices> StartAsync(string root, CancellationToken cancellationToken)
    {
        var services = new CurveServices();
        var small = await services.StartAsync(SmallServiceHost.CreateEmbedded(Model(root, "small")), cancellationToken);
        var large = await services.StartAsync(LargeServiceHost.CreateEmbedded(Model(root, "large")), cancellationToken);
        var router = await services.StartAsync(
            RouterHost.Create(new Dictionary<string, string?>
            {
                ["Listen:HttpPort"] = "0",
                ["Router:Small:Address"] = small.Grpc.GetLeftPart(UriPartial.Authority),
                ["Router:Large:Address"] = large.Grpc.GetLeftPart(UriPartial.Authority),
                ["Router:Large:Timeout"] = "00:10:00",
                ["Router:Policy:Unpruned"] = "true",
                ["Router:Policy:OnLargeFailure"] = "Fail",
            }),
            cancellationToken);
        var bridge = await services.StartAsync(
            EngineBridgeHost.CreateEmbedded(new Dictionary<string, string?>
            {
                ["Bridge:Endpoint"] = new Uri(router.Http!, "v1").ToString(),
                ["Bridge:Model"] = "sgl-demo-large",
                ["Bridge:MeasureVisualTokens"] = "true",
                ["Bridge:FirstTokenTimeout"] = "00:10:00",
                ["Bridge:TokenTimeout"] = "00:10:00",
            }),
            cancellationToken);
        services.Small = new(services.Channel(small));
        services.Large = new(services.Channel(large));
        services.Bridge = new(services.Channel(bridge));
        return services;
    }

    public async ValueTask DisposeAsync()
    {
        _channels.ForEach(c => c.Dispose());
        foreach (var app in Enumerable.Reverse(_apps))
        {
            await app.DisposeAsync();
        }
    }

    private static Dictionary<string, string?> Model(string root, string name) => new() { ["Engine:Checkpoint"] = Path.Combine(root, "models", $"sgl-demo-{name}") };

    private async Task<ServiceEndpoints> StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        _apps.Add(app);
        await app.StartAsync(cancellationToken);
        await app.Services.GetRequiredService<ServiceHealth>().WaitUntilServingAsync(cancellationToken);
        return app.Services.GetRequiredService<ServiceEndpoints>();
    }

    private GrpcChannel Channel(ServiceEndpoints endpoints)
    {
        var channel = GrpcChannel.ForAddress(endpoints.Grpc, new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
        _channels.Add(channel);
        return channel;
    }
}
