using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>The small service on its demo model, shared by the tests that only ask it.</summary>
public sealed class SmallServer : IAsyncLifetime
{
    private RunningService? _service;

    internal RunningService Service => _service!;

    internal Wire.SmallService.SmallServiceClient Client => new(Service.Channel);

    public async Task InitializeAsync() => _service = await StartAsync();

    public async Task DisposeAsync() => await Service.DisposeAsync();

    internal static Task<RunningService> StartAsync(params (string Key, string Value)[] settings) =>
        RunningService.StartAsync(SmallServiceHost.CreateEmbedded(RunningService.Settings("small", settings)));

    internal static Wire.SmallServiceGenerateRequest Ask(string question, params Wire.Image[] images)
    {
        var request = new Wire.SmallServiceGenerateRequest { Messages = { Chats.User(question) } };
        request.Images.AddRange(images);
        return request;
    }

    /// <summary>A question whose answer takes as many steps as the model has room for.</summary>
    internal static Wire.SmallServiceGenerateRequest AskForLong(int tokens = 1000)
    {
        var request = Ask("What is the code in the blue box?");
        request.Sampling = new Wire.Sampling { MaxNewTokens = tokens, MinNewTokens = tokens };
        return request;
    }

    /// <summary>Asks, and collects all events.</summary>
    internal static async Task<SmallAnswer> AnswerAsync(Wire.SmallService.SmallServiceClient client, Wire.SmallServiceGenerateRequest request)
    {
        using var call = client.Generate(request);
        var events = new List<Wire.SmallServiceGenerateResponse>();
        await foreach (var e in call.ResponseStream.ReadAllAsync())
        {
            events.Add(e);
        }

        return new SmallAnswer(events);
    }

    internal Task<SmallAnswer> AnswerAsync(Wire.SmallServiceGenerateRequest request) => AnswerAsync(Client, request);
}

/// <summary>All events of one answer.</summary>
internal sealed record SmallAnswer(IReadOnlyList<Wire.SmallServiceGenerateResponse> Events)
{
    public Wire.PromptLayout Layout => Events[0].Layout;

    public IReadOnlyList<Wire.Token> Tokens => [.. Events.Where(e => e.Token is not null).Select(e => e.Token)];

    public Wire.SmallCompleted Completed => Events[^1].Completed;
}

[CollectionDefinition(nameof(SmallServer))]
public sealed class SmallServerGroup : ICollectionFixture<SmallServer>;
