using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.LargeService;
using Sgl.SmallService;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>The three real services, on the demo pair unless told otherwise, each with its own ports; shared by the tests that only ask.</summary>
public sealed class DemoTrio : IAsyncLifetime
{
    private WebApplication _router = null!;
    private GrpcChannel _channel = null!;

    /// <summary>Settings of all three, beside their addresses.</summary>
    internal IReadOnlyDictionary<string, string?> More { get; init; } = new Dictionary<string, string?>();

    /// <summary>Checkpoint folders in place of the demo pair's.</summary>
    internal (string Small, string Large)? Folders { get; init; }

    internal RunningService Small { get; private set; } = null!;

    internal RunningService Large { get; private set; } = null!;

    internal Wire.RouterService.RouterServiceClient Client => new(_channel);

    internal Uri Http => _router.Services.GetRequiredService<ServiceEndpoints>().Http!;

    internal Uri Metrics => _router.Services.GetRequiredService<ServiceEndpoints>().Metrics!;

    public async Task InitializeAsync()
    {
        Small = await RunningService.StartAsync(SmallServiceHost.CreateEmbedded(With(Settings("small", Folders?.Small))));
        Large = await RunningService.StartAsync(LargeServiceHost.CreateEmbedded(With(Settings("large", Folders?.Large))));
        _router = RouterHost.Create(With(new Dictionary<string, string?>
        {
            ["Listen:HttpPort"] = "0",
            ["Listen:MetricsPort"] = "0",
            ["Listen:DrainTimeout"] = "00:00:05",
            ["Router:Small:Address"] = Small.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
            ["Router:Large:Address"] = Large.Endpoints.Grpc.GetLeftPart(UriPartial.Authority),
        }));
        await _router.StartAsync();
        await _router.Services.GetRequiredService<ServiceHealth>().WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));
        _channel = GrpcChannel.ForAddress(_router.Services.GetRequiredService<ServiceEndpoints>().Grpc, new GrpcChannelOptions { MaxSendMessageSize = null, MaxReceiveMessageSize = null });
        while ((await Client.GetInfoAsync(new())).Large is null)
        {
            await Task.Delay(50);
        }
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _router.StopAsync();
        await _router.DisposeAsync();
        await Small.DisposeAsync();
        await Large.DisposeAsync();
    }

    private static Dictionary<string, string?> Settings(string model, string? folder) =>
        folder is null ? RunningService.Settings(model) : RunningService.Settings(model, ("Engine:Checkpoint", folder));

    private Dictionary<string, string?> With(Dictionary<string, string?> settings)
    {
        foreach (var (key, value) in More)
        {
            settings[key] = value;
        }

        return settings;
    }

    internal static Wire.AnswerRequest Ask(string question, params Wire.Image[] images)
    {
        var request = new Wire.AnswerRequest { Messages = { Chats.User(question) } };
        request.Images.AddRange(images);
        return request;
    }

    internal async Task<List<Wire.AnswerResponse>> AskAsync(Wire.AnswerRequest request, CallOptions options = default)
    {
        var events = new List<Wire.AnswerResponse>();
        using var call = Client.Answer(request, options);
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            events.Add(response);
        }

        return events;
    }

    /// <summary>What the large model answers by itself with these masks.</summary>
    internal async Task<string> LargeAloneAsync(Wire.AnswerRequest request, Wire.PruneOutcome pruning)
    {
        using var call = new Wire.LargeService.LargeServiceClient(Large.Channel).Generate();
        await call.RequestStream.WriteAsync(new()
        {
            Input = new Wire.LargeInput { Messages = { request.Messages }, Images = { request.Images }, Sampling = request.Sampling },
            Guidance = new Wire.Guidance { Masks = new Wire.MaskGuidance { Steps = { pruning.Steps } } },
        });
        await call.RequestStream.CompleteAsync();
        var answer = "";
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            answer = response.Completed?.Answer ?? answer;
        }

        return answer;
    }
}

[CollectionDefinition(nameof(DemoTrio))]
public sealed class DemoTrioGroup : ICollectionFixture<DemoTrio>;
