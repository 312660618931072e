namespace Sgl.Guidance.Tests;

public class PrunePlanTests
{
    private static readonly KeepMask Half = KeepMask.FromIndices(10, [0, 2, 4, 6, 8]);
    private static readonly KeepMask Fifth = KeepMask.FromIndices(10, [2, 8]);

    [Fact]
    public void Create_StepsOutOfOrder_AreSorted()
    {
        var plan = PrunePlan.Create([new(5, Fifth), new(2, Half)], 8, 10);
        Assert.Equal([2, 5], plan.Steps.Select(s => s.Layer));
        Assert.Null(plan.MaskAt(1));
        Assert.Equal(Half, plan.MaskAt(2));
        Assert.Equal(Half, plan.MaskAt(4));
        Assert.Equal(Fifth, plan.MaskAt(7));
        Assert.Equal((2 + (3 * 0.5) + (3 * 0.2)) / 8, plan.AverageRetention(8), 12);
    }

    [Fact]
    public void Create_NoSteps_IsNone()
    {
        Assert.Same(PrunePlan.None, PrunePlan.Create([], 8, 10));
        Assert.Equal(1, PrunePlan.None.AverageRetention(8));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(8)]
    public void Create_LayerOutOfRange_NamesTheLayer(int layer) =>
        AssertField("steps[0].layer", [new(layer, Half)]);

    [Fact]
    public void Create_SameLayerTwice_NamesTheLayer() => AssertField("steps[1].layer", [new(2, Half), new(2, Fifth)]);

    [Fact]
    public void Create_NotASubset_NamesTheLaterMask() => AssertField("steps[0].mask", [new(5, Half), new(2, Fifth)]);

    [Fact]
    public void Create_WrongLength_NamesTheMask() => AssertField("steps[0].mask", [new(2, KeepMask.All(9))]);

    /// <summary>K and average retention of the paper's settings for models of 48, 60, 80 and 24 layers.</summary>
    [Theory]
    [InlineData(0.4, 48, 19, 0.6375)]
    [InlineData(0.3, 48, 14, 0.5042)]
    [InlineData(0.2, 48, 9, 0.35)]
    [InlineData(0.1, 48, 4, 0.175)]
    [InlineData(0.05, 48, 2, 0.0896)]
    [InlineData(0.4, 60, 24, 0.64)]
    [InlineData(0.3, 60, 18, 0.51)]
    [InlineData(0.2, 60, 12, 0.36)]
    [InlineData(0.1, 60, 6, 0.19)]
    [InlineData(0.05, 60, 3, 0.0975)]
    [InlineData(0.4, 80, 32, 0.64)]
    [InlineData(0.05, 80, 4, 0.0975)]
    [InlineData(0.4, 24, 9, 0.625)]
    [InlineData(0.2, 24, 4, 0.3333)]
    [InlineData(0.05, 24, 1, 0.0896)]
    public void Schedule_PaperDepths_GiveTheTable(double p, int layers, int layer, double average)
    {
        Assert.Equal(layer, PruneSchedule.Layer(layers, p));
        Assert.Equal(average, PruneSchedule.AverageRetention(layer, p, layers), 0.0001);
    }

    [Fact]
    public void PaperSettings_48Layers_AreNamedByTheirAverage()
    {
        Assert.All(
            PruneSchedule.PaperSettings,
            s => Assert.Equal(s.Percent, (int)Math.Round(100 * s.AverageRetention(48), MidpointRounding.AwayFromZero)));
        Assert.Equal([2, 4, 9, 14, 19], PruneSchedule.PaperLayers(48));
        Assert.Equal([0, 1, 2], PruneSchedule.PaperLayers(5));
        Assert.Equal(9, PruneSchedule.Paper(35).Layer(48));
        Assert.Throws<GuidanceException>(() => PruneSchedule.Paper(36));
    }

    [Theory]
    [InlineData(48, 0.35, 9, 0.2)]
    [InlineData(8, 0.64, 3, 0.424)]
    [InlineData(8, 0.35, 1, 0.2571)]
    [InlineData(8, 0.09, 0, 0.09)]
    [InlineData(1, 0.5, 0, 0.5)]
    [InlineData(8, 1, 3, 1)]
    [InlineData(8, 0, 0, 0)]
    public void ForAverage_AnyDepth_MeetsTheAverage(int layers, double average, int layer, double ratio)
    {
        var (k, r) = PruneSchedule.ForAverage(layers, average);
        Assert.Equal(layer, k);
        Assert.Equal(ratio, r, 0.0001);
        Assert.Equal(average, PruneSchedule.AverageRetention(k, r, layers), 9);
    }

    [Fact]
    public void ForAverage_EveryDepthAndAverage_MeetsTheAverage() => CsCheck.Check.Sample(
        CsCheck.Gen.Select(CsCheck.Gen.Int[1, 100], CsCheck.Gen.Double[0, 1]),
        (layers, average) =>
        {
            var (layer, ratio) = PruneSchedule.ForAverage(layers, average);
            Assert.InRange(layer, 0, layers - 1);
            Assert.Equal(average, PruneSchedule.AverageRetention(layer, ratio, layers), 9);
        });

    [Fact]
    public void Layer_FractionOutOfRange_IsRefused() =>
        Assert.Equal("layer_fraction", Assert.Throws<GuidanceException>(() => PruneSchedule.Layer(8, double.NaN)).Field);

    private static void AssertField(string field, PruneStep[] steps) =>
        Assert.Equal(field, Assert.Throws<GuidanceException>(() => PrunePlan.Create(steps, 8, 10)).Field);
}
