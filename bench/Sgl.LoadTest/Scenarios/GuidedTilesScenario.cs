using Grpc.Core;
using Sgl.Guidance;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// The large model's time to its first token with guided tiles against all tiles, one question after the other, in turns. What may be expected is counted: the part of that time that
/// the tower takes, times the share of tiles that are left out. Goal: as counted, give or take a tenth.
/// </summary>
internal sealed class GuidedTilesScenario : IScenario
{
    private const int Questions = 200;
    private const int Retention = 35;
    private const double Threshold = TileSelection.DefaultThreshold;

    public string Name => "tiles";

    public string Summary => $"time to the large model's first token at {Retention} %, tiles guided at {Threshold} against all tiles";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        var questions = await BenchmarkQuestions.ReadAsync(options.Data, Questions, cancellationToken);

        // Nothing is known from before, and nothing encoded ahead.
        await using var trio = await ServiceTrio.StartAsync(
            options,
            settings: [.. new[] { "small", "large" }.SelectMany(m => new[] { $"{m}:Engine:VisionCacheMiB=0", $"{m}:Engine:PrefixCacheMiB=0" }), "router:Router:Policy:Overlap=Never"],
            cancellationToken: cancellationToken);
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var (all, guided) = (Policy(), Policy());
        (guided.Tiles, guided.TileThreshold) = (TileMode.Guided, Threshold);
        var (with, without) = (new List<Reply>(), new List<Reply>());
        for (var i = 0; i < questions.All.Length; i++)
        {
            // Every other time the other way round. The first ones are compiled for the first time.
            var first = await AskAsync(i, i % 2 == 0 ? all : guided);
            var second = await AskAsync(i, i % 2 == 0 ? guided : all);
            if (i >= questions.All.Length / 10)
            {
                with.Add(i % 2 == 0 ? first : second);
                without.Add(i % 2 == 0 ? second : first);
            }
        }

        var tiles = without.Sum(r => r.Tiles) / (double)with.Sum(r => r.Tiles);
        var vision = with.Sum(r => r.Vision) / with.Sum(r => r.FirstToken);
        var (measured, counted) = (without.Sum(r => r.FirstToken) / with.Sum(r => r.FirstToken), 1 - (vision * (1 - tiles)));
        section.Note("accuracy with all tiles, %", 100 * with.Average(r => r.Right));
        section.Note("accuracy with guided tiles, %", 100 * without.Average(r => r.Right));
        section.Note("tower's part of the time to the first token, all tiles", vision);
        section.Expect("tiles encoded, guided / all", tiles, most: 0.75);
        section.Note("time to the first token as counted, guided / all", counted);
        section.Expect("time to the first token as measured, guided / all", measured, most: 0.99);
        section.Expect("measured / counted", measured / counted, most: 1.1);

        static RoutingPolicy Policy()
        {
            var setting = PruneSchedule.Paper(Retention);
            return new RoutingPolicy { Force = Route.Large, Prune = { new V1.PrunePoint { LayerFraction = setting.LayerFraction, KeepRatio = setting.KeepRatio } } };
        }

        async Task<Reply> AskAsync(int number, RoutingPolicy policy)
        {
            using var call = client.Answer(questions.Request(number, policy), cancellationToken: cancellationToken);
            AnswerCompleted? completed = null;
            await foreach (var message in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                completed = message.EventCase == AnswerResponse.EventOneofCase.Completed ? message.Completed : completed;
            }

            return completed is { Path: not AnswerPath.Degraded, Large: { } large }
                ? new Reply(questions.Score(number, completed.Answer), large.Usage.EncodedTileCount, large.Timings.Vision?.ToTimeSpan().TotalSeconds ?? 0, large.Timings.TimeToFirstToken.ToTimeSpan().TotalSeconds)
                : throw new InvalidOperationException($"question {questions.All[number].Id} was not answered: {completed?.Explanation}");
        }
    }

    /// <summary>An answer of the large model.</summary>
    /// <param name="Right">1 where it is right.</param>
    /// <param name="Tiles">Tiles that were encoded.</param>
    /// <param name="Vision">Seconds in the tower.</param>
    /// <param name="FirstToken">Seconds to its first token.</param>
    private readonly record struct Reply(double Right, int Tiles, double Vision, double FirstToken);
}
