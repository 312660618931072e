namespace Sgl.Guidance.Tests;

public sealed class LearntCriterionTests
{
    private static readonly ExitScoreSet Scores = new(0.9, 0.5, 0.7, 0.8, 0.6, 0.7, 0.95, 0.6);

    [Fact]
    public void Inputs_OneAnswer_LogitsInOrderThenTheLength()
    {
        var inputs = LearntCriterion.Inputs(Scores, 5);

        Assert.Equal(LearntCriterion.InputCount, inputs.Length);
        Assert.Equal(Math.Log(0.7 / 0.3), inputs[0], 12);   // decision is the first criterion
        Assert.Equal(Math.Log(9), inputs[1], 12);
        Assert.Equal(0, inputs[2], 12);
        Assert.Equal(Math.Log(5), inputs[^1], 12);
    }

    [Fact]
    public void Score_SmallAlone_IsItsProbability() =>
        Assert.Equal(1 / (1 + Math.Exp(-(0.5 + (2 * Math.Log(9)) - Math.Log(3)))), new LearntCriterion(Probability(0.5, (1, 2), (8, -1))).Score(Scores, 3), 12);

    [Fact]
    public void Score_WithLarge_IsHighWhereOnlyTheSmallOneIsRight()
    {
        var surely = Probability(1000);
        var never = Probability(-1000);

        Assert.Equal([1, 0.5, 0.5, 0], new[] { (surely, never), (surely, surely), (never, never), (never, surely) }.Select(p => new LearntCriterion(p.Item1, p.Item2).Score(Scores, 1)));
    }

    [Fact]
    public void Score_ScoreThatWasNotComputed_NeverExits()
    {
        var learnt = new LearntCriterion(Probability(0, (2, 1)));
        Assert.False(ExitDecision.Exits(learnt.Score(Scores with { Consistency = double.NaN }, 1), 0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Score_ScoresAtTheirEnds_IsFinite(double end)
    {
        var all = new ExitScoreSet(end, end, end, end, end, end, end, end);
        Assert.InRange(new LearntCriterion(Probability(0, [.. Enumerable.Range(0, 9).Select(i => (i, 1.0))])).Score(all, 0), 0, 1);
    }

    [Fact]
    public void Problem_WrongNumbers_AreNamed()
    {
        Assert.Null(Probability(0).Problem());
        Assert.Contains("3 weights", new LearntProbability(0, [1, 2, 3]).Problem(), StringComparison.Ordinal);
        Assert.Contains("not finite", Probability(double.NaN).Problem(), StringComparison.Ordinal);
        Assert.Contains("not finite", Probability(0, (3, double.PositiveInfinity)).Problem(), StringComparison.Ordinal);
    }

    private static LearntProbability Probability(double bias, params (int At, double Weight)[] weights)
    {
        var all = new double[LearntCriterion.InputCount];
        foreach (var (at, weight) in weights)
        {
            all[at] = weight;
        }

        return new LearntProbability(bias, all);
    }
}
