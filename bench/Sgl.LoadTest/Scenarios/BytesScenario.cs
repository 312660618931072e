using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Many requests of the longest kind at once. Goals: memory stays near the budget, what is too much is shed at once, and memory returns.</summary>
internal sealed class BytesScenario : IScenario
{
    private const int Requests = 24;
    private const int Size = 60 << 20;

    public string Name => "bytes";

    public string Summary => "24 requests of 60 MiB at once";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, cancellationToken: cancellationToken);
        var before = trio.Router.Memory;
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var message = new AnswerRequest();
        message.Images.Add(new V1.Image { Data = UnsafeByteOperations.UnsafeWrap(new byte[Size]) });
        message.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = "What?" } } });

        using var stop = new CancellationTokenSource();
        var peak = WatchAsync(trio.Router, stop.Token);
        var codes = await Task.WhenAll(Enumerable.Range(0, Requests).Select(_ => Task.Run(AskAsync, cancellationToken)));
        await stop.CancelAsync();
        foreach (var code in codes.GroupBy(c => c))
        {
            section.Note($"ended {code.Key}", code.Count());
        }

        section.Note("router at rest, MiB", before >> 20);
        section.Expect("router at its peak, MiB", await peak >> 20, most: 2400);
        section.Expect("bytes counted in the end", await trio.Router.MetricAsync("sgl_bytes_in_flight", cancellationToken), most: 0);
        var (after, ended) = (trio.Router.Memory, Stopwatch.GetTimestamp());
        while (after > before + (256L << 20) && Stopwatch.GetElapsedTime(ended) < TimeSpan.FromMinutes(2))
        {
            await Task.Delay(500, cancellationToken);
            after = trio.Router.Memory;
        }

        section.Note("seconds until then", Stopwatch.GetElapsedTime(ended).TotalSeconds);
        section.Expect("router afterwards over its rest, MiB", (after - before) >> 20, most: 256);

        async Task<StatusCode> AskAsync()
        {
            try
            {
                using var call = client.Answer(message, deadline: DateTime.UtcNow.AddSeconds(60), cancellationToken: cancellationToken);
                await foreach (var _ in call.ResponseStream.ReadAllAsync(cancellationToken))
                {
                }

                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }
    }

    private static async Task<long> WatchAsync(ServiceProcess service, CancellationToken cancellationToken)
    {
        var most = 0L;
        while (!cancellationToken.IsCancellationRequested)
        {
            most = Math.Max(most, service.Memory);
            await Task.Delay(20, CancellationToken.None);
        }

        return most;
    }
}
