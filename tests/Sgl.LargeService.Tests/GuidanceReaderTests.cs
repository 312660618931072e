using CsCheck;
using Google.Protobuf;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

public sealed class GuidanceReaderTests
{
    private const int VisualTokens = 20;

    private static readonly ModelDescription Model = new()
    {
        Name = "large",
        Family = "internvl_chat",
        Layers = 10,
        HiddenSize = 8,
        VocabularySize = 16,
        ParameterCount = 1,
        Weights = new WeightSummary { Kind = "float32", Bytes = 4, Reason = "a test" },
        VisualLayoutKey = "key",
        WeightsDigest = "00",
        PruneLayers = [0, 2, 4],
        Stages = ["0-9:cpu"],
        MaxSequenceTokens = 100,
    };

    [Fact]
    public void Read_Unpruned_IsNoPruning()
    {
        var plan = Read(new Wire.Guidance { Unpruned = new Wire.Unpruned() }, out var fields);

        Assert.Empty(fields);
        Assert.Empty(plan.Steps);
    }

    [Fact]
    public void Read_Masks_AreTakenInLayerOrder()
    {
        var plan = Read(Masks(Step(4, 3), Step(0, 3, 7, 19)), out var fields);

        Assert.Empty(fields);
        Assert.Equal([0, 4], plan.Steps.Select(s => s.Layer));
        Assert.Equal([3, 7, 19], plan.Steps[0].Mask.Indices());
        Assert.Equal([3], plan.Steps[1].Mask.Indices());
    }

    [Fact]
    public void Read_Importance_KeepsTheHighest()
    {
        var values = Enumerable.Range(0, VisualTokens).Select(i => (float)(i % 7)).ToArray();
        var plan = Read(Ranked(values, At(2, 0.25)), out var fields);

        Assert.Empty(fields);
        Assert.Equal(KeepMask.FromImportance(values, 0.25), plan.Steps.Single().Mask);
        Assert.Equal(2, plan.Steps[0].Layer);
    }

    [Fact]
    public void Read_ImportanceAndItsOrder_KeepTheSame() =>
        Gen.Select(Gen.Float[0, 1].Array[VisualTokens], Gen.Double[0, 1]).Sample((values, ratio) =>
        {
            var order = new Wire.TokenOrder();
            order.Indices.AddRange(Ranking.Descending(values));
            var byOrder = new Wire.Guidance { Ranked = new Wire.RankedGuidance { Order = order, Points = { At(2, ratio) } } };

            Assert.Equal(Read(Ranked(values, At(2, ratio)), out _).Steps.Single().Mask, Read(byOrder, out _).Steps.Single().Mask);
        });

    [Fact]
    public void Read_LayerFraction_IsTheAuthorsLayer()
    {
        var plan = Read(Ranked(Rising(), Fraction(0.25, 0.5)), out var fields);

        Assert.Empty(fields);
        Assert.Equal((2, 10), (plan.Steps.Single().Layer, plan.Steps.Single().Mask.Count));
    }

    [Fact]
    public void Read_FractionOfAllLayers_NeverPrunes()
    {
        var plan = Read(Ranked(Rising(), Fraction(1, 0.5)), out var fields);

        Assert.Empty(fields);
        Assert.Empty(plan.Steps);
    }

    [Fact]
    public void Read_SeveralPoints_AreNestedSteps()
    {
        var plan = Read(Ranked(Rising(), At(4, 0.1), At(0, 0.5), At(2, 0.5)), out var fields);

        Assert.Empty(fields);
        Assert.Equal([(0, 10), (2, 10), (4, 2)], plan.Steps.Select(s => (s.Layer, s.Mask.Count)));
    }

    [Fact]
    public void Read_UnknownPruneLayer_ListsTheAllowedOnes()
    {
        var violations = new ViolationList();
        GuidanceReader.CheckShape(Ranked(Rising(), At(3, 0.5)), Model, violations);

        var found = violations.All.Single();
        Assert.Equal("guidance.ranked.points[0].layer", found.Field);
        Assert.Equal($"3 is not a prune layer of {Model.Name}; use one of 0, 2, 4", found.Description);
    }

    [Fact]
    public void Read_MaskOfTheWrongLength_NamesExpectedAndFound()
    {
        var violations = new ViolationList();
        GuidanceReader.Read(Masks(Step(2, KeepMask.All(24))), Model, VisualTokens, violations);

        var found = violations.All.Single();
        Assert.Equal("guidance.masks.steps[0].mask.visual_token_count", found.Field);
        Assert.Equal("the prompt has 20 visual tokens, the mask speaks about 24", found.Description);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0 }, "20 visual tokens need 3 bytes, found 2")]
    [InlineData(new byte[] { 1, 0, 0x10 }, "a bit beyond the last of 20 visual tokens is set")]
    public void Read_MaskOfWrongBits_NamesField(byte[] bits, string description)
    {
        var step = new Wire.PruneStep { Layer = 2, Mask = new Wire.KeepMask { VisualTokenCount = VisualTokens, Bits = ByteString.CopyFrom(bits) } };
        var violations = new ViolationList();
        GuidanceReader.Read(Masks(step), Model, VisualTokens, violations);

        Assert.Equal(("guidance.masks.steps[0].mask.bits", description), (violations.All.Single().Field, violations.All.Single().Description));
    }

    [Fact]
    public void Read_MaskThatBringsTokensBack_NamesIt()
    {
        Read(Masks(Step(0, 1, 2), Step(4, 2, 3)), out var fields);
        Assert.Equal(["guidance.masks.steps[1].mask"], fields);
    }

    [Fact]
    public void Read_TwoStepsOfOneLayer_NamesTheSecond()
    {
        Read(Masks(Step(2, 1), Step(2, 1)), out var fields);
        Assert.Equal(["guidance.masks.steps[1].layer"], fields);
    }

    [Fact]
    public void Read_Nothing_NamesWhatIsMissing()
    {
        Assert.Equal(["guidance"], Fields(new Wire.Guidance()));
        Assert.Equal(["guidance.masks.steps"], Fields(Masks()));
        Assert.Equal(["guidance.masks.steps[0].mask"], Fields(Masks(new Wire.PruneStep { Layer = 0 })));
        Assert.Equal(["guidance.ranked", "guidance.ranked.points"], Fields(new Wire.Guidance { Ranked = new Wire.RankedGuidance() }));
        Assert.Equal(
            ["guidance.ranked.points[0]", "guidance.ranked.points[0].keep_ratio"], Fields(Ranked(Rising(), new Wire.PrunePoint())));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.01)]
    [InlineData(1.01)]
    public void Read_RatioOrFractionOutOfRange_NamesField(double value)
    {
        Assert.Equal(["guidance.ranked.points[0].keep_ratio"], Fields(Ranked(Rising(), At(2, value))));
        Assert.Equal(["guidance.ranked.points[0].layer_fraction"], Fields(Ranked(Rising(), Fraction(value, 0.5))));
    }

    [Fact]
    public void Read_FractionBetweenPruneLayers_TakesTheNearestAsTheRouterDoes()
    {
        // 0.35 of 10 layers is layer 3, which is as near to 2 as to 4: the later one drops less.
        var plan = Read(Ranked(Rising(), Fraction(0.35, 0.5)), out var fields);
        Assert.Empty(fields);
        Assert.Equal([(4, 10)], plan.Steps.Select(s => (s.Layer, s.Mask.Count)));
    }

    [Fact]
    public void Read_FractionWithoutPruneLayers_NamesField()
    {
        var violations = new ViolationList();
        GuidanceReader.CheckShape(Ranked(Rising(), Fraction(0.35, 0.5)), Model with { PruneLayers = [] }, violations);
        Assert.Equal(("guidance.ranked.points[0].layer_fraction", ErrorReasons.PruneLayerUnavailable), (violations.All.Single().Field, violations.All.Single().Reason));
    }

    [Fact]
    public void Read_RatioThatRises_NamesIt() =>
        Assert.Equal(["guidance.ranked.points[0].keep_ratio"], Fields(Ranked(Rising(), At(4, 0.5), At(0, 0.2))));

    [Fact]
    public void Read_RankingOfTheWrongLength_NamesIt()
    {
        Read(Ranked(new float[19], At(2, 0.5)), out var fields);
        Assert.Equal(["guidance.ranked.importance.values"], fields);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Read_ImportanceThatIsNoNumber_NamesIndex(float value)
    {
        var values = Rising();
        values[5] = value;
        Read(Ranked(values, At(2, 0.5)), out var fields);
        Assert.Equal(["guidance.ranked.importance.values[5]"], fields);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(-1)]
    public void Read_OrderThatIsNoPermutation_NamesIndex(int last)
    {
        var order = new Wire.TokenOrder();
        order.Indices.AddRange(Enumerable.Range(0, VisualTokens - 1).Append(last));
        Read(new Wire.Guidance { Ranked = new Wire.RankedGuidance { Order = order, Points = { At(2, 0.5) } } }, out var fields);
        Assert.Equal(["guidance.ranked.order.indices[19]"], fields);
    }

    [Fact]
    public void Outcome_Plan_SaysWhatStaysAndTheAverage()
    {
        var plan = Read(Masks(Step(2, 0, 5, 10, 15), Step(4, 5, 10)), out _);

        var outcome = WirePruning.Outcome(plan, Model.Layers);

        Assert.Equal([4, 2], outcome.KeptVisualTokenCounts);
        Assert.Equal((2 + (2 * 0.2) + (6 * 0.1)) / 10, outcome.AverageRetention, 12);
        Assert.Equal(Masks(Step(2, 0, 5, 10, 15), Step(4, 5, 10)).Masks.Steps, outcome.Steps);
    }

    private static PrunePlan Read(Wire.Guidance guidance, out IEnumerable<string> fields)
    {
        var violations = new ViolationList();
        GuidanceReader.CheckShape(guidance, Model, violations);
        Assert.False(violations.Any);
        var plan = GuidanceReader.Read(guidance, Model, VisualTokens, violations);
        fields = violations.All.Select(v => v.Field);
        return plan;
    }

    private static IEnumerable<string> Fields(Wire.Guidance guidance)
    {
        var violations = new ViolationList();
        GuidanceReader.CheckShape(guidance, Model, violations);
        return violations.All.Select(v => v.Field);
    }

    private static float[] Rising() => [.. Enumerable.Range(0, VisualTokens).Select(i => (float)i)];

    private static Wire.Guidance Masks(params Wire.PruneStep[] steps)
    {
        var guidance = new Wire.Guidance { Masks = new Wire.MaskGuidance() };
        guidance.Masks.Steps.AddRange(steps);
        return guidance;
    }

    private static Wire.Guidance Ranked(float[] importance, params Wire.PrunePoint[] points)
    {
        var guidance = new Wire.Guidance { Ranked = new Wire.RankedGuidance { Importance = new Wire.Importance() } };
        guidance.Ranked.Importance.Values.AddRange(importance);
        guidance.Ranked.Points.AddRange(points);
        return guidance;
    }

    private static Wire.PruneStep Step(int layer, params int[] kept) => Step(layer, KeepMask.FromIndices(VisualTokens, kept));

    private static Wire.PruneStep Step(int layer, KeepMask mask) => new()
    {
        Layer = layer,
        Mask = new Wire.KeepMask { VisualTokenCount = mask.Length, Bits = ByteString.CopyFrom(mask.ToBytes()) },
    };

    private static Wire.PrunePoint At(int layer, double ratio) => new() { Layer = layer, KeepRatio = ratio };

    private static Wire.PrunePoint Fraction(double fraction, double ratio) => new() { LayerFraction = fraction, KeepRatio = ratio };
}
