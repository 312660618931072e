using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Asks the router over gRPC, each time about another picture.</summary>
internal sealed class RouterClient(GrpcChannel channel, IReadOnlyList<ByteString> pictures)
{
    private static readonly string[] Questions = ["What shape is black?", "What shape is orange?", "What shape is blue?"];

    private readonly RouterService.RouterServiceClient _client = new(channel);

    /// <summary>Most time for an answer.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The policy of all requests; null: the router's.</summary>
    public RoutingPolicy? Policy { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public int MaxNewTokens { get; init; } = 16;

    /// <summary>The n-th request.</summary>
    public AnswerRequest Request(int number)
    {
        var request = new AnswerRequest { Policy = Policy, Sampling = new Sampling { MaxNewTokens = MaxNewTokens }, OmitImportance = true };
        request.Images.Add(new V1.Image { Data = pictures[number % pictures.Count] });
        request.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = Questions[number % Questions.Length] } } });
        return request;
    }

    /// <summary>Asks and reads to the end.</summary>
    public async Task<Outcome> AskAsync(int number, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        TimeSpan? first = null;
        var ending = Ending.Failed;
        try
        {
            using var call = _client.Answer(Request(number), deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            await foreach (var message in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                switch (message.EventCase)
                {
                    case AnswerResponse.EventOneofCase.SmallToken or AnswerResponse.EventOneofCase.LargeToken:
                        first ??= Stopwatch.GetElapsedTime(started);
                        break;
                    case AnswerResponse.EventOneofCase.Completed:
                        ending = message.Completed.Path == AnswerPath.Degraded ? Ending.Degraded : Ending.Answered;
                        break;
                }
            }

            return new Outcome(ending, Stopwatch.GetElapsedTime(started), first, ending == Ending.Failed ? "the stream ended without an answer" : "");
        }
        catch (RpcException e)
        {
            var kind = e.StatusCode switch
            {
                StatusCode.ResourceExhausted => Ending.Shed,
                StatusCode.DeadlineExceeded => Ending.Late,
                _ => Ending.Failed,
            };
            return new Outcome(kind, Stopwatch.GetElapsedTime(started), null, $"{e.StatusCode}: {e.Status.Detail}");
        }
    }
}
