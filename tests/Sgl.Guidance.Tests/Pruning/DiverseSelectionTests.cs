namespace Sgl.Guidance.Tests;

public sealed class DiverseSelectionTests
{
    private const int Width = 12;

    [Fact]
    public void BothRules_TwoCopiesOfTheBest_TheSecondGivesWay()
    {
        // Tokens 0 and 1 show the same, 2 something else of a little less importance.
        float[] importance = [1, 0.95f, 0.8f, 0.1f];
        float[] features = [1, 0, 0, 1, 0.001f, 0, 0, 1, 0, 0, 0, 1];

        Assert.Equal([0, 2], DiverseSelection.Determinantal(importance, features, 2, 1));
        Assert.Equal([0, 2], DiverseSelection.MaxMin(importance, features, 2, 1));
        Assert.Equal([0, 1], Ranking.Top(importance, 2));
    }

    [Fact]
    public void Determinantal_Random_IsTheGreedyMaximumOfTheDeterminant()
    {
        var random = new Random(11);
        for (var round = 0; round < 20; round++)
        {
            var (importance, features) = Drawn(random, 14);
            var chosen = DiverseSelection.Determinantal(importance, features, 6, 0.7);
            for (var step = 0; step < chosen.Length; step++)
            {
                var with = Enumerable.Range(0, importance.Length).Except(chosen[..step]).Select(i => Determinant(importance, features, [.. chosen[..step], i], 0.7)).Max();
                var made = Determinant(importance, features, chosen[..(step + 1)], 0.7);
                Assert.True(made >= with * (1 - 1e-3), $"step {step}: determinant {made}, {with} was there");
            }
        }
    }

    [Fact]
    public void Determinantal_MoreThanFeaturesTellApart_TheRestIsChosenByImportance()
    {
        // Two dimensions hold two different tokens: rounding errors of the features do not choose the others.
        var random = new Random(3);
        float[] importance = [.. Enumerable.Range(0, 40).Select(_ => 0.5f + random.NextSingle())];
        float[] features = [.. Enumerable.Range(0, 80).Select(_ => random.NextSingle() - 0.5f)];

        var chosen = DiverseSelection.Determinantal(importance, features, 12, 1);

        Assert.Equal(Ranking.Descending(importance).Where(t => t != chosen[0] && t != chosen[1]).Take(10), chosen.Skip(2));
    }

    [Fact]
    public void MaxMin_WithoutImportance_TakesTheFarthest()
    {
        float[] features = [1, 0, 0.9f, 0.1f, 0, 1, -1, 0];

        Assert.Equal([0, 3, 2, 1], DiverseSelection.MaxMin([1, 1, 1, 1], features, 4, 0));
    }

    [Fact]
    public void BothRules_UncorrelatedFeatures_ChooseByImportance()
    {
        var features = new float[Width * Width];
        for (var i = 0; i < Width; i++)
        {
            features[(i * Width) + i] = i + 1;
        }

        float[] importance = [.. Enumerable.Range(0, Width).Select(i => (float)((i * 5 % Width) + 1))];
        var expected = Ranking.Descending(importance)[..5];

        Assert.Equal(expected, DiverseSelection.Determinantal(importance, features, 5, 1));
        Assert.Equal(expected, DiverseSelection.MaxMin(importance, features, 5, 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(40)]
    public void BothRules_AnyCount_EachTokenOnce(int count)
    {
        // More tokens than dimensions: the determinant is 0 from the thirteenth on.
        var (importance, features) = Drawn(new Random(5), 40);
        foreach (var chosen in new[] { DiverseSelection.Determinantal(importance, features, count, 1), DiverseSelection.MaxMin(importance, features, count, 1) })
        {
            Assert.Equal(count, chosen.Distinct().Count());
            Assert.All(chosen, t => Assert.InRange(t, 0, 39));
        }
    }

    [Fact]
    public void Determinantal_NothingImportant_StillKeepsAsMany() => Assert.Equal(2, DiverseSelection.Determinantal(new float[3], new float[6], 2, 1).Length);

    [Fact]
    public void BothRules_ShapesThatDoNotFit_AreRefused()
    {
        Assert.Throws<GuidanceException>(() => DiverseSelection.Determinantal([1, 2], [1, 2, 3], 1, 1));
        Assert.Throws<GuidanceException>(() => DiverseSelection.MaxMin([1, float.NaN], [1, 2], 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => DiverseSelection.MaxMin([1, 2], [1, 2], 3, 1));
    }

    private static (float[] Importance, float[] Features) Drawn(Random random, int tokens) =>
        ([.. Enumerable.Range(0, tokens).Select(_ => 0.2f + random.NextSingle())], [.. Enumerable.Range(0, tokens * Width).Select(_ => random.NextSingle() - 0.3f)]);

    /// <summary>By elimination, on the definition of L.</summary>
    private static double Determinant(float[] importance, float[] features, int[] set, double weight)
    {
        var quality = importance.Select(a => Math.Pow(a / importance.Max(), weight)).ToArray();
        double[][] rows = [.. set.Select(i => set.Select(j => quality[i] * quality[j] * Cosine(i, j)).ToArray())];
        var determinant = 1.0;
        for (var k = 0; k < rows.Length; k++)
        {
            determinant *= rows[k][k];
            for (var i = k + 1; i < rows.Length; i++)
            {
                var share = rows[i][k] / rows[k][k];
                for (var j = k; j < rows.Length; j++)
                {
                    rows[i][j] -= share * rows[k][j];
                }
            }
        }

        return determinant;

        double Cosine(int i, int j) => Dot(i, j) / Math.Sqrt(Dot(i, i) * Dot(j, j));

        double Dot(int i, int j) => Enumerable.Range(0, Width).Sum(d => (double)features[(i * Width) + d] * features[(j * Width) + d]);
    }
}
