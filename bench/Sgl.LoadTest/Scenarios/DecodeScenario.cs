using Grpc.Core;
using Sgl.TestKit;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Answers at the cost of a real decoder: what batching gains when nothing but decoding is to be done.</summary>
internal sealed class DecodeScenario : IScenario
{
    private const int Tokens = 64;
    private const int Rounds = 3;

    public string Name => "decode";

    public string Summary => $"answers of {Tokens} tokens to short texts by a model of InternVL2-1B's shape, through router and small service, a fixed number in flight";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        var folder = WideFolder.Served(WideFolder.Weights("1b", options.Cache));
        await using var trio = await ServiceTrio.StartAsync(
            options with { Small = folder, Large = folder },
            settings:
            [
                "small:Engine:MaxBatch=32", "small:Engine:KvBudgetMiB=1024", "large:Engine:KvBudgetMiB=64", "large:Engine:MaxNewTokens=64",
                "router:Router:Small:Timeout=01:00:00", "router:Router:Small:FirstResponseTimeout=01:00:00",
            ],
            cancellationToken: cancellationToken);
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var small = trio.Smalls[0];
        await StretchAsync(options.Concurrency[^1], TimeSpan.FromSeconds(2));

        // In turns, so that whatever else the machine does falls on all of them alike.
        var rates = options.Concurrency.ToDictionary(c => c, _ => new List<(double Clock, double Processor)>());
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var concurrency in round % 2 == 0 ? options.Concurrency : options.Concurrency.Reverse())
            {
                rates[concurrency].Add(await StretchAsync(concurrency, options.Duration / Rounds));
            }
        }

        foreach (var (concurrency, all) in rates)
        {
            section.Note($"{concurrency} in flight, tokens/s", Median(all.Select(r => r.Clock)));
            section.Note($"{concurrency} in flight, tokens per second of the small service's processor time", Median(all.Select(r => r.Processor)));
        }

        foreach (var ((few, before), (many, after)) in rates.Zip(rates.Skip(1)))
        {
            double? goal = (few, many) switch { (1, 8) => 3.5, (8, 32) => 1, _ => null };
            section.Expect($"{many} / {few}, tokens/s", Median(before.Zip(after, (b, a) => a.Clock / b.Clock)), least: goal);
            section.Note($"{many} / {few}, of processor time", Median(before.Zip(after, (b, a) => a.Processor / b.Processor)));
        }

        // Tokens that come while all users ask: neither the first prompts nor the last answers count.
        async Task<(double Clock, double Processor)> StretchAsync(int concurrency, TimeSpan duration)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            long tokens = 0;
            var answering = 0;
            var users = Enumerable.Range(0, concurrency).Select(user => Task.Run(() => UserAsync(user), CancellationToken.None)).ToList();
            while (Volatile.Read(ref answering) < concurrency && !users.Exists(u => u.IsCompleted))
            {
                await Task.Delay(10, cancellationToken);
            }

            var (begin, cpu, first) = (System.Diagnostics.Stopwatch.GetTimestamp(), small.CpuTime, Interlocked.Read(ref tokens));
            await Task.Delay(duration, cancellationToken);
            var count = Interlocked.Read(ref tokens) - first;
            var (clock, processor) = (System.Diagnostics.Stopwatch.GetElapsedTime(begin), small.CpuTime - cpu);
            await stop.CancelAsync();
            await Task.WhenAll(users);
            return (count / clock.TotalSeconds, count / processor.TotalSeconds);

            async Task UserAsync(int user)
            {
                var counted = false;
                try
                {
                    for (var number = 0; !stop.IsCancellationRequested; number++)
                    {
                        using var call = client.Answer(Request(user + (number * concurrency)), cancellationToken: stop.Token);
                        await foreach (var message in call.ResponseStream.ReadAllAsync(stop.Token))
                        {
                            if (message.EventCase == AnswerResponse.EventOneofCase.SmallToken)
                            {
                                Interlocked.Increment(ref tokens);
                                if (!counted)
                                {
                                    counted = true;
                                    Interlocked.Increment(ref answering);
                                }
                            }
                        }
                    }
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled || stop.IsCancellationRequested)
                {
                    // The stretch is over.
                }
                catch (OperationCanceledException)
                {
                    // The same.
                }
            }
        }
    }

    private static AnswerRequest Request(int number) => new()
    {
        Policy = new RoutingPolicy { Force = Route.Small },
        Sampling = new Sampling { MaxNewTokens = Tokens, MinNewTokens = Tokens },
        OmitImportance = true,
        Messages = { new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = $"How many circles are there on page {number}?" } } } },
    };

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
