namespace Sgl.Guidance.Tests;

public sealed class ProgressiveScheduleTests
{
    [Theory]
    [InlineData(48, 9, 1, 0.35)]
    [InlineData(48, 9, 3, 0.35)]
    [InlineData(24, 1, 4, 0.09)]
    [InlineData(8, 1, 7, 0.5)]
    [InlineData(8, 0, 2, 0.09)]
    [InlineData(8, 2, 3, 0.25)]
    [InlineData(8, 2, 3, 1)]
    public void Create_AnyShape_AveragesToTheBudgetAndNeverRises(int layers, int first, int steps, double average)
    {
        var made = ProgressiveSchedule.Create(layers, first, steps, average);

        Assert.Equal((steps, first), (made.Count, made[0].Layer));
        Assert.Equal(made.Select(s => s.Layer).Distinct().Order(), made.Select(s => s.Layer));
        Assert.Equal(made.Select(s => s.KeepRatio).OrderDescending(), made.Select(s => s.KeepRatio));
        var mean = Enumerable.Range(0, layers).Average(l => made.LastOrDefault(s => s.Layer <= l, (0, 1)).Item2);
        Assert.Equal(average, mean, 9);
        Assert.All(made.Select((s, j) => Math.Pow(s.KeepRatio, 1.0 / (j + 1))), q => Assert.Equal(made[0].KeepRatio, q, 6));
    }

    [Fact]
    public void Create_OneStep_IsThePapersRule()
    {
        var (layer, ratio) = Assert.Single(ProgressiveSchedule.Create(48, 9, 1, PruneSchedule.AverageRetention(9, 0.2, 48)));

        Assert.Equal(9, layer);
        Assert.Equal(0.2, ratio, 9);
    }

    [Theory]
    [InlineData(8, 8, 1, 0.5, "first_layer")]
    [InlineData(8, -1, 1, 0.5, "first_layer")]
    [InlineData(8, 6, 3, 0.9, "steps")]
    [InlineData(8, 6, 0, 0.9, "steps")]
    [InlineData(8, 4, 2, 0.49, "retention")]
    [InlineData(8, 4, 2, 1.01, "retention")]
    public void Create_OutOfRange_NamesTheField(int layers, int first, int steps, double average, string field) =>
        Assert.Equal(field, Assert.Throws<GuidanceException>(() => ProgressiveSchedule.Create(layers, first, steps, average)).Field);
}
