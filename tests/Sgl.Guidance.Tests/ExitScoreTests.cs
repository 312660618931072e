using CsCheck;

namespace Sgl.Guidance.Tests;

public class ExitScoreTests
{
    [Fact]
    public void Scores_HandComputedSteps_AreTheEquations()
    {
        float[] p = [0.9f, 0.5f, 0.8f, 0.2f];
        float[] pruned = [0.5f, 0.5f, 0.5f, 0.5f];
        var scores = ExitScores.Of(Logs(p), [1f, 0f, 0f, 1f], 8, Logs(pruned));

        Assert.Equal(Math.Pow(0.072, 0.25), scores.Confidence, 1e-6);
        Assert.Equal(0.0625, scores.Consistency, 1e-6);
        Assert.Equal((Math.Pow(0.072, 0.25) + 0.0625) / 2, scores.Decision, 1e-6);
        Assert.Equal(1 - (0.5 / Math.Log(8)), scores.Entropy, 1e-6);
        Assert.Equal(0.2, scores.QuantileQ1, 1e-6); // rank floor(0.25 * 3) = 0
        Assert.Equal(0.5, scores.QuantileQ2, 1e-6); // rank floor(1.5) = 1
        Assert.Equal(0.8, scores.QuantileQ3, 1e-6); // rank floor(2.25) = 2
        Assert.Equal(0.5, scores.LengthNormalisedConsistency, 1e-6);
        Assert.Equal(scores.Decision, scores[ExitCriterion.Decision]);
        Assert.Equal(8, ExitCriteria.Measured.Select(c => scores[c]).Count(double.IsFinite));
    }

    [Fact]
    public void Of_NoConsistencyPass_LeavesItsScoresUndecided()
    {
        var scores = ExitScores.Of([-0.1f], [], 8, []);
        Assert.Equal(Math.Exp(-0.1), scores.Confidence, 1e-6);
        Assert.All(
            [ExitCriterion.Consistency, ExitCriterion.Decision, ExitCriterion.LengthNormalisedConsistency, ExitCriterion.Entropy],
            criterion => Assert.False(ExitDecision.Exits(scores[criterion], 0)));
    }

    [Fact]
    public void Confidence_LongUnsureAnswer_DoesNotUnderflow()
    {
        var p = Enumerable.Repeat(0.01f, 1000).ToArray();
        Assert.Equal(0f, p.Aggregate(1f, (product, x) => product * x));
        Assert.Equal(0.01, ExitScores.Confidence(Logs(p)), 1e-8);
        Assert.Equal(0, ExitScores.Consistency(Logs(p)));
        Assert.Equal(0.01, ExitScores.LengthNormalisedConsistency(Logs(p)), 1e-6);
    }

    [Fact]
    public void Confidence_ZeroProbability_IsZero()
    {
        Assert.Equal(0, ExitScores.Confidence([0f, float.NegativeInfinity]));
        Assert.Equal(0, ExitScores.Consistency(Logs([1f, 0f])));
    }

    [Fact]
    public void Scores_AnySteps_StayBetweenZeroAndOneAndInOrder() =>
        Gen.Select(Gen.Float[0, 1].Array[1, 20], Gen.Float[0, 1].Array[20]).Sample((p, pruned) =>
        {
            var scores = ExitScores.Of(Logs(p), p, 5, Logs(pruned[..p.Length]));
            Assert.All(ExitCriteria.Measured, c => Assert.InRange(scores[c], 0, 1));
            Assert.True(scores.QuantileQ1 <= scores.QuantileQ2 && scores.QuantileQ2 <= scores.QuantileQ3);
            Assert.True(scores.Consistency <= scores.LengthNormalisedConsistency + 1e-12);
            Assert.InRange(scores.Confidence, p.Min() * 0.9999, (p.Max() * 1.0001) + 1e-12);
        });

    [Fact]
    public void Confidence_ProbabilitiesInsteadOfLogs_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ExitScores.Confidence([0.5f]));
        Assert.Throws<ArgumentException>(() => ExitScores.Confidence([]));
        Assert.Throws<ArgumentException>(() => ExitScores.Of([0f, 0f], [0f], 8, []));
    }

    [Theory]
    [InlineData(0.7, 0.7, true)]
    [InlineData(0.69, 0.7, false)]
    [InlineData(1, double.NaN, false)]
    [InlineData(double.NaN, 0, false)]
    [InlineData(0, 0, true)]
    public void Exits_ScoreAgainstThreshold_AtOrAboveOnly(double score, double threshold, bool exits) =>
        Assert.Equal(exits, ExitDecision.Exits(score, threshold));

    [Fact]
    public void Confidence_NaNStep_NeverExits() =>
        Assert.False(ExitDecision.Exits(ExitScores.Of([0f, float.NaN], [], 8, []).Confidence, 0));

    private static float[] Logs(float[] p) => Array.ConvertAll(p, MathF.Log);
}
