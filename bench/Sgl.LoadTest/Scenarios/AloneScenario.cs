using Google.Protobuf;
using Grpc.Core;
using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.Testing;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// Questions of the demo benchmark to small and large model together, against the large model alone without pruning, at equal accuracy. One pass over a
/// part of the questions tells which threshold that takes at each retention; then both are asked in turns.
/// </summary>
internal sealed class AloneScenario : IScenario
{
    private const int Questions = 400;
    private const int InFlight = 8;
    private const int Rounds = 3;

    private static readonly int[] Retentions = [100, 64, 35];

    public string Name => "alone";

    public string Summary => $"the demo benchmark, {InFlight} questions in flight: both models against the large one alone, at equal accuracy";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        var dataset = Benchmarks.Named("synthetic").Read(Repository.Path("benchmarks", "synthetic"));

        // Questions about a page stand together; taken from all over, each page is met once or twice.
        var step = Math.Max(1, dataset.Questions.Count / Questions);
        EvaluationQuestion[] questions = [.. dataset.Questions.Where((_, i) => i % step == 0).Take(Questions)];
        var pages = new Dictionary<string, ByteString>();
        foreach (var question in questions)
        {
            pages[question.Image.Name] = ByteString.CopyFrom(await question.Image.ReadAsync(cancellationToken));
        }

        // No page is known from before, as in a day's mixed load.
        await using var trio = await ServiceTrio.StartAsync(
            options, settings: [.. new[] { "small", "large" }.SelectMany(m => new[] { $"{m}:Engine:VisionCacheMiB=0", $"{m}:Engine:PrefixCacheMiB=0" })], cancellationToken: cancellationToken);
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var alone = new RoutingPolicy { Force = Route.Large, Unpruned = true };

        var small = await PassAsync(new RoutingPolicy { Force = Route.Small });
        var large = await PassAsync(alone);
        section.Note("accuracy of the large model alone, %", 100 * large.Average(r => r.Right));
        section.Note("accuracy of the small model alone, %", 100 * small.Average(r => r.Right));

        var variants = new List<(string Name, RoutingPolicy Policy)>();
        foreach (var retention in Retentions)
        {
            var pruned = retention == 100 ? large : await PassAsync(Pruned(retention, new RoutingPolicy { Force = Route.Large }));
            section.Note($"accuracy of the large model at {retention} %, no exits, %", 100 * pruned.Average(r => r.Right));
            var (threshold, exits) = Threshold(small, pruned, large.Sum(r => r.Right));
            if (!double.IsNaN(threshold))
            {
                section.Note($"most exits at {retention} % and equal accuracy, %", 100 * exits);
                variants.Add(($"both, {retention} %", Pruned(retention, new RoutingPolicy { Threshold = threshold })));
            }
        }

        variants.Add(("large alone", alone));
        var rates = variants.ConvertAll(_ => new List<Rate>());
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var i in round % 2 == 0 ? Enumerable.Range(0, variants.Count) : Enumerable.Range(0, variants.Count).Reverse())
            {
                rates[i].Add(await StretchAsync(variants[i].Policy, options.Duration / Rounds));
            }
        }

        var most = 0.0;
        for (var i = 0; i < variants.Count; i++)
        {
            section.Note($"{variants[i].Name}, answered/s", Median(rates[i].Select(r => r.Answered)));
            if (i < variants.Count - 1)
            {
                var ratio = Median(rates[i].Zip(rates[^1], (b, l) => b.Answered / l.Answered));
                section.Note($"{variants[i].Name} / large alone, answered/s", ratio);
                section.Note($"large alone / {variants[i].Name}, processor time of all services for an answer", Median(rates[i].Zip(rates[^1], (b, l) => l.Processor / b.Processor)));
                most = Math.Max(most, ratio);
            }
        }

        section.Expect("both / large alone at equal accuracy, the best of them", most, least: 2);

        async Task<Reply[]> PassAsync(RoutingPolicy policy)
        {
            var replies = new Reply[questions.Length];
            await Parallel.ForEachAsync(
                Enumerable.Range(0, questions.Length),
                new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = cancellationToken },
                async (i, stop) => replies[i] = await AskAsync(i, policy, stop));
            return replies;
        }

        async Task<Rate> StretchAsync(RoutingPolicy policy, TimeSpan duration)
        {
            var cpu = Processor();
            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            var outcomes = await LoadGenerator.FixedAsync(
                InFlight, duration,
                async (i, stop) =>
                {
                    await AskAsync(i % questions.Length, policy, stop);
                    return new Outcome(Ending.Answered, TimeSpan.Zero);
                },
                cancellationToken);
            return new Rate(
                outcomes.Count / System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds, (Processor() - cpu).TotalSeconds / outcomes.Count);
        }

        TimeSpan Processor() => trio.Smalls[0].CpuTime + trio.Larges[0].CpuTime + trio.Router.CpuTime;

        async Task<Reply> AskAsync(int i, RoutingPolicy policy, CancellationToken stop)
        {
            var question = questions[i];
            var request = new AnswerRequest
            {
                Policy = policy,
                Sampling = new Sampling { MaxNewTokens = question.MaxNewTokens },
                ImageLimits = new ImageLimits { MaxTileCount = question.MaxTiles },
                OmitImportance = true,
                Images = { new V1.Image { Data = pages[question.Image.Name] } },
                Messages = { new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = question.Text } } } },
            };
            using var call = client.Answer(request, cancellationToken: stop);
            var score = double.NaN;
            AnswerCompleted? completed = null;
            await foreach (var message in call.ResponseStream.ReadAllAsync(stop))
            {
                score = message.EventCase == AnswerResponse.EventOneofCase.Decision && message.Decision.Scores is { HasDecision: true } s ? s.Decision : score;
                completed = message.EventCase == AnswerResponse.EventOneofCase.Completed ? message.Completed : completed;
            }

            if (completed is null or { Path: AnswerPath.Degraded })
            {
                throw new InvalidOperationException($"question {question.Id} was not answered: {completed?.Explanation}");
            }

            return new Reply(dataset.Benchmark.Metric.Score(completed.Answer, question.Reference) ?? 0, score);
        }
    }

    /// <summary>The lowest threshold at which small answers at or above it and large ones below it are right as often as is wanted.</summary>
    private static (double Threshold, double Exits) Threshold(Reply[] small, Reply[] large, double wanted)
    {
        var right = large.Sum(r => r.Right);
        var (threshold, exits) = (right >= wanted ? 2.0 : double.NaN, right >= wanted ? 0 : double.NaN);
        var seen = 0;
        foreach (var same in Enumerable.Range(0, small.Length).Where(i => !double.IsNaN(small[i].Score)).GroupBy(i => small[i].Score).OrderByDescending(g => g.Key))
        {
            right += same.Sum(i => small[i].Right - large[i].Right);
            seen += same.Count();
            (threshold, exits) = right >= wanted ? (same.Key, seen) : (threshold, exits);
        }

        return (threshold, exits / small.Length);
    }

    private static RoutingPolicy Pruned(int retention, RoutingPolicy policy)
    {
        if (retention == 100)
        {
            policy.Unpruned = true;
            return policy;
        }

        var setting = PruneSchedule.Paper(retention);
        policy.Prune.Add(new V1.PrunePoint { LayerFraction = setting.LayerFraction, KeepRatio = setting.KeepRatio });
        return policy;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    /// <summary>An answer.</summary>
    /// <param name="Right">1 where it is right.</param>
    /// <param name="Score">The small model's decision score; NaN: none.</param>
    private readonly record struct Reply(double Right, double Score);

    /// <summary>A stretch of load.</summary>
    /// <param name="Answered">Answers a second.</param>
    /// <param name="Processor">Seconds of processor time of all services for one.</param>
    private readonly record struct Rate(double Answered, double Processor);
}
