using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.Router;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>A router in front of two services.</summary>
internal sealed class Cascade : IAsyncDisposable
{
    private readonly GrpcChannel _channel;

    private Cascade(WebApplication router)
    {
        Router = router;
        _channel = GrpcChannel.ForAddress(router.Services.GetRequiredService<ServiceEndpoints>().Grpc);
    }

    public WebApplication Router { get; }

    public Wire.RouterService.RouterServiceClient Client => new(_channel);

    private ServiceEndpoints Endpoints => Router.Services.GetRequiredService<ServiceEndpoints>();

    public ServiceHealth Health => Router.Services.GetRequiredService<ServiceHealth>();

    /// <summary>Starts the router without waiting for anything.</summary>
    public static async Task<Cascade> BeginAsync(RunningService small, RunningService large, params (string Key, string Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["Router:Small:Address"] = small.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Large:Address"] = large.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:HealthInterval"] = "00:00:00.2",
            ["Listen:DrainTimeout"] = "00:00:01",
            ["Listen:MetricsPort"] = "0",
            ["Listen:HttpPort"] = "0",
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var router = RouterHost.Create(all);
        await router.StartAsync();
        return new Cascade(router);
    }

    /// <summary>Starts the router and waits until it knows both models.</summary>
    public static async Task<Cascade> StartAsync(RunningService small, RunningService large, params (string Key, string Value)[] settings)
    {
        var cascade = await BeginAsync(small, large, settings);
        while (!RouterHost.PairOf(cascade.Router.Services).KnowsBoth)
        {
            await Task.Delay(50);
        }

        return cascade;
    }

    public async Task<Wire.AnswerCompleted> AskAsync(Wire.AnswerRequest request)
    {
        using var call = Client.Answer(request);
        var completed = new Wire.AnswerCompleted();
        await foreach (var e in call.ResponseStream.ReadAllAsync())
        {
            completed = e.Completed ?? completed;
        }

        return completed;
    }

    /// <summary>What the HTTP API answers, whatever its status.</summary>
    public async Task<JsonNode> PostAsync(JsonNode body)
    {
        using var http = new HttpClient();
        using var response = await http.PostAsJsonAsync(new Uri(Endpoints.Http!, "/v1/chat/completions"), body);
        return (await response.Content.ReadFromJsonAsync<JsonNode>())!;
    }

    /// <summary>What readiness says.</summary>
    public async Task<string> ReadyAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri(Endpoints.Metrics!, "/readyz"));
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await Router.DisposeAsync();
    }
}
