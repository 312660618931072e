using CsCheck;

namespace Sgl.Guidance.Tests;

public class TileSelectionTests
{
    [Theory]
    [InlineData(0, true, true, true)]
    [InlineData(0.37, true, true, true)]
    [InlineData(0.4, true, true, false)]
    [InlineData(0.5, true, true, false)]
    [InlineData(0.75, true, true, false)]
    [InlineData(0.76, true, false, false)]
    [InlineData(1, true, false, false)]
    public void Guided_Threshold_KeepsTilesWhosePeakIsThatShareOfTheBest(double threshold, bool a, bool b, bool c)
    {
        // Peaks 8, 4, 3; the thumbnail's own peak is not what they are measured by. The second of three stays at two thirds of the threshold.
        Assert.Equal([a, b, c, true], TileSelection.Guided([1, 8, 4, 0, 3, 3, 100, 0], TileTokensTests.Simple(false, false, false, true), threshold));
    }

    [Fact]
    public void Guided_LargeTile_PeakIsTheMeanOfOneTokenInSixteen()
    {
        var builder = new TileTokens.Builder();
        for (var t = 0; t < 2; t++)
        {
            var tile = builder.AddTile(0, false);
            for (var i = 0; i < 64; i++)
            {
                builder.AddToken(tile);
            }
        }

        // One token of the first tile gathers attention; four of the second are looked at.
        var importance = new float[128];
        importance[5] = 10;
        importance[70] = importance[71] = importance[90] = importance[91] = 5;
        Assert.Equal([true, true], TileSelection.Guided(importance, builder.Build(), 0.5));
        Assert.Equal([false, true], TileSelection.Guided(importance, builder.Build(), 0.51));
    }

    [Fact]
    public void Guided_NothingStandsOut_KeepsAll()
    {
        Assert.All(TileSelection.Guided(new float[6], TileTokensTests.Simple(false, false, true)), Assert.True);
        Assert.All(TileSelection.Guided([2, 2, 2, 2, 2, 2], TileTokensTests.Simple(false, false, true), 1), Assert.True);
        Assert.Empty(TileSelection.Guided([], new TileTokens.Builder().Build()));
    }

    [Fact]
    public void Guided_ImageWithoutOverview_KeepsItsBestTile()
    {
        var builder = new TileTokens.Builder();
        foreach (var image in new[] { 0, 0, 1, 1 })
        {
            builder.AddToken(builder.AddTile(image, false));
        }

        Assert.Equal([true, false, false, true], TileSelection.Guided([100, 1, 2, 3], builder.Build(), 0.5));
    }

    [Fact]
    public void Guided_MixedToken_CountsForTheTileItShowsMostOf()
    {
        var builder = new TileTokens.Builder();
        int a = builder.AddTile(0, false), b = builder.AddTile(0, false);
        builder.AddToken(a);
        builder.AddToken(b, a);
        builder.AddSeparator(a);
        builder.AddToken(b);
        Assert.Equal([false, true], TileSelection.Guided([1, 9, 50, 1], builder.Build(), 0.5));
    }

    [Theory]
    [InlineData(2, 0.5, true)]
    [InlineData(2, 0.51, false)]
    [InlineData(5, 1, true)]
    [InlineData(8, 1, true)]
    public void Guided_SecondBest_StaysAtTwoInKOfTheThreshold(int tiles, double threshold, bool second)
    {
        float[] importance = [8, 0, 4, 0, .. Enumerable.Repeat(3.1f, 2 * (tiles - 1))];
        var stays = TileSelection.Guided(importance, TileTokensTests.Simple([.. Enumerable.Repeat(false, tiles), true]), threshold);
        Assert.Equal([true, second], stays[..2]);
        Assert.All(stays[2..tiles], Assert.False);
    }

    [Fact]
    public void Guided_NegativeImportance_KeepsAllAtZeroAndTheBestAtAnyThreshold()
    {
        var tiles = TileTokensTests.Simple(false, false, false, true);
        Assert.All(TileSelection.Guided([-1, -1, -1, -1, -4, -4, 9, 9], tiles, 0), Assert.True);
        Assert.All(TileSelection.Guided([-1, -1, -2, -2, -4, -4, 9, 9], tiles, 0.5), Assert.True);
        Assert.Equal([true, false, false, true], TileSelection.Guided([5, 5, -2, -2, -4, -4, 9, 9], tiles, 0.5));
    }

    [Fact]
    public void Guided_HigherThreshold_KeepsASubset() => Gen.Select(Gen.Float[0, 10].Array[12], Gen.Double[0, 1], Gen.Double[0, 1]).Sample((importance, x, y) =>
    {
        var tiles = TileTokensTests.Simple(false, false, false, false, false, true);
        var (low, high) = (TileSelection.Guided(importance, tiles, Math.Min(x, y)), TileSelection.Guided(importance, tiles, Math.Max(x, y)));
        Assert.All(Enumerable.Range(0, 6), t => Assert.True(low[t] || !high[t]));
        Assert.True(high[5] && high.Take(5).Any(t => t));
    });

    [Fact]
    public void Guided_ScaledImportance_KeepsTheSame() => Gen.Select(Gen.Float[0, 10].Array[12], Gen.Double[0, 1]).Sample((importance, threshold) =>
    {
        var tiles = TileTokensTests.Simple(false, false, false, false, false, true);
        Assert.Equal(
            TileSelection.Guided(importance, tiles, threshold), TileSelection.Guided(Array.ConvertAll(importance, a => a * 8), tiles, threshold));
    });

    [Fact]
    public void Guided_BadInput_NamesIt()
    {
        var tiles = TileTokensTests.Simple(false, true);
        Assert.Equal("threshold", Assert.Throws<GuidanceException>(() => TileSelection.Guided(new float[4], tiles, double.NaN)).Field);
        Assert.Equal("threshold", Assert.Throws<GuidanceException>(() => TileSelection.Guided(new float[4], tiles, 1.1)).Field);
        Assert.Equal("importance", Assert.Throws<GuidanceException>(() => TileSelection.Guided(new float[5], tiles)).Field);
        Assert.Equal("importance[2]", Assert.Throws<GuidanceException>(() => TileSelection.Guided([0, 0, float.NaN, 0], tiles)).Field);
    }
}
