using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Sgl.Access;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>A router that asks for keys, between two scripted peers; Alice's has no limits but what a test gives it.</summary>
internal sealed class GuardedTrio : IAsyncDisposable
{
    private GuardedTrio(Trio trio) => Trio = trio;

    public static string AlicesKey { get; } = ApiKey.Create();

    public static string BobsKey { get; } = ApiKey.Create();

    /// <summary>Looks like a key and is none.</summary>
    public static string WrongKey { get; } = ApiKey.Create();

    public Trio Trio { get; }

    public static IEnumerable<(string Key, string Value)> Keys =>
    [
        ("Access:Keys:0:Name", "alice"), ("Access:Keys:0:Hash", ApiKey.Hash(AlicesKey)),
        ("Access:Keys:1:Name", "bob"), ("Access:Keys:1:Hash", ApiKey.Hash(BobsKey)),
    ];

    public static async Task<GuardedTrio> StartAsync(Action<SmallPeer, LargePeer>? script, ILoggerFactory? log, params (string Key, string Value)[] settings)
    {
        var trio = await Trio.StartWithoutWaitingAsync(script, startLarge: true, log ?? new CollectedLog(), [.. Keys, .. settings]);
        await trio.UntilAsync(() => Task.FromResult(RouterHost.PairOf(trio.Router.Services).KnowsBoth));
        return new GuardedTrio(trio);
    }

    public static Task<GuardedTrio> StartAsync(params (string Key, string Value)[] settings) => StartAsync(null, null, settings);

    /// <summary>A client that shows a key; null: none.</summary>
    public Wire.RouterService.RouterServiceClient Client(string? key) => new(Trio.Channel.Intercept(metadata =>
    {
        if (key is not null)
        {
            metadata.Add("authorization", $"Bearer {key}");
        }

        return metadata;
    }));

    public async Task<Wire.AnswerCompleted> AnswerAsync(string? key, Wire.RoutingPolicy? policy = null)
    {
        using var call = Client(key).Answer(Trio.Request(policy));
        var last = await call.ResponseStream.ReadAllAsync().LastAsync();
        return last.Completed;
    }

    public async Task<HttpResponseMessage> PostAsync(string? key, object? sgl = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Trio.Endpoints.Http!, "/v1/chat/completions"))
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { model = "sgl", messages = new[] { new { role = "user", content = "How many?" } }, sgl = sgl ?? new { } }),
        };
        if (key is not null)
        {
            request.Headers.Authorization = new("Bearer", key);
        }

        return await Trio.Http.SendAsync(request);
    }

    public ValueTask DisposeAsync() => Trio.DisposeAsync();
}
