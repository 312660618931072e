using Grpc.Core;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class LearntCriterionTests : IDisposable
{
    // The learnt score is the confidence: its logit has weight 1, everything else 0.
    private const string File = """
        {"version":1,"criterion":"learnt","threshold":0.6,"learnt":{"small":{"bias":0,"weights":[0,1,0,0,0,0,0,0,0]}}}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0.59, Wire.DecisionAction.Escalate)]
    [InlineData(0.61, Wire.DecisionAction.Exit)]
    public async Task Answer_FileWithALearntCriterion_DecidesByItsScore(double confidence, Wire.DecisionAction action)
    {
        await using var trio = await StartAsync(confidence, ("Router:Policy:File", _folder.Write("policy.json", File)));

        var decision = await DecisionAsync(trio);

        Assert.Equal((action, Wire.ExitCriterion.Learnt, 0.6), (decision.Action, decision.Criterion, decision.Threshold));
        Assert.Equal(confidence, decision.Scores.Learnt, 1e-6);
        Assert.Contains("learnt", decision.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_NamedPolicyHasIt_OthersMayAskForItNowhereElse()
    {
        await using var trio = await StartAsync(0.9, ("Router:Policies:0:Name", "learnt"), ("Router:Policies:0:File", _folder.Write("policy.json", File)));

        Assert.Equal(Wire.ExitCriterion.Learnt, (await DecisionAsync(trio, new Wire.RoutingPolicy { Name = "learnt" })).Criterion);
        Assert.False((await DecisionAsync(trio)).Scores.HasLearnt);
        var failure = await Failure.OfAsync(() => trio.AnswerAsync(new Wire.RoutingPolicy { Criterion = Wire.ExitCriterion.Learnt, Threshold = 0.5 }));
        Assert.Equal((StatusCode.InvalidArgument, "policy.criterion"), (failure.Code, failure.Fields.Single()));
        Assert.Contains("has learnt nothing", failure.Violations.Single().Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_ConsistencyIsSkipped_IsRefusedSinceItIsAnInput()
    {
        await using var trio = await StartAsync(0.9, ("Router:Policy:File", _folder.Write("policy.json", File)));
        var policy = new Wire.RoutingPolicy { Importance = new Wire.ImportanceOptions { SkipConsistency = true } };
        Assert.Equal("policy.importance.skip_consistency", (await Failure.OfAsync(() => trio.AnswerAsync(policy))).Fields.Single());
    }

    private static async Task<Wire.Decision> DecisionAsync(Trio trio, Wire.RoutingPolicy? policy = null) =>
        (await trio.AskAsync(Trio.Request(policy))).Single(e => e.Decision is not null).Decision;

    private static Task<Trio> StartAsync(double confidence, params (string, string)[] settings) => Trio.StartAsync(
        (small, _) => small.Scores = _ => new Wire.ExitScores
        {
            Confidence = confidence,
            Consistency = 0.5,
            Decision = (confidence + 0.5) / 2,
            Entropy = 0.5,
            QuantileQ1 = 0.5,
            QuantileQ2 = 0.5,
            QuantileQ3 = 0.5,
            LengthNormalisedConsistency = 0.5,
        },
        settings);
}
