using CsCheck;
using Sgl.Guidance;
using Sgl.Policies;
using Sgl.TestKit;

namespace Sgl.Evaluation.Tests;

public class CalibrationTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void ForExitRatio_DistinctScores_IsTheQuantile() => Gen.Select(Gen.Int[1, 300], Gen.Double[0, 1]).Sample((count, target) =>
    {
        var samples = Enumerable.Range(1, count).Select(i => new CalibrationSample(i / (count + 1.0))).ToArray();
        var policy = new Calibrator(ExitCriterion.Decision, samples).ForExitRatio(target, Now);
        var exits = samples.Count(s => ExitDecision.Exits(s.ExitScore, policy.Threshold)) / (double)count;
        Assert.Equal(exits, policy.Expected!.ExitRatio, 12);
        Assert.InRange(exits, target - (0.5 / count) - 1e-9, target + (0.5 / count) + 1e-9);
        Assert.Equal(target, policy.TargetExitRatio);
    });

    [Fact]
    public void ForExitRatio_TiedScores_TakesTheNearestAndWarns()
    {
        var samples = Enumerable.Range(0, 300).Select(i => new CalibrationSample(i < 200 ? 1 : 0.5));
        var policy = new Calibrator(ExitCriterion.Confidence, samples).ForExitRatio(0.4, Now);
        Assert.Equal((1, 2.0 / 3), (policy.Threshold, policy.Expected!.ExitRatio));
        Assert.Contains(policy.Sample!.Warnings, w => w.Contains("no threshold gives an exit ratio near 0.4", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1000, 1000, 9)]
    [InlineData(1000, 5, 4)]
    [InlineData(1000, 1, 0)]
    [InlineData(2, 2, 1)]
    public void Policy_ScoreBins_AreSharesOfTheSample(int count, int different, int edges)
    {
        // Most scores are the lowest where few differ.
        var samples = Enumerable.Range(0, count).Select(i => new CalibrationSample((different == count ? i : i % different) / (double)count)).Append(new(double.NaN)).ToArray();

        var bins = new Calibrator(ExitCriterion.Decision, samples).ForThreshold(0.5, Now).ScoreBins;

        Assert.Equal(edges, bins?.Edges.Count ?? 0);
        if (bins is null)
        {
            return;
        }

        Assert.Equal(1, bins.Shares.Sum(), 9);
        Assert.All(bins.Shares, s => Assert.True(s > 0));
        Assert.Equal(samples.Count(s => s.ExitScore < bins.Edges[0]) / (double)count, bins.Shares[0], 9);
    }

    [Fact]
    public void Policy_OneScoreStandsOut_HasABinOfItsOwn()
    {
        var samples = Enumerable.Range(0, 50).Select(i => new CalibrationSample(i == 0 ? 0.9 : 0.1));

        var bins = new Calibrator(ExitCriterion.Decision, samples).ForThreshold(0.5, Now).ScoreBins!;

        Assert.Equal([0.9], bins.Edges);
        Assert.Equal([0.98, 0.02], bins.Shares);
    }

    [Fact]
    public void ForExitRatio_Zero_NobodyExits()
    {
        var policy = new Calibrator(ExitCriterion.Decision, [new(1), new(0.5), new(double.NaN)]).ForExitRatio(0, Now);
        Assert.False(ExitDecision.Exits(1, policy.Threshold));
        Assert.Equal(0, policy.Expected!.ExitRatio);
    }

    [Fact]
    public void ForAccuracy_CalibratedScores_ExitsFromTheScoreThatSuffices()
    {
        // The score is the probability of being right; of all above t the mean is (1 + t) / 2, so 90 % needs t = 0.8.
        var policy = new Calibrator(ExitCriterion.Decision, Calibrated(20_000)).ForAccuracy(0.9, AccuracyTarget.Exited, Now);
        Assert.Equal(0.8, policy.Threshold, 0.03);
        Assert.Equal(0.2, policy.Expected!.ExitRatio, 0.03);
        Assert.Equal(0.9, policy.Expected.ExitedAccuracy!.Value, 0.02);
        Assert.Equal(0.9, policy.TargetAccuracy);
        Assert.True(policy.Sample!.ExpectedCalibrationError < 0.03);
    }

    [Fact]
    public void ForAccuracy_Overall_MixesWithTheLargeModel()
    {
        // Small right with probability s, large with 0.8: the mean of the mixture is (1 - t^2) / 2 + 0.8 t, at least 0.8 for t >= 0.6.
        var policy = new Calibrator(ExitCriterion.Decision, Calibrated(20_000, large: 0.8)).ForAccuracy(0.8, AccuracyTarget.Overall, Now);
        Assert.Equal(0.6, policy.Threshold, 0.05);
        Assert.Equal(0.8, policy.Expected!.Accuracy!.Value, 0.02);
        Assert.Equal(1 + (0.6 * 4), policy.Expected.SecondsPerRequest!.Value, 0.2);
        Assert.Equal(policy.Expected.SecondsPerRequest.Value / 4, policy.Expected.CostRatio!.Value, 1e-9);
    }

    [Fact]
    public void ForAccuracy_OutOfReach_NothingExitsAndSaysSo()
    {
        var samples = Enumerable.Range(0, 300).Select(i => new CalibrationSample(i / 300.0, SmallRight: i % 2));
        var policy = new Calibrator(ExitCriterion.Decision, samples).ForAccuracy(0.99, AccuracyTarget.Exited, Now);
        // The very surest answer is right, so isotonic regression alone would let a few exit; the interval must then warn.
        Assert.True(policy.Expected!.ExitRatio < 0.02);
        Assert.NotEmpty(policy.Sample!.Warnings);

        var wrong = Enumerable.Range(0, 300).Select(i => new CalibrationSample(i / 300.0, SmallRight: 0));
        policy = new Calibrator(ExitCriterion.Decision, wrong).ForAccuracy(0.5, AccuracyTarget.Exited, Now);
        Assert.Equal(0, policy.Expected!.ExitRatio);
        Assert.Contains(policy.Sample!.Warnings, w => w.Contains("nothing exits", StringComparison.Ordinal));
    }

    [Fact]
    public void ForAccuracy_SmallSample_WarnsThatItCannotSupportTheClaim()
    {
        var policy = new Calibrator(ExitCriterion.Decision, Calibrated(40)).ForAccuracy(0.8, AccuracyTarget.Exited, Now);
        Assert.Contains(policy.Sample!.Warnings, w => w.StartsWith("only 40 requests", StringComparison.Ordinal));
        Assert.Contains(policy.Sample.Warnings, w => w.Contains("cannot support the claim of 0.8", StringComparison.Ordinal));
    }

    [Fact]
    public void ForAccuracy_NoLabels_IsRefused()
    {
        var calibrator = new Calibrator(ExitCriterion.Decision, [new(0.5)]);
        Assert.Throws<EvaluationException>(() => calibrator.ForAccuracy(0.9, AccuracyTarget.Exited, Now));
        calibrator = new Calibrator(ExitCriterion.Decision, [new(0.5, 1)]);
        Assert.Throws<EvaluationException>(() => calibrator.ForAccuracy(0.9, AccuracyTarget.Overall, Now));
        Assert.Throws<EvaluationException>(() => calibrator.ForExitRatio(double.NaN, Now));
        Assert.Throws<EvaluationException>(() => new Calibrator(ExitCriterion.Decision, []));
    }

    [Fact]
    public void Policy_File_RoundTrips()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "deep", "policy.json");
        var policy = new Calibrator(ExitCriterion.LengthNormalisedConsistency, Calibrated(300)) { Source = "x", SmallModel = "s", LargeModel = "l" }
            .ForExitRatio(0.6, Now);
        policy.Save(path);
        policy.Save(path);
        var back = PolicyFile.Load(path);
        back.Save(Path.Combine(folder.Path, "again.json"));
        Assert.Equal(File.ReadAllText(path), File.ReadAllText(Path.Combine(folder.Path, "again.json")));
        Assert.Equal((policy.Criterion, policy.Threshold, policy.Created), (back.Criterion, back.Threshold, back.Created));
        Assert.Equal(("s", "l", policy.Expected!.ExitRatio), (back.SmallModel, back.LargeModel, back.ExpectedExitRatio));
        Assert.Contains("\"criterion\": \"length_normalised_consistency\"", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal(["policy.json"], Directory.GetFiles(Path.GetDirectoryName(path)!).Select(Path.GetFileName));
    }

    /// <summary>Scores spread evenly over 0..1 that are exactly the probability of being right.</summary>
    private static IEnumerable<CalibrationSample> Calibrated(int count, double large = 1)
    {
        var random = new SplitMix64(5);
        for (var i = 0; i < count; i++)
        {
            var score = (i + 0.5) / count;
            yield return new CalibrationSample(
                score, random.NextDouble() < score ? 1 : 0, random.NextDouble() < large ? 1 : 0, SmallSeconds: 1, LargeSeconds: 4);
        }
    }
}
