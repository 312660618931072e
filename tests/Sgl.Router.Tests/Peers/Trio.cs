using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>The real router between two scripted peers, all on loopback ports.</summary>
internal sealed class Trio : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Trio(WebApplication router)
    {
        Router = router;
        Channel = GrpcChannel.ForAddress(Endpoints.Grpc, new GrpcChannelOptions { MaxReceiveMessageSize = null });
        Client = new Wire.RouterService.RouterServiceClient(Channel);
    }

    public SmallPeer Small { get; private init; } = null!;

    public LargePeer Large { get; private init; } = null!;

    public WebApplication Router { get; }

    public GrpcChannel Channel { get; }

    public Wire.RouterService.RouterServiceClient Client { get; }

    public HttpClient Http { get; } = new();

    public ServiceEndpoints Endpoints => Router.Services.GetRequiredService<ServiceEndpoints>();

    public ServiceHealth Health => Router.Services.GetRequiredService<ServiceHealth>();

    /// <summary>Starts all three and waits until the router serves and knows both models.</summary>
    public static Task<Trio> StartAsync(params (string Key, string Value)[] settings) => StartAsync(null, settings);

    public static async Task<Trio> StartAsync(Action<SmallPeer, LargePeer>? script, params (string Key, string Value)[] settings)
    {
        var trio = await StartWithoutWaitingAsync(script, startLarge: true, settings);
        await trio.Health.WaitUntilServingAsync().WaitAsync(Patience);
        await trio.UntilAsync(() => Task.FromResult(RouterHost.PairOf(trio.Router.Services).KnowsBoth));
        return trio;
    }

    public static Task<Trio> StartWithoutWaitingAsync(Action<SmallPeer, LargePeer>? script, bool startLarge, params (string Key, string Value)[] settings) =>
        StartWithoutWaitingAsync(script, startLarge, all => RouterHost.Create(all), settings);

    public static Task<Trio> StartWithoutWaitingAsync(
        Action<SmallPeer, LargePeer>? script, bool startLarge, ILoggerFactory log, params (string Key, string Value)[] settings) =>
        StartWithoutWaitingAsync(script, startLarge, all => RouterHost.Create(all, log), settings);

    /// <summary>Starts all three, with names that are looked up as <paramref name="lookup"/> says.</summary>
    public static Task<Trio> StartWithoutWaitingAsync(
        Action<SmallPeer, LargePeer>? script, bool startLarge, HostLookup lookup, params (string Key, string Value)[] settings) =>
        StartWithoutWaitingAsync(script, startLarge, all => RouterHost.Create(all, lookup), settings);

    private static async Task<Trio> StartWithoutWaitingAsync(
        Action<SmallPeer, LargePeer>? script, bool startLarge, Func<Dictionary<string, string?>, WebApplication> create, (string Key, string Value)[] settings)
    {
        var (small, large) = (new SmallPeer(), new LargePeer());
        script?.Invoke(small, large);
        await small.StartAsync();
        await large.StartAsync();
        if (!startLarge)
        {
            await large.StopAsync();
        }

        var all = new Dictionary<string, string?>
        {
            ["Listen:MetricsPort"] = "0",
            ["Listen:HttpPort"] = "0",
            ["Listen:DrainTimeout"] = "00:00:01",
            ["Router:Small:Address"] = small.Address,
            ["Router:Large:Address"] = large.Address,
            ["Router:HealthInterval"] = "00:00:00.100",
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var router = create(all);
        await router.StartAsync();
        return new Trio(router) { Small = small, Large = large };
    }

    /// <summary>A request with one image (bytes that no decoder sees here) and a question.</summary>
    public static Wire.AnswerRequest Request(Wire.RoutingPolicy? policy = null, int images = 1)
    {
        var request = new Wire.AnswerRequest
        {
            Messages = { new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = "How many?" } } } },
            Policy = policy,
        };
        for (var i = 0; i < images; i++)
        {
            request.Images.Add(new Wire.Image { Data = ByteString.CopyFromUtf8("image bytes") });
        }

        return request;
    }

    /// <summary>Asks and collects all events.</summary>
    public async Task<List<Wire.AnswerResponse>> AskAsync(Wire.AnswerRequest request, CallOptions options = default)
    {
        var events = new List<Wire.AnswerResponse>();
        using var call = Client.Answer(request, options);
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            events.Add(response);
        }

        return events;
    }

    public async Task<Wire.AnswerCompleted> AnswerAsync(Wire.RoutingPolicy? policy = null, int images = 1) => (await AskAsync(Request(policy, images)))[^1].Completed;

    /// <summary>The value of a series, whatever the order of its labels; 0 where it does not exist yet.</summary>
    public async Task<double> MetricAsync(string name, params string[] labels)
    {
        var text = await Http.GetStringAsync(new Uri(Endpoints.Metrics!, "/metrics"));
        var line = text.Split('\n').SingleOrDefault(l =>
            (l.StartsWith(name + "{", StringComparison.Ordinal) || l.StartsWith(name + " ", StringComparison.Ordinal))
            && labels.All(label => l.Contains(label, StringComparison.Ordinal)));
        return line is null ? 0 : double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);
    }

    public async Task UntilAsync(Func<Task<bool>> holds)
    {
        var end = DateTime.UtcNow + Patience;
        while (!await holds())
        {
            Assert.True(DateTime.UtcNow < end, "what was waited for did not happen");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Channel.Dispose();
        await Router.StopAsync();
        await Router.DisposeAsync();
        await Small.DisposeAsync();
        await Large.DisposeAsync();
    }
}
