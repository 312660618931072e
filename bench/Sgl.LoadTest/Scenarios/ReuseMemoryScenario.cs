using System.Diagnostics;
using Grpc.Core;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// A day of pictures in short: new ones all the time, most asked about once, some twice, some in a chat of three turns. Goals: the caches stay within their budgets at every look, and
/// the processes' memory does not grow once the caches are full.
/// </summary>
internal sealed class ReuseMemoryScenario : IScenario
{
    // Full after a few dozen pictures.
    private const int PrefixMiB = 16;
    private const int VisionMiB = 1;
    private const int Users = 2;

    // Fragments of freed memory, and what the runtime keeps for the next request.
    private const double GrowthMiB = 48;

    private const double MiB = 1 << 20;

    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(30);

    public string Name => "reuse-memory";

    public string Summary => "random pictures for the whole time, and how much memory the reuse caches take (a day: --seconds 3600)";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        string[] settings = [.. new[] { "small", "large" }.SelectMany(s => new[] { $"{s}:Engine:PrefixCacheMiB={PrefixMiB}", $"{s}:Engine:VisionCacheMiB={VisionMiB}", $"{s}:Engine:KvBudgetMiB=256" })];
        await using var trio = await ServiceTrio.StartAsync(options, settings: settings, cancellationToken: cancellationToken);
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        ServiceProcess[] models = [trio.Smalls[0], trio.Larges[0]];
        var looks = models.ToDictionary(m => m, _ => new List<Look>());
        using var stop = new CancellationTokenSource();
        Directory.CreateDirectory(options.Output);
        var watching = WatchAsync(looks, Path.Combine(options.Output, "reuse-memory.csv"), stop.Token);
        var pictures = 0;
        var asked = await LoadGenerator.FixedAsync(Users, options.Duration, (n, token) => TalkAsync(client, Interlocked.Increment(ref pictures), options, token), cancellationToken);
        await stop.CancelAsync();
        section.Note("looks that a service was too busy to answer", await watching);
        section.Add("chats about new pictures", LoadSummary.Of(asked, options.Duration));
        section.Expect("failed", asked.Count(o => o.Ending != Ending.Answered), most: 0);
        foreach (var model in models)
        {
            var seen = looks[model];
            section.Expect($"{model.Name}: most bytes of the prefix cache, MiB", seen.Max(l => l.Prefixes) / (1 << 20), most: PrefixMiB);
            section.Expect($"{model.Name}: most bytes of the vision cache, MiB", seen.Max(l => l.Vision) / (1 << 20), most: VisionMiB);
            section.Expect($"{model.Name}: evictions", await model.MetricAsync("sgl_prefix_cache_evictions_total", cancellationToken), least: 1);
            section.Note($"{model.Name}: hits", await model.MetricAsync("sgl_prefix_cache_hits_total", cancellationToken));
            section.Note($"{model.Name}: tokens not run again", await model.MetricAsync("sgl_cached_prompt_tokens_total", cancellationToken));

            // Once the caches are full: the second and the last quarter of the looks.
            var quarter = Math.Max(1, seen.Count / 4);
            var (early, late) = (Median(seen.Skip(quarter).Take(quarter)), Median(seen.TakeLast(quarter)));
            section.Note($"{model.Name}: resident memory in the second quarter, MiB", early);
            section.Expect($"{model.Name}: growth from there to the last quarter, MiB", late - early, most: GrowthMiB);
        }
    }

    private static double Median(IEnumerable<Look> looks)
    {
        var sorted = looks.Select(l => l.Resident).Order().ToArray();
        return sorted.Length == 0 ? 0 : sorted[sorted.Length / 2] / (double)(1 << 20);
    }

    /// <summary>Looks at the services until it is stopped, and writes a line of each twice a minute: what an hour's run has seen is there if it is cut short.</summary>
    /// <returns>Looks that failed.</returns>
    private static async Task<int> WatchAsync(Dictionary<ServiceProcess, List<Look>> looks, string file, CancellationToken cancellationToken)
    {
        await using var lines = new StreamWriter(file) { AutoFlush = true };
        await lines.WriteLineAsync("seconds,service,resident_mib,prefixes_mib,vision_mib");
        var (started, written, missed) = (Stopwatch.GetTimestamp(), TimeSpan.Zero, 0);
        while (!cancellationToken.IsCancellationRequested)
        {
            var now = Stopwatch.GetElapsedTime(started);
            foreach (var (model, seen) in looks)
            {
                try
                {
                    var look = new Look(
                        model.Memory,
                        await model.MetricAsync("sgl_prefix_cache_bytes", CancellationToken.None),
                        await model.MetricAsync("sgl_vision_cache_bytes", CancellationToken.None));
                    seen.Add(look);
                    if (now - written >= BetweenLines)
                    {
                        await lines.WriteLineAsync(FormattableString.Invariant(
                            $"{now.TotalSeconds:0},{model.Name},{look.Resident / MiB:0},{look.Prefixes / MiB:0.00},{look.Vision / MiB:0.00}"));
                    }
                }
                catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
                {
                    missed++;
                }
            }

            written = now - written >= BetweenLines ? now : written;
            await Task.Delay(200, CancellationToken.None);
        }

        return missed;
    }

    /// <summary>One to three turns about one picture.</summary>
    private static async Task<Outcome> TalkAsync(RouterService.RouterServiceClient client, int number, LoadOptions options, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var picture = Pictures.Distinct(1, (options.Seed << 20) + number, options.Size)[0];
        var request = new AnswerRequest { Sampling = new Sampling { MaxNewTokens = 8 }, OmitImportance = true };
        request.Images.Add(new Image { Data = picture });
        try
        {
            for (var turn = 0; turn <= number % 3; turn++)
            {
                // Every other picture is talked about in turns, the others are asked about anew.
                if (number % 2 == 0)
                {
                    request.Messages.Clear();
                }

                request.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = $"What shape is number {turn}?" } } });
                request.Policy = new RoutingPolicy { Force = turn % 2 == 0 ? Route.Large : Route.Unspecified };
                var answer = "";
                using var call = client.Answer(request, deadline: DateTime.UtcNow.AddMinutes(5), cancellationToken: cancellationToken);
                await foreach (var message in call.ResponseStream.ReadAllAsync(cancellationToken))
                {
                    answer = message.Completed?.Answer ?? answer;
                }

                request.Messages.Add(new ChatMessage { Role = ChatRole.Assistant, Parts = { new ChatPart { Text = answer.Length == 0 ? "?" : answer } } });
            }

            return new Outcome(Ending.Answered, Stopwatch.GetElapsedTime(started));
        }
        catch (RpcException e)
        {
            return new Outcome(Ending.Failed, Stopwatch.GetElapsedTime(started), null, $"{e.StatusCode}: {e.Status.Detail}");
        }
    }

    private readonly record struct Look(long Resident, double Prefixes, double Vision);
}
