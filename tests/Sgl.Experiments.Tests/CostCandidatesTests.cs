using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.Policies;
using Sgl.TestKit;

namespace Sgl.Experiments.Tests;

public sealed class CostCandidatesTests
{
    [Fact]
    public void Of_ARun_TakesWhatARouterOffersAndTheQuestionsAllHaveAnswered()
    {
        var candidates = CostCandidates.Of(
            [
                Small("1"), Small("2"), Small("3"),
                Large("1", "none"), Large("2", "none"), Large("3", "none"),
                Large("1", "sgp-k1-r0.25"), Large("2", "sgp-k1-r0.25"), Large("3", "sgp-k1-r0.25") with { Error = "broken", Score = null },
                Large("1", "sgp-k1-r0.25-generated"), Large("1", "random-k1-r0.25-seed0"), Large("1", "sgp-k1-r0.25-dpp:1"),
            ],
            ExitCriterion.Confidence);

        Assert.Equal(["none", "sgp-k1-r0.25"], candidates.Select(c => c.Method));
        Assert.All(candidates, c => Assert.Equal(2, c.Samples.Count));
    }

    [Fact]
    public void Of_NothingARouterOffers_IsRefused() =>
        Assert.Throws<EvaluationException>(() => CostCandidates.Of([Small("1"), Large("1", "tome-r0.3")], ExitCriterion.Confidence));

    [Theory]
    [InlineData(8)]
    [InlineData(48)]
    public void Applied_EveryMethodThatIsAsked_SaysWhereItPrunes(int layers)
    {
        using var folder = new TemporaryFolder();
        var methods = CostCandidates.Methods(layers);

        Assert.Contains(methods, m => m.Method == PruningMethod.None);
        Assert.Contains(methods, m => m.Method == PruningMethod.GuidedTiles);
        foreach (var method in methods)
        {
            var policy = CostCandidates.Applied(new PolicyFile { Criterion = ExitCriterion.Decision, Threshold = 0.5, Method = method.Key });

            Assert.Equal(method.Method == PruningMethod.GuidedTiles ? (TilePolicy.Guided, method.TileThreshold) : (TilePolicy.All, null), (policy.Tiles, policy.TileThreshold));
            if (method.Method == PruningMethod.None)
            {
                Assert.Empty(policy.Prune!);
                continue;
            }

            var point = Assert.Single(policy.Prune!);
            Assert.Equal(method.KeepRatio, point.KeepRatio, 6);
            Assert.Equal(method.Layer(layers), point.Layer ?? PruneSchedule.Layer(layers, point.LayerFraction!.Value));
            policy.Save(folder.Combine("policy.json"));
            Assert.Equal(point, Assert.Single(PolicyFile.Load(folder.Combine("policy.json")).Prune!));
        }
    }

    [Fact]
    public void Applied_AnotherMethod_IsRefused() =>
        Assert.Throws<EvaluationException>(() => CostCandidates.Applied(new PolicyFile { Criterion = ExitCriterion.Decision, Threshold = 0.5, Method = "fastv-k1-r0.25" }));

    private static ResultRecord Small(string id) => new()
    {
        Benchmark = "synthetic",
        Id = id,
        Method = ResultRecord.SmallMethod,
        Score = 1,
        ExitScores = new ExitScoreSet(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
        Timings = new AnswerTimings(1, 0, 0, 0),
    };

    private static ResultRecord Large(string id, string method) =>
        new() { Benchmark = "synthetic", Id = id, Method = method, Score = 1, Timings = new AnswerTimings(2, 0, 0, 0) };
}
