using Google.Protobuf.WellKnownTypes;
using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Guidance;
using Sgl.Requests;

namespace Sgl.Cli.Evaluation;

/// <summary>
/// A running router as the subject of an evaluation: the small model by force, the large one by force, pruned by the small
/// model's importance or not at all. The importance stays between the services, so what else a mask could come from is refused.
/// </summary>
internal sealed class RouterSubject : IEvaluationSubject
{
    private readonly RouterClient _client;

    private RouterSubject(RouterClient client, SubjectDescription description) => (_client, Description) = (client, description);

    /// <inheritdoc/>
    public SubjectDescription Description { get; }

    /// <summary>Asks the router what it serves.</summary>
    public static async Task<RouterSubject> ConnectAsync(RouterClient client, Uri address, CancellationToken cancellationToken)
    {
        var info = await client.InfoAsync(cancellationToken);
        if (info.PairingProblem.Length > 0)
        {
            throw new CliException($"the router's two models cannot be paired: {info.PairingProblem}");
        }

        return info is { Small: { } small, Large: { } large }
            ? new RouterSubject(client, new SubjectDescription(
                small.Name, large.Name, small.LayerCount, large.LayerCount,
                $"services behind {address.Authority}; stages of the large model {string.Join(", ", large.Stages.Select(s => $"{s.FirstLayer}-{s.LastLayer}:{s.Device}"))}"))
            : throw new CliException($"the router at {address.Authority} does not reach both of its models");
    }

    /// <summary>Refuses what the services do not offer.</summary>
    /// <exception cref="EvaluationException">Names the methods.</exception>
    public static void Require(IEnumerable<MethodConfiguration> methods)
    {
        var asked = methods.ToArray();
        if (asked.Select(m => m.Rule).FirstOrDefault(r => r is not null) is { } rule)
        {
            throw new EvaluationException($"running services know the paper's rule; {rule} needs the models in this process (leave out --router)");
        }

        var refused = asked.Select(m => m.Method).Where(m => m is not (PruningMethod.None or PruningMethod.Sgp or PruningMethod.GuidedTiles)).Distinct().ToArray();
        if (refused.Length > 0)
        {
            throw new EvaluationException(
                $"running services offer none, sgp and tiles; {string.Join(", ", refused.Select(MethodSelection.NameOf))} need the models in this process (leave out --router)");
        }
    }

    /// <inheritdoc/>
    public async Task<SmallAnswer> AnswerSmallAsync(
        EvaluationQuestion question, IReadOnlyList<ImportanceOptions> importances, CancellationToken cancellation)
    {
        var answer = await AskAsync(question, new Wire.RoutingPolicy { Force = Wire.Route.Small }, cancellation);
        var run = answer.Completed.Small;
        return new SmallAnswer(
            run.Answer, run.Usage.GeneratedTokenCount, run.Usage.VisualTokenCount, WireGuidance.To(answer.Decision.Scores),
            [.. importances.Select(_ => Array.Empty<float>())], Timings(run.Timings));
    }

    /// <inheritdoc/>
    public async Task<LargeAnswer> AnswerLargeAsync(
        EvaluationQuestion question, int index, MethodConfiguration method, float[]? importance, CancellationToken cancellation)
    {
        var policy = new Wire.RoutingPolicy
        {
            Force = Wire.Route.Large,
            OnLargeFailure = Wire.LargeFailurePolicy.Fail,
            Unpruned = method.Method == PruningMethod.None,
            Tiles = method.Method == PruningMethod.GuidedTiles ? Wire.TileMode.Guided : Wire.TileMode.All,
        };
        if (method.Method == PruningMethod.GuidedTiles)
        {
            policy.TileThreshold = method.TileThreshold;
        }

        if (method.NeedsSmall)
        {
            policy.Prune.Add(new Wire.PrunePoint { Layer = method.Layer(Description.LargeLayers), KeepRatio = method.KeepRatio });
            policy.Importance = new Wire.ImportanceOptions
            {
                LayerFraction = method.Importance.LayerFraction,
                Source = WireGuidance.From(method.Importance.Source),
                Variant = WireGuidance.From(method.Importance.Variant),
            };
        }

        var answer = await AskAsync(question, policy, cancellation);
        var run = answer.Completed.Large;
        return new LargeAnswer(
            run.Answer, run.Usage.GeneratedTokenCount, run.Usage.VisualTokenCount,
            answer.Completed.Pruning is { KeptVisualTokenCounts.Count: > 0 } pruning ? pruning.AverageRetention : 1, Timings(run.Timings))
        {
            Tiles = run.Usage.TileCount,
            EncodedTiles = run.Usage.EncodedTileCount,
        };
    }

    private async Task<RouterAnswer> AskAsync(EvaluationQuestion question, Wire.RoutingPolicy policy, CancellationToken cancellationToken)
    {
        var image = new ImageFile(question.Image.Name, await question.Image.ReadAsync(cancellationToken));
        var request = AnswerRequests.Create([image], question.Text);
        request.Policy = policy;
        request.Sampling = new Wire.Sampling { MaxNewTokens = question.MaxNewTokens, MinNewTokens = question.MinNewTokens };
        if (question.MaxTiles > 0)
        {
            request.ImageLimits = new Wire.ImageLimits { MaxTileCount = question.MaxTiles };
        }

        request.OmitImportance = true;
        return await _client.AskAsync(request, _ => { }, cancellationToken);
    }

    private static AnswerTimings Timings(Wire.Timings t) => new(
        Seconds(t.Total), Seconds(t.Preprocess) + Seconds(t.Vision), Seconds(t.Prefill), Seconds(t.Decode), Seconds(t.Consistency));

    private static double Seconds(Duration? duration) => duration?.ToTimeSpan().TotalSeconds ?? 0;
}
