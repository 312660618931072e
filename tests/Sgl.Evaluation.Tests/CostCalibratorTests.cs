using Sgl.Guidance;

namespace Sgl.Evaluation.Tests;

public sealed class CostCalibratorTests
{
    private const int Count = 2000;

    [Theory]
    [InlineData(0.90, "careful")]
    [InlineData(0.70, "cheap")]
    public void Cheapest_TwoWays_TheOneWithTheLeastCostAtTheAccuracy(double accuracy, string expected)
    {
        // Without exits "careful" has 0.95 at 10 s, "cheap" 0.75 at 2 s.
        var (policy, choices) = new CostCalibrator(ExitCriterion.Decision, [Way("careful", 0.95, 10), Way("cheap", 0.75, 2)], new CostPrices()).Cheapest(accuracy, default);

        Assert.Equal(expected, policy.Method);
        Assert.Equal(choices.Select(c => c.CostPerRequest).Order(), choices.Select(c => c.CostPerRequest));
        Assert.Equal(expected, choices[0].Method);
        Assert.Equal((accuracy, choices[0].CostPerRequest, choices[0].Threshold), (policy.TargetAccuracy, policy.Expected!.CostPerRequest, policy.Threshold));
        Assert.InRange(policy.Expected.Accuracy!.Value, accuracy - 0.02, 1);
        Assert.InRange(policy.Expected.HeldOutAccuracy!.Value, accuracy - 0.03, 1);
        Assert.Equal(policy.Expected.CostPerRequest!.Value, policy.Expected.HeldOutCostPerRequest!.Value, 0.5);
        // By hand: what its threshold costs.
        var way = expected == "careful" ? Way("careful", 0.95, 10) : Way("cheap", 0.75, 2);
        Assert.Equal(way.Samples.Average(s => 1 + (s.ExitScore >= policy.Threshold ? 0 : s.LargeSeconds!.Value)), policy.Expected.CostPerRequest.Value, 9);
    }

    [Fact]
    public void Cheapest_NoOtherThresholdOfAnyWay_IsCheaperAtTheAccuracy()
    {
        CostCandidate[] ways = [Way("a", 0.9, 4), Way("b", 0.8, 3), Way("c", 0.97, 9)];
        var (policy, _) = new CostCalibrator(ExitCriterion.Decision, ways, new CostPrices(1, 2)).Cheapest(0.85, default);

        foreach (var way in ways)
        {
            var right = IsotonicRegression.Fit(way.Samples.Select(s => (s.ExitScore, s.SmallRight!.Value)));
            foreach (var threshold in way.Samples.Select(s => s.ExitScore).Append(2))
            {
                var accuracy = way.Samples.Average(s => s.ExitScore >= threshold ? right.Predict(s.ExitScore) : s.LargeRight!.Value);
                var cost = way.Samples.Average(s => 1 + (s.ExitScore >= threshold ? 0 : 2 * s.LargeSeconds!.Value));
                Assert.True(accuracy < 0.85 || cost >= policy.Expected!.CostPerRequest!.Value - 1e-9, $"{way.Method} at {threshold} costs {cost} with {accuracy}");
            }
        }
    }

    [Fact]
    public void Cheapest_LargeModelGetsSlower_AnotherWayIsCheapest()
    {
        // "slow" is right more often and so lets more requests exit: that saves while it is not much slower.
        string? Chosen(double seconds) =>
            new CostCalibrator(ExitCriterion.Decision, [Way("slow", 0.97, seconds), Way("quick", 0.86, 2)], new CostPrices(0, 1)).Cheapest(0.75, default).Policy.Method;

        Assert.Equal(("slow", "quick"), (Chosen(2.2), Chosen(3)));
    }

    [Fact]
    public void Cheapest_OutOfReach_SaysWhatCouldBe()
    {
        var failure = Assert.Throws<EvaluationException>(() => new CostCalibrator(ExitCriterion.Decision, [Way("only", 0.6, 1)], new CostPrices()).Cheapest(0.999, default));

        Assert.Contains("0.999", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cheapest_WithoutTimesOrLabels_SaysWhichMethod()
    {
        var way = Way("batched", 0.9, 1);
        foreach (var lacking in new[] { way.Samples[0] with { LargeSeconds = null }, way.Samples[0] with { LargeRight = null } })
        {
            var failure = Assert.Throws<EvaluationException>(() =>
                new CostCalibrator(ExitCriterion.Decision, [way with { Samples = [lacking, .. way.Samples.Skip(1)] }], new CostPrices()).Cheapest(0.5, default));
            Assert.Contains("batched", failure.Message, StringComparison.Ordinal);
        }

        Assert.Throws<EvaluationException>(() => new CostCalibrator(ExitCriterion.Decision, [], new CostPrices()).Cheapest(0.5, default));
        Assert.Throws<EvaluationException>(() => new CostCalibrator(ExitCriterion.Decision, [way], new CostPrices(-1, 1)).Cheapest(0.5, default));
    }

    /// <summary>The small model is right with probability S and takes a second, the large one is right as often as told.</summary>
    private static CostCandidate Way(string method, double right, double seconds)
    {
        var random = new Random(7);
        return new CostCandidate(method, [.. Enumerable.Range(0, Count).Select(_ =>
        {
            var score = random.NextDouble();
            return new CalibrationSample(score, random.NextDouble() < score ? 1 : 0, random.NextDouble() < right ? 1 : 0, 1, seconds);
        })]);
    }
}
