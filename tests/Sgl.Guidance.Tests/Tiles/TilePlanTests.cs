using CsCheck;

namespace Sgl.Guidance.Tests;

public class TilePlanTests
{
    private static readonly TileTokens Tiles = TileTokensTests.Simple(false, false, true);

    [Fact]
    public void Create_TileLeftOut_PrunesItInFrontOfLayer0AndFillsUpFromTheOthers()
    {
        // Most important first: both tokens of the tile that is left out, then the others.
        var plan = TilePlan.Create([0, 1, 5, 2, 3, 4], Tiles, [false, true, true], [(2, 0.5)], 8);

        Assert.Equal([0, 2], plan.Steps.Select(s => s.Layer));
        Assert.Equal([2, 3, 4, 5], plan.Steps[0].Mask.Indices());
        Assert.Equal([2, 3, 5], plan.Steps[1].Mask.Indices());
    }

    [Fact]
    public void Create_AllTilesStay_IsThePlanWithoutTiles()
    {
        var plan = TilePlan.Create([3, 1, 5, 2, 0, 4], Tiles, [true, true, true], [(2, 0.5), (4, 0.2)], 8);
        Assert.Equal([(2, 3), (4, 1)], plan.Steps.Select(s => (s.Layer, s.Mask.Count)));
        Assert.Equal([1, 3, 5], plan.Steps[0].Mask.Indices());
    }

    [Fact]
    public void Create_PrunedInFrontOfLayer0Anyway_IsOneStep()
    {
        var plan = TilePlan.Create([0, 1, 5, 2, 3, 4], Tiles, [false, true, true], [(0, 0.5)], 8);
        Assert.Equal([2, 3, 5], Assert.Single(plan.Steps).Mask.Indices());
    }

    [Fact]
    public void Create_NoPoints_OnlyTilesArePruned()
    {
        Assert.Equal([0, 1, 4, 5], Assert.Single(TilePlan.Create([0, 1, 2, 3, 4, 5], Tiles, [true, false, true], [(8, 0.1)], 8).Steps).Mask.Indices());
        Assert.Empty(TilePlan.Create([0, 1, 2, 3, 4, 5], Tiles, [true, true, true], [], 8).Steps);
    }

    [Fact]
    public void Create_AnyTilesAndPoints_KeepsOnlyTokensOfTilesThatStay() =>
        Gen.Select(Gen.Float[0, 1].Array[12], Gen.Bool.Array[6], Gen.Int[0, 7], Gen.Double[0, 1]).Sample((importance, stays, layer, ratio) =>
        {
            var tiles = TileTokensTests.Simple(false, false, false, false, false, true);
            var plan = TilePlan.Create(Ranking.Descending(importance), tiles, stays, [(layer, ratio)], 8);
            var present = tiles.TokensOf(stays);
            Assert.All(plan.Steps, s => Assert.True(s.Mask.IsSubsetOf(present)));
            Assert.Equal(Math.Min(present.Count, KeepCount.Of(12, ratio)), plan.MaskAt(layer)!.Count);
            Assert.True(present.Count == 12 || plan.MaskAt(0) is not null);
        });

    [Fact]
    public void Create_BadRanking_Throws()
    {
        Assert.Throws<GuidanceException>(() => TilePlan.Create([0, 1], Tiles, [true, true, true], [], 8));
        Assert.Throws<GuidanceException>(() => TilePlan.Create([0, 1, 2, 3, 4, 4], Tiles, [true, true, true], [], 8));
        Assert.Throws<GuidanceException>(() => TilePlan.Create([0, 1, 2, 3, 4, 5], Tiles, [true, true, true], [(1, 1.5)], 8));
    }
}
