namespace Sgl.Guidance.Tests;

public sealed class ImportanceTrendTests
{
    [Fact]
    public void Remove_TrendAlone_IsFlat()
    {
        var trend = ImportanceTrend.Fit([Rising(64, 1), Rising(64, 3)]);

        var freed = trend.Remove(Rising(64, 2));

        Assert.All(freed, a => Assert.Equal(freed.Average(), a, 0.05 * freed.Average()));
        Assert.Equal(1, trend.Bins.Average(), 9);
    }

    [Fact]
    public void Remove_SignalUnderATrendAndASink_ComesOutOnTop()
    {
        float[] Sunk(int length, float scale)
        {
            var made = Rising(length, scale);
            made[length - 1] *= 20;
            return made;
        }

        var trend = ImportanceTrend.Fit([Sunk(64, 1)], bins: 64);
        var importance = Sunk(64, 1);
        importance[5] *= 3;

        Assert.NotEqual(5, Ranking.Descending(importance)[0]);
        Assert.Equal(5, Ranking.Descending(trend.Remove(importance))[0]);
    }

    [Fact]
    public void Remove_Padding_IsZero()
    {
        var trend = ImportanceTrend.Fit([[1, 1, 1, 1]], bins: 2);

        Assert.Equal([3, 0, 1, 0], trend.Remove([3, 9, 1, 9], [true, false, true, false]));
    }

    [Fact]
    public void Fit_ShorterThanThePlaces_FillsFromTheNeighbour()
    {
        var trend = ImportanceTrend.Fit([[1, 3]], bins: 4);

        Assert.Equal([0.5, 0.5, 1.5, 1.5], trend.Bins);
        Assert.Equal(8, trend.Remove(new float[8]).Length);
    }

    [Fact]
    public void Fit_NothingToLearnFrom_IsRefused()
    {
        Assert.Throws<GuidanceException>(() => ImportanceTrend.Fit([]));
        Assert.Throws<GuidanceException>(() => ImportanceTrend.Fit([[], new float[5]]));
        Assert.Throws<GuidanceException>(() => ImportanceTrend.Fit([[1, float.NaN]]));
    }

    private static float[] Rising(int length, float scale) => [.. Enumerable.Range(0, length).Select(i => scale * (1 + (i / 16f)))];
}
