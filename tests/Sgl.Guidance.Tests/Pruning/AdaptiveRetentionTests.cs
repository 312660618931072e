namespace Sgl.Guidance.Tests;

public sealed class AdaptiveRetentionTests
{
    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(0.8, 2)]
    [InlineData(0.81, 3)]
    [InlineData(1, 4)]
    public void Count_KnownImportance_FewestThatHoldTheShare(double share, int expected) =>
        Assert.Equal(expected, AdaptiveRetention.Count([1, 5, 0, 3, 1, 0, 0, 0, 0, 0], share, 0, 1));

    [Fact]
    public void Count_AllAlike_IsTheShareOfTheTokens() => Assert.Equal(25, AdaptiveRetention.Count(Enumerable.Repeat(2f, 100).ToArray(), 0.25, 0, 1));

    [Theory]
    [InlineData(0.9, 0.3, 1, 3)]
    [InlineData(1, 0, 0.2, 2)]
    [InlineData(0, 0, 1, 0)]
    public void Count_OutsideTheBounds_IsTheBound(double share, double lowest, double highest, int expected) =>
        Assert.Equal(expected, AdaptiveRetention.Count([9, 1, 1, 0, 0, 0, 0, 0, 0, 0], share, lowest, highest));

    [Fact]
    public void Count_NothingImportant_IsTheLowerBound() => Assert.Equal(4, AdaptiveRetention.Count(new float[8], 0.9, 0.5, 1));

    [Fact]
    public void Count_NegativeImportance_HoldsNothing() => Assert.Equal(1, AdaptiveRetention.Count([4, -3, -3, -3], 1, 0, 1));

    [Fact]
    public void Count_RisingShare_NeverKeepsFewerAndHoldsIt()
    {
        var random = new Random(3);
        for (var round = 0; round < 50; round++)
        {
            float[] importance = [.. Enumerable.Range(0, 60).Select(_ => random.NextSingle())];
            var before = 0;
            for (var share = 0.0; share <= 1; share += 0.05)
            {
                var count = AdaptiveRetention.Count(importance, share, 0, 1);
                var sorted = importance.OrderDescending().ToArray();
                Assert.True(count >= before);
                Assert.True(sorted.Take(count).Sum(a => (double)a) >= (share * importance.Sum(a => (double)a)) - 1e-6);
                Assert.True(count == 0 || sorted.Take(count - 1).Sum(a => (double)a) < share * importance.Sum(a => (double)a));
                before = count;
            }
        }
    }

    [Theory]
    [InlineData(1.1, 0, 1, "importance_share")]
    [InlineData(double.NaN, 0, 1, "importance_share")]
    [InlineData(0.5, -0.1, 1, "lowest_keep_ratio")]
    [InlineData(0.5, 0.4, 0.3, "highest_keep_ratio")]
    public void Count_OutOfRange_NamesTheField(double share, double lowest, double highest, string field) =>
        Assert.Equal(field, Assert.Throws<GuidanceException>(() => AdaptiveRetention.Count([1, 2], share, lowest, highest)).Field);

    [Fact]
    public void Count_NotANumber_IsRefused() => Assert.Throws<GuidanceException>(() => AdaptiveRetention.Count([1, float.NaN], 0.5, 0, 1));
}
