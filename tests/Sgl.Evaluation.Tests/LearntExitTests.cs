using Sgl.Guidance;

namespace Sgl.Evaluation.Tests;

public sealed class LearntExitTests
{
    [Fact]
    public void Fit_SampleOfAKnownModel_FindsItsWeights()
    {
        var random = new SplitMix64(3);
        double[][] inputs = [.. Enumerable.Range(0, 20_000).Select(_ => new[] { 4 * Uniform() - 2, 100 + (10 * Uniform()) })];
        double[] targets = [.. inputs.Select(x => Uniform() < 1 / (1 + Math.Exp(-(-52 + (1.5 * x[0]) + (0.5 * x[1])))) ? 1.0 : 0)];

        var (bias, weights) = LogisticRegression.Fit(inputs, targets);

        Assert.Equal(1.5, weights[0], 0.1);
        Assert.Equal(0.5, weights[1], 0.05);
        Assert.Equal(-52, bias, 5.0);

        double Uniform() => random.NextBelow(1 << 30) / (double)(1 << 30);
    }

    [Fact]
    public void Fit_SeparableSample_IsFinite()
    {
        var (bias, weights) = LogisticRegression.Fit([[-1, 5], [-2, 5], [1, 5], [2, 5]], [0, 0, 1, 1]);
        Assert.True(double.IsFinite(bias) && weights.All(double.IsFinite) && weights[0] > 0);
    }

    [Fact]
    public void Fit_NothingOrNoNumbers_IsRefused()
    {
        Assert.Throws<EvaluationException>(() => LogisticRegression.Fit([], []));
        Assert.Throws<EvaluationException>(() => LogisticRegression.Fit([[double.NaN]], [1]));
        Assert.Throws<EvaluationException>(() => LogisticRegression.Fit([[1], [2]], [1]));
    }

    [Fact]
    public void Of_RightnessDependsOnTwoScores_BeatsEachOfThemOnOtherRequests()
    {
        var learnt = LearntExit.Of(Samples(1200, large: _ => 1));

        Assert.True(learnt.OverDecision!.Value.Low > 0, $"{learnt.OverDecision}");
        Assert.True(learnt.OverBest!.Value.Low > 0, $"{learnt.OverBest}");
        Assert.Equal(1200, learnt.HeldOut.Count);
        Assert.All(learnt.HeldOut, s => Assert.InRange(s, 0, 1));
    }

    [Fact]
    public void Of_LargeModelIsWrongWhereTheSmallOneIs_LooksAtWhatAnEscalationWouldMend()
    {
        // Unsure answers of the second half of the confidence range are hopeless for both.
        var learnt = LearntExit.Of(Samples(1200, large: s => s.Entropy < 0.5 ? 0 : 1));
        var hopeless = learnt.Criterion.Score(Scores(0.5, 0.05), 3);
        var mendable = learnt.Criterion.Score(Scores(0.5, 0.95), 3);
        Assert.True(hopeless > mendable, $"{hopeless} {mendable}");
    }

    [Fact]
    public void Of_ScoresThatSayNothing_AreWorthNothing()
    {
        var random = new SplitMix64(5);
        var learnt = LearntExit.Of([.. Samples(800, large: _ => 1).Select(s => s with { SmallRight = random.NextBelow(2) })]);
        Assert.True(learnt.OverBest!.Value.Low <= 0, $"{learnt.OverBest}");
    }

    [Fact]
    public void Of_NoLargeModel_IsTheSmallModelsProbability()
    {
        var learnt = LearntExit.Of([.. Samples(300, large: _ => 1).Select(s => s with { LargeRight = null })]);
        Assert.Null(learnt.Criterion.Large);
        Assert.Null(learnt.OverDecision);
    }

    [Fact]
    public void Of_FewOrIncompleteRequests_SaysWhatIsMissing()
    {
        Assert.Contains("at least 50", Assert.Throws<EvaluationException>(() => LearntExit.Of(Samples(49, large: _ => 1))).Message, StringComparison.Ordinal);
        var samples = Samples(60, large: _ => 1);
        samples[7] = samples[7] with { Scores = samples[7].Scores with { Consistency = double.NaN } };
        Assert.Contains("request 7", Assert.Throws<EvaluationException>(() => LearntExit.Of(samples)).Message, StringComparison.Ordinal);
    }

    /// <summary>The small answer is right where confidence and entropy together are high, each alone being half of the truth.</summary>
    private static LearntSample[] Samples(int count, Func<ExitScoreSet, double> large)
    {
        var random = new SplitMix64(1);
        return
        [
            .. Enumerable.Range(0, count).Select(_ =>
            {
                var scores = Scores(Uniform(), Uniform());
                return new LearntSample(scores, 3, scores.Confidence + scores.Entropy + (0.3 * (Uniform() - 0.5)) > 1 ? 1 : 0, large(scores));
            }),
        ];

        double Uniform() => (random.NextBelow(1000) + 0.5) / 1000;
    }

    private static ExitScoreSet Scores(double confidence, double entropy) => new(confidence, 0.5, (confidence + 0.5) / 2, entropy, 0.5, 0.5, 0.5, 0.5);
}
