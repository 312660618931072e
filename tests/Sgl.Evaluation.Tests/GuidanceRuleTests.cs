using Sgl.Guidance;

namespace Sgl.Evaluation.Tests;

public sealed class GuidanceRuleTests
{
    private const int Layers = 8;

    private static readonly float[] Importance = [.. Enumerable.Range(0, 40).Select(i => 1f / (1 + ((i * 7) % 40)))];

    [Theory]
    [InlineData("adaptive", "adaptive:0.5")]
    [InlineData("Adaptive:0.7", "adaptive:0.7")]
    [InlineData("progressive:4", "progressive:4")]
    [InlineData("debiased", "debiased:32")]
    [InlineData("dpp:0.25", "dpp:0.25")]
    [InlineData("maxmin", "maxmin:1")]
    public void Parse_KnownRule_IsWrittenAlike(string text, string expected) => Assert.Equal(expected, GuidanceRule.Parse(text)!.ToString());

    [Fact]
    public void Parse_Paper_IsNoOtherRule() => Assert.Null(GuidanceRule.Parse("paper"));

    [Theory]
    [InlineData("best")]
    [InlineData("adaptive:1.5")]
    [InlineData("adaptive:")]
    [InlineData("progressive:2.5")]
    [InlineData("progressive:0")]
    [InlineData("dpp:NaN")]
    public void Parse_UnknownOrOutOfRange_IsRefused(string text) => Assert.Throws<EvaluationException>(() => GuidanceRule.Parse(text));

    [Theory]
    [InlineData("progressive:3")]
    [InlineData("dpp:1")]
    [InlineData("maxmin:1")]
    [InlineData("debiased:4")]
    public void Plan_AnyButAdaptive_CostsWhatThePapersRuleCosts(string text)
    {
        var rule = GuidanceRule.Parse(text)!;

        var plan = Plan(rule);

        Assert.Equal(PruneSchedule.AverageRetention(1, 0.25, Layers), plan.AverageRetention(Layers), 0.02);
        Assert.Equal(rule.Points(1, 0.25, Layers).Select(p => p.Layer), plan.Steps.Select(s => s.Layer));
    }

    [Fact]
    public void Plan_Adaptive_KeepsTheShareWithinAQuarterAndThreeTimesTheRatio()
    {
        Assert.Equal(AdaptiveRetention.Count(Importance, 0.6, 0, 1), Assert.Single(Plan(GuidanceRule.Parse("adaptive:0.6")!).Steps).Mask.Count);
        Assert.Equal(30, Assert.Single(Plan(GuidanceRule.Parse("adaptive:1")!).Steps).Mask.Count);
        Assert.Equal(2, Assert.Single(Plan(GuidanceRule.Parse("adaptive:0")!).Steps).Mask.Count);
    }

    [Fact]
    public void Plan_Debiased_RanksWithoutTheTrend()
    {
        float[] trend = [.. Enumerable.Range(0, 40).Select(i => i < 20 ? 1f : 4f)];
        float[] importance = [.. trend];
        importance[3] = 3;

        var plan = new GuidanceRule(GuidanceRuleKind.Debiased, 2).Plan(importance, [(1, 0.025)], Layers, [], ImportanceTrend.Fit([trend], 2));

        Assert.Equal([3], plan.Steps[0].Mask.Indices());
        Assert.Throws<EvaluationException>(() => new GuidanceRule(GuidanceRuleKind.Debiased, 2).Plan(importance, [(1, 0.25)], Layers, [], null));
    }

    [Fact]
    public void Key_WithARule_DiffersAndWithoutIsAsItWas()
    {
        var paper = new MethodConfiguration { Method = PruningMethod.Sgp, PruneLayer = 1, KeepRatio = 0.25 };

        Assert.Equal("sgp-k1-r0.25", paper.Key);
        Assert.Equal("sgp-k1-r0.25-adaptive:0.6", (paper with { Rule = GuidanceRule.Parse("adaptive:0.6") }).Key);
        Assert.Equal([1, 3, 5], (paper with { Rule = GuidanceRule.Parse("progressive:3") }).PruneLayers(Layers));
        Assert.Equal([1], paper.PruneLayers(Layers));
        Assert.Empty(MethodConfiguration.Unpruned.PruneLayers(Layers));
    }

    private static PrunePlan Plan(GuidanceRule rule)
    {
        float[] features = [.. Enumerable.Range(0, Importance.Length * 3).Select(i => (float)(((i * 31) % 17) - 8))];
        return rule.Plan(Importance, rule.Points(1, 0.25, Layers), Layers, features, ImportanceTrend.Fit([Importance], Math.Max(1, (int)rule.Parameter)));
    }
}
