using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Sgl.Traces;

/// <summary>A question that is sent on to the large model, asked of three real processes, and the trace that a collector gets of it.</summary>
internal static class EscalatedQuestion
{
    /// <summary>Root of the trace: the client's own span, which only the client knows.</summary>
    public const string ClientName = "client";

    /// <summary>Names of all spans that belong to it, by process.</summary>
    public static IReadOnlyList<(string Service, string Name)> Expected { get; } =
    [
        (ClientName, "ask"),
        ("sgl-router", "sgl.v1.RouterService/Answer"),
        ("sgl-router", "chat sgl-demo-small"),
        ("sgl-router", "chat sgl-demo-large"),
        ("sgl-small", "sgl.v1.SmallService/Generate"), ("sgl-small", "preprocess"), ("sgl-small", "vision"), ("sgl-small", "queue"), ("sgl-small", "prefill"), ("sgl-small", "decode"), ("sgl-small", "consistency"),
        ("sgl-large", "sgl.v1.LargeService/Generate"), ("sgl-large", "preprocess"), ("sgl-large", "vision"), ("sgl-large", "queue"), ("sgl-large", "prefill"), ("sgl-large", "decode"),
    ];

    /// <summary>Asks, after another question, since the first time everything is slower than ever after.</summary>
    /// <param name="models">Folder of the demo pair.</param>
    /// <param name="other">Another picture, which leaves nothing of this one in a cache.</param>
    /// <param name="image">A picture.</param>
    /// <param name="question">About it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<IReadOnlyList<TracedSpan>> AskAsync(string models, string other, string image, string question, CancellationToken cancellationToken)
    {
        await using var receiver = await TraceReceiver.StartAsync();
        using var services = await Services.StartAsync(models, receiver.Address, cancellationToken);
        using var channel = GrpcChannel.ForAddress(services.Router);
        var client = new Wire.RouterService.RouterServiceClient(channel);
        await AskAsync(client, other, question, "", cancellationToken);

        var (trace, id) = (ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom());
        var start = DateTimeOffset.UtcNow;
        await AskAsync(client, image, question, $"00-{trace}-{id}-01", cancellationToken);
        var root = new TracedSpan(
            ClientName, trace.ToHexString(), id.ToHexString(), "", "ask", start, DateTimeOffset.UtcNow, new Dictionary<string, object?> { ["question"] = question }, [], false);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(1)); // spans come in batches
        var rest = await receiver.TraceAsync(trace.ToHexString(), spans => Expected.Skip(1).All(e => spans.Any(s => (s.Service, s.Name) == e)), patience.Token);
        return [root, .. rest];
    }

    private static async Task AskAsync(Wire.RouterService.RouterServiceClient client, string image, string question, string traceparent, CancellationToken cancellationToken)
    {
        var request = new Wire.AnswerRequest
        {
            Images = { new Wire.Image { Data = ByteString.CopyFrom(await File.ReadAllBytesAsync(image, cancellationToken)) } },
            Messages = { new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = question } } } },

            // Above every score; and without a draft, so that the large model decodes.
            Policy = new Wire.RoutingPolicy { Threshold = 2, OmitDraft = true },
        };
        using var call = client.Answer(request, traceparent.Length == 0 ? [] : new Metadata { { "traceparent", traceparent } }, cancellationToken: cancellationToken);
        await foreach (var _ in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
        }
    }
}
