using CsCheck;
using Sgl.Guidance;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class TargetRatioThresholdTests
{
    [Fact]
    public void For_ScoresOfAnyShape_ExitRatioConvergesToTheTarget() =>
        Gen.Select(Gen.Double[0.05, 0.95], Gen.Double[0.2, 5], Gen.ULong).Sample(
            (target, shape, seed) =>
            {
                var source = new TargetRatioThreshold(target, 0.5, window: 400, minimum: 50);
                var random = new SplitMix64(seed);
                var exits = 0;
                for (var i = 0; i < 3000; i++)
                {
                    var score = Math.Pow(random.NextDouble(), shape);
                    exits += i >= 1000 && ExitDecision.Exits(score, source.For(ExitCriterion.Decision)) ? 1 : 0;
                    source.Record(Scores(score));
                }

                // Four standard deviations of a binomial over 2000, plus the quantile's own error.
                Assert.InRange(exits / 2000.0, target - 0.06, target + 0.06);
            },
            iter: 200);

    [Fact]
    public void For_ScoresDrift_ThresholdFollows()
    {
        var source = new TargetRatioThreshold(0.4, 0.5, window: 200, minimum: 20);
        var random = new SplitMix64(1);
        Feed(source, random, 500, 0.8, 0.2);
        Assert.InRange(source.For(ExitCriterion.Decision), 0.88, 0.96);

        Feed(source, random, 500, 0.1, 0.2);

        Assert.InRange(source.For(ExitCriterion.Decision), 0.18, 0.26);
    }

    [Fact]
    public void For_FewScores_WarmStartValue()
    {
        var source = new TargetRatioThreshold(0.5, 0.77, window: 100, minimum: 10);
        Feed(source, new SplitMix64(2), 9, 0, 1);
        Assert.Equal(0.77, source.For(ExitCriterion.Decision));

        Feed(source, new SplitMix64(3), 1, 0, 1);

        Assert.NotEqual(0.77, source.For(ExitCriterion.Decision));
    }

    [Fact]
    public void Record_ScoreNotComputed_LeavesThatCriterionAlone()
    {
        var source = new TargetRatioThreshold(0.5, 0.77, window: 100, minimum: 1);

        source.Record(Scores(0.2) with { Consistency = double.NaN });

        Assert.Equal(0.2, source.For(ExitCriterion.Decision));
        Assert.Equal(0.77, source.For(ExitCriterion.Consistency));
    }

    [Fact]
    public void ForAndRecord_ManyThreads_StayConsistent()
    {
        var source = new TargetRatioThreshold(0.3, 0.5, window: 300, minimum: 10);

        Parallel.For(0, 8, thread =>
        {
            var random = new SplitMix64((ulong)thread);
            for (var i = 0; i < 2000; i++)
            {
                source.Record(Scores(random.NextDouble()));
                Assert.InRange(source.For(ExitCriterion.Decision), 0, 1);
            }
        });

        Assert.InRange(source.For(ExitCriterion.Decision), 0.55, 0.85);
    }

    [Fact]
    public async Task Router_TargetRatioConfigured_HoldsIt()
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
            ("Router:Policy:TargetExitRatio", "0.6"), ("Router:Policy:Window", "100"), ("Router:Policy:MinimumSamples", "20"));
        for (var i = 0; i < 100; i++)
        {
            await trio.AnswerAsync();
        }

        var exits = 0;
        for (var i = 0; i < 100; i++)
        {
            exits += (await trio.AnswerAsync()).Path == Wire.AnswerPath.Exit ? 1 : 0;
        }

        Assert.InRange(exits, 45, 75);
    }

    private static void Feed(TargetRatioThreshold source, SplitMix64 random, int count, double from, double width)
    {
        for (var i = 0; i < count; i++)
        {
            source.Record(Scores(from + (width * random.NextDouble())));
        }
    }

    private static ExitScoreSet Scores(double value) => new(value, value, value, value, value, value, value, value);
}
