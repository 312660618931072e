using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.Policies;
using Sgl.TestKit;

namespace Sgl.Experiments.Tests;

public sealed class CalibrationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ExitCriterion.Decision)]
    [InlineData(ExitCriterion.QuantileQ1)]
    public void ForExitRatio_SavedPolicy_IsWhatTheRouterLoads(ExitCriterion criterion)
    {
        var (samples, method, _) = CalibrationSamples.Of(Records(400), criterion);
        var policy = new Calibrator(criterion, samples) { SmallModel = "s", LargeModel = "l", Source = "test" }.ForExitRatio(0.6, DateTimeOffset.UnixEpoch);
        policy.Save(_folder.Combine("policy.json"));

        var loaded = PolicyFile.Load(_folder.Combine("policy.json"));

        Assert.Equal("sgp-k1-r0.25", method);
        Assert.Equal((criterion, policy.Threshold, "s", "l", policy.Expected!.ExitRatio), (loaded.Criterion, loaded.Threshold, loaded.SmallModel, loaded.LargeModel, loaded.ExpectedExitRatio));
        var exits = samples.Count(s => ExitDecision.Exits(s.ExitScore, loaded.Threshold));
        Assert.Equal(0.6, exits / 400.0, 2);
        Assert.InRange(policy.Expected.Accuracy!.Value, 0.6, 1);
        Assert.NotNull(policy.Expected.CostRatio);
    }

    [Fact]
    public void Of_LearntCriterion_SavedPolicyScoresAnswersAsCalibrated()
    {
        var (samples, _, learnt) = CalibrationSamples.Of(Records(400), ExitCriterion.Learnt);
        var policy = new Calibrator(ExitCriterion.Learnt, samples).ForExitRatio(0.6, DateTimeOffset.UnixEpoch);
        (policy with { Learnt = learnt!.Criterion }).Save(_folder.Combine("learnt.json"));

        var loaded = PolicyFile.Load(_folder.Combine("learnt.json"));

        var scores = Records(400).Where(r => r.ExitScores is not null && r.Method == ResultRecord.SmallMethod).Select(r => loaded.Learnt!.Score(r.ExitScores!, r.GeneratedTokens)).ToArray();
        Assert.Equal(0.6, scores.Count(s => ExitDecision.Exits(s, loaded.Threshold)) / 400.0, 0.05);
        Assert.Throws<PolicyFileException>(() => policy.Save(_folder.Combine("nothing-learnt.json")));
    }

    [Fact]
    public void Of_LearntCriterionWithAnswersWithoutLabel_LearnsFromTheOthers()
    {
        var records = Records(400).Select(r => int.Parse(r.Id, System.Globalization.CultureInfo.InvariantCulture) % 4 == 0 ? r with { Score = null } : r).ToArray();
        Assert.Equal(300, CalibrationSamples.Of(records, ExitCriterion.Learnt).Samples.Count);
    }

    [Fact]
    public void Of_UnlabelledRequests_ExitRatioOnly()
    {
        var (samples, _, _) = CalibrationSamples.Of([.. Records(400).Select(r => r with { Score = null })], ExitCriterion.Decision);
        var calibrator = new Calibrator(ExitCriterion.Decision, samples);

        Assert.Null(calibrator.ForExitRatio(0.5, DateTimeOffset.UnixEpoch).Expected!.Accuracy);
        Assert.Throws<EvaluationException>(() => calibrator.ForAccuracy(0.9, AccuracyTarget.Exited, DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void Of_UnknownMethod_NamesTheKnownOnes()
    {
        var error = Assert.Throws<EvaluationException>(() => CalibrationSamples.Of(Records(3), ExitCriterion.Decision, "sgp-k9-r1"));

        Assert.Contains("sgp-k1-r0.25, none", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Surer answers are right more often; the large model is right but for every tenth question.</summary>
    private static List<ResultRecord> Records(int count)
    {
        var records = new List<ResultRecord>();
        for (var i = 0; i < count; i++)
        {
            var score = (i + 0.5) / count;
            var record = new ResultRecord { Benchmark = "requests", Id = $"{i}", Method = ResultRecord.SmallMethod, Answer = "a" };
            records.Add(record with
            {
                Score = i * 7 % count < i ? 1 : 0,
                ExitScores = new ExitScoreSet(score, score, score, score, score / 2, score, score, score),
                Timings = new AnswerTimings(1, 0.5, 0.3, 0.2),
            });
            records.Add(record with { Method = "sgp-k1-r0.25", Score = i % 10 == 0 ? 0 : 1, AverageRetention = 0.35, Timings = new AnswerTimings(5, 2, 2, 1) });
            records.Add(record with { Method = "none", Score = 1, AverageRetention = 1, Timings = new AnswerTimings(9, 2, 6, 1) });
        }

        return records;
    }
}
