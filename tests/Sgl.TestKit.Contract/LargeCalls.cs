using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.TestKit.Contract;

/// <summary>Questions for a large service, and what comes back.</summary>
public static class LargeCalls
{
    public static Wire.LargeInput Ask(string question, params Wire.Image[] images)
    {
        var input = new Wire.LargeInput { Messages = { Chats.User(question) } };
        input.Images.AddRange(images);
        return input;
    }

    /// <summary>A question whose answer takes as many steps as the model has room for.</summary>
    public static Wire.LargeInput AskForLong(int tokens = 1000)
    {
        var input = Ask("What is the code in the blue box?");
        input.Sampling = new Wire.Sampling { MaxNewTokens = tokens, MinNewTokens = tokens };
        return input;
    }

    public static Wire.Guidance Unpruned() => new() { Unpruned = new Wire.Unpruned() };

    public static Wire.Guidance Ranked(IEnumerable<float> importance, params Wire.PrunePoint[] points)
    {
        var guidance = new Wire.Guidance { Ranked = new Wire.RankedGuidance { Importance = new Wire.Importance() } };
        guidance.Ranked.Importance.Values.AddRange(importance);
        guidance.Ranked.Points.AddRange(points);
        return guidance;
    }

    public static Wire.PrunePoint At(int layer, double ratio) => new() { Layer = layer, KeepRatio = ratio };

    /// <summary>Sends messages, closes the client's side, and collects all events.</summary>
    public static async Task<LargeAnswer> AnswerAsync(Wire.LargeService.LargeServiceClient client, params Wire.LargeServiceGenerateRequest[] messages)
    {
        using var call = client.Generate();
        foreach (var message in messages)
        {
            await call.RequestStream.WriteAsync(message);
        }

        await call.RequestStream.CompleteAsync();
        return await ReadAsync(call);
    }

    public static async Task<LargeAnswer> ReadAsync(AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse> call)
    {
        var events = new List<Wire.LargeServiceGenerateResponse>();
        await foreach (var e in call.ResponseStream.ReadAllAsync())
        {
            events.Add(e);
        }

        return new LargeAnswer(events);
    }
}

/// <summary>All events of one answer.</summary>
public sealed record LargeAnswer(IReadOnlyList<Wire.LargeServiceGenerateResponse> Events)
{
    public Wire.PromptLayout? Layout => Events.FirstOrDefault(e => e.Layout is not null)?.Layout;

    public Wire.PruneOutcome? Accepted => Events.FirstOrDefault(e => e.Accepted is not null)?.Accepted;

    public IReadOnlyList<Wire.Token> Tokens => [.. Events.Where(e => e.Token is not null).Select(e => e.Token)];

    public Wire.LargeCompleted? Completed => Events.Count == 0 ? null : Events[^1].Completed;
}
