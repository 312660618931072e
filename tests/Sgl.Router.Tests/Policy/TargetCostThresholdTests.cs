using CsCheck;
using Sgl.Guidance;

namespace Sgl.Router.Tests;

public sealed class TargetCostThresholdTests
{
    [Fact]
    public void For_ScoresAndCostsOfAnyShape_MeanCostConvergesToTheTarget() =>
        Gen.Select(Gen.Double[0.1, 0.9], Gen.Double[0.2, 5], Gen.Double[0.5, 20], Gen.ULong).Sample(
            (escalating, shape, large, seed) =>
            {
                const double Small = 1;
                var target = Small + (escalating * large);
                var source = new TargetCostThreshold(target, 0.5, window: 400, minimum: 50);
                var random = new SplitMix64(seed);
                var spent = 0.0;
                for (var i = 0; i < 4000; i++)
                {
                    var score = Math.Pow(random.NextDouble(), shape);
                    var exits = ExitDecision.Exits(score, source.For(ExitCriterion.Decision));
                    var (small, more) = (Small * (0.5 + random.NextDouble()), large * (0.5 + random.NextDouble()));
                    source.Record(Scores(score));
                    source.Spent(small, exits ? null : more);
                    spent += i < 2000 ? 0 : small + (exits ? 0 : more);
                }

                Assert.InRange(spent / 2000, target - (0.08 * large), target + (0.08 * large));
            },
            iter: 200);

    [Fact]
    public void ExitShare_LoadMakesTheLargeModelDearer_MoreExit()
    {
        var source = new TargetCostThreshold(3, 0.5, window: 10, minimum: 1);
        Spend(source, 1, 4);
        Assert.Equal(0.5, source.ExitShare);

        Spend(source, 1, 8);

        Assert.Equal(0.75, source.ExitShare);
    }

    [Theory]
    [InlineData(0.5, 1)] // not even the small model costs so little
    [InlineData(100, 0)]
    public void ExitShare_TargetOutOfReach_AllOrNoneExit(double target, double share)
    {
        var source = new TargetCostThreshold(target, 0.5, window: 10, minimum: 1);
        Spend(source, 1, 4);
        Assert.Equal(share, source.ExitShare);
    }

    [Fact]
    public void For_CostOfTheLargeModelUnknown_WarmStartValue()
    {
        var source = new TargetCostThreshold(2, 0.77, window: 10, minimum: 1);
        source.Record(Scores(0.3));
        source.Spent(1, null);
        Assert.Null(source.ExitShare);
        Assert.Equal(0.77, source.For(ExitCriterion.Decision));

        source.Spent(1, 1);

        Assert.Equal(double.PositiveInfinity, source.For(ExitCriterion.Decision)); // all may escalate at that price
    }

    [Fact]
    public void Record_ScoreNotComputed_LeavesThatCriterionAlone()
    {
        var source = new TargetCostThreshold(1.5, 0.77, window: 10, minimum: 1);
        Spend(source, 1, 1);

        source.Record(Scores(0.2) with { Consistency = double.NaN });

        Assert.Equal(0.2, source.For(ExitCriterion.Decision));
        Assert.Equal(0.77, source.For(ExitCriterion.Consistency));
    }

    [Fact]
    public async Task Router_TargetCostConfigured_HoldsIt()
    {
        var scores = new SplitMix64(7);
        await using var trio = await Trio.StartAsync(
            (small, _) => small.Scores = _ =>
            {
                lock (small)
                {
                    return SmallPeer.Decision(scores.NextDouble() * 0.5);
                }
            },
            // The peers tell 1 ms of work each.
            ("Router:Policy:Cost:Target", "5"), ("Router:Policy:Cost:SmallPerSecond", "1000"), ("Router:Policy:Cost:LargePerSecond", "10000"),
            ("Router:Policy:Threshold", "0.25"), ("Router:Policy:Window", "100"), ("Router:Policy:MinimumSamples", "20"));
        for (var i = 0; i < 200; i++)
        {
            await trio.AnswerAsync();
        }

        var (small, large) = (await trio.MetricAsync("sgl_router_cost_total", "backend=\"small\""), await trio.MetricAsync("sgl_router_cost_total", "backend=\"large\""));
        Assert.InRange(small, 199, 201);
        Assert.InRange((small + large) / 200, 4, 6);
    }

    private static void Spend(TargetCostThreshold source, double small, double large)
    {
        for (var i = 0; i < 10; i++)
        {
            source.Spent(small, large);
        }
    }

    private static ExitScoreSet Scores(double value) => new(value, value, value, value, value, value, value, value);
}
