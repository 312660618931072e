using Grpc.Core;
using Sgl.Guidance;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// Questions of a benchmark to small and large model together, against the large model alone without pruning, at equal accuracy. One pass over the questions at each
/// setting (retention, guided tiles; the draft is always there) tells how often it is right, what it costs, and down to which score small answers may be taken instead. The
/// setting that costs least at equal accuracy, and the one at a point less, are then asked in turns with the large model alone.
/// </summary>
internal sealed class AloneScenario : IScenario
{
    private const int Questions = 1000;
    private const int InFlight = 8;
    private const int Rounds = 3;
    private const double APoint = 0.01;

    private static readonly Setting[] Settings =
        [.. from retention in new[] { 100, 35, 9 } from tiles in new double?[] { null, TileSelection.DefaultThreshold } select new Setting(retention, tiles)];

    public string Name => "alone";

    public string Summary => $"the demo benchmark, {InFlight} questions in flight: both models against the large one alone, at equal accuracy";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        var questions = await BenchmarkQuestions.ReadAsync(options.Data, Questions, cancellationToken);

        // No page is known from before, as in a day's mixed load.
        await using var trio = await ServiceTrio.StartAsync(
            options, settings: [.. new[] { "small", "large" }.SelectMany(m => new[] { $"{m}:Engine:VisionCacheMiB=0", $"{m}:Engine:PrefixCacheMiB=0" })], cancellationToken: cancellationToken);
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var alone = new RoutingPolicy { Force = Route.Large, Unpruned = true };

        // Until here everything was compiled and grown for the first time.
        await PassAsync(alone);
        await PassAsync(new RoutingPolicy { Force = Route.Small });
        var small = await PassAsync(new RoutingPolicy { Force = Route.Small });
        var large = await PassAsync(alone);
        section.Note("accuracy of the large model alone, %", 100 * large.Accuracy);
        section.Note("accuracy of the small model alone, %", 100 * small.Accuracy);
        section.Note("small answer / large answer, processor time of all services", small.Cost / large.Cost);

        Choice? equal = null, less = null;
        foreach (var setting in Settings)
        {
            var pruned = await PassAsync(setting.Policy(new RoutingPolicy { Force = Route.Large }));
            section.Note($"{setting}, no exits: accuracy, %", 100 * pruned.Accuracy);
            section.Note($"{setting}, no exits: processor time / large alone", pruned.Cost / large.Cost);
            equal = Cheaper(equal, Choice.Of(setting, small, pruned, large.Accuracy));
            less = Cheaper(less, Choice.Of(setting, small, pruned, large.Accuracy - APoint));
        }

        var variants = new List<(string Name, RoutingPolicy Policy)>();
        foreach (var (what, choice) in new[] { ("equal accuracy", equal), ("a point less", less) })
        {
            if (choice is not null)
            {
                section.Note($"{what}: {choice.Setting}, exits, %", 100 * choice.Exits);
                variants.Add(($"both at {what}", choice.Setting.Policy(new RoutingPolicy { Threshold = choice.Threshold })));
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
                most = i == 0 && equal is not null ? ratio : most;
            }
        }

        section.Expect("both / large alone at equal accuracy, answered/s", most, least: 2);

        async Task<Pass> PassAsync(RoutingPolicy policy)
        {
            var replies = new Reply[questions.All.Length];
            var before = Processor();
            await Parallel.ForEachAsync(
                Enumerable.Range(0, questions.All.Length),
                new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = cancellationToken },
                async (i, stop) => replies[i] = await AskAsync(i, policy, stop));
            return new Pass(replies, (Processor() - before).TotalSeconds / questions.All.Length);
        }

        async Task<Rate> StretchAsync(RoutingPolicy policy, TimeSpan duration)
        {
            var cpu = Processor();
            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            var outcomes = await LoadGenerator.FixedAsync(
                InFlight, duration,
                async (i, stop) =>
                {
                    await AskAsync(i % questions.All.Length, policy, stop);
                    return new Outcome(Ending.Answered, TimeSpan.Zero);
                },
                cancellationToken);
            return new Rate(
                outcomes.Count / System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds, (Processor() - cpu).TotalSeconds / outcomes.Count);
        }

        TimeSpan Processor() => trio.Smalls[0].CpuTime + trio.Larges[0].CpuTime + trio.Router.CpuTime;

        async Task<Reply> AskAsync(int i, RoutingPolicy policy, CancellationToken stop)
        {
            using var call = client.Answer(questions.Request(i, policy), cancellationToken: stop);
            var score = double.NaN;
            AnswerCompleted? completed = null;
            await foreach (var message in call.ResponseStream.ReadAllAsync(stop))
            {
                score = message.EventCase == AnswerResponse.EventOneofCase.Decision && message.Decision.Scores is { HasDecision: true } s ? s.Decision : score;
                completed = message.EventCase == AnswerResponse.EventOneofCase.Completed ? message.Completed : completed;
            }

            if (completed is null or { Path: AnswerPath.Degraded })
            {
                throw new InvalidOperationException($"question {questions.All[i].Id} was not answered: {completed?.Explanation}");
            }

            return new Reply(questions.Score(i, completed.Answer), score);
        }
    }

    private static Choice? Cheaper(Choice? one, Choice? other) => one is null || other is null ? one ?? other : other.Cost < one.Cost ? other : one;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    /// <summary>How the large model is asked.</summary>
    /// <param name="Retention">Average share of visual tokens that its layers see, %, by the paper's schedule.</param>
    /// <param name="Tiles">Threshold of guided tiles; null: all tiles.</param>
    private sealed record Setting(int Retention, double? Tiles)
    {
        public RoutingPolicy Policy(RoutingPolicy policy)
        {
            if (Tiles is { } threshold)
            {
                (policy.Tiles, policy.TileThreshold) = (TileMode.Guided, threshold);
            }

            if (Retention < 100)
            {
                var setting = PruneSchedule.Paper(Retention);
                policy.Prune.Add(new V1.PrunePoint { LayerFraction = setting.LayerFraction, KeepRatio = setting.KeepRatio });
            }
            else if (Tiles is null)
            {
                policy.Unpruned = true;
            }
            else
            {
                // All that the tiles which stay hold.
                policy.Prune.Add(new V1.PrunePoint { LayerFraction = 0, KeepRatio = 1 });
            }

            return policy;
        }

        public override string ToString() => FormattableString.Invariant($"{Retention} %{(Tiles is { } threshold ? $", tiles guided at {threshold}" : "")}");
    }

    /// <summary>A setting with the lowest threshold at which small answers at or above it and large ones below it are right often enough.</summary>
    /// <param name="Setting">The setting.</param>
    /// <param name="Threshold">Of the decision score.</param>
    /// <param name="Exits">Share of small answers.</param>
    /// <param name="Cost">Processor time of an answer on average, seconds.</param>
    private sealed record Choice(Setting Setting, double Threshold, double Exits, double Cost)
    {
        /// <summary>Null where even no exit at all is not right often enough.</summary>
        public static Choice? Of(Setting setting, Pass small, Pass large, double wanted)
        {
            var needed = wanted * small.Replies.Length;
            var right = large.Replies.Sum(r => r.Right);
            var (seen, exits, threshold) = (0, right >= needed ? 0 : -1, 2.0);
            foreach (var same in Enumerable.Range(0, small.Replies.Length).Where(i => !double.IsNaN(small.Replies[i].Score)).GroupBy(i => small.Replies[i].Score).OrderByDescending(g => g.Key))
            {
                right += same.Sum(i => small.Replies[i].Right - large.Replies[i].Right);
                seen += same.Count();
                (exits, threshold) = right >= needed ? (seen, same.Key) : (exits, threshold);
            }

            // The small model runs whatever comes of it; asked for the large one, both do.
            var share = exits / (double)small.Replies.Length;
            return exits < 0 ? null : new Choice(setting, threshold, share, (share * small.Cost) + ((1 - share) * (setting is { Retention: 100, Tiles: null } ? small.Cost + large.Cost : large.Cost)));
        }
    }

    /// <summary>All questions asked once.</summary>
    /// <param name="Replies">One for each.</param>
    /// <param name="Cost">Processor time of all services for one, seconds.</param>
    private sealed record Pass(Reply[] Replies, double Cost)
    {
        public double Accuracy => Replies.Average(r => r.Right);
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
