using CsCheck;

namespace Sgl.Guidance.Tests.Crops;

public sealed class CropPlanTests
{
    private const int Cell = 28;

    private static readonly Gen<Case> Cases =
        from columns in Gen.Int[1, 20]
        from rows in Gen.Int[1, 20]
        from tokenColumns in Gen.Int[1, 24]
        from tokenRows in Gen.Int[1, 24]
        from cut in Gen.Int[0, Cell - 1]
        from values in Gen.Frequency((3, Gen.Float[0, 1]), (2, Gen.Const(0f)), (1, Gen.Float[0, 100])).Array[tokenColumns * tokenRows]
        from coverage in Gen.Double[0, 1]
        from most in Gen.Int[1, 6]
        from margin in Gen.Int[0, 2]
        select new Case(
            new CropImage((columns * Cell) - cut, (rows * Cell) - cut, [new TokenGrid(0, 0, (columns * Cell) - cut, (rows * Cell) - cut, tokenRows, tokenColumns, 0)]),
            values,
            new CropOptions { Coverage = coverage, MaxCrops = most, Margin = margin, WholeShare = 1 });

    [Fact]
    public void Create_Anything_HoldsTheShareWithFewRectanglesInsideTheImage() => Cases.Sample(c =>
    {
        var plan = CropPlan.Create([c.Image], c.Importance, c.Options);

        Assert.True(plan.CoveredShare >= c.Options.Coverage - 1e-9, $"{plan.CoveredShare} < {c.Options.Coverage}");
        var crops = Assert.Single(plan.Images).Crops;
        Assert.True(crops.Count <= c.Options.MaxCrops);
        Assert.All(crops, r =>
        {
            Assert.True(r is { X: >= 0, Y: >= 0, Width: > 0, Height: > 0 } && r.X + r.Width <= c.Image.Width && r.Y + r.Height <= c.Image.Height, $"{r}");
            Assert.True(r.X % Cell == 0 && r.Y % Cell == 0);
            Assert.True((r.X + r.Width) % Cell == 0 || r.X + r.Width == c.Image.Width);
            Assert.True((r.Y + r.Height) % Cell == 0 || r.Y + r.Height == c.Image.Height);
        });
        Assert.DoesNotContain(crops, r => crops.Any(other => other != r && other.Contains(r)));
        Assert.Equal(crops.Count, crops.Distinct().Count());
    });

    [Fact]
    public void Create_ImportanceInAnotherUnit_IsTheSamePlan() => Cases.Sample(c =>
    {
        // A power of two changes no digit.
        var scaled = Array.ConvertAll(c.Importance, v => v * 4);

        Assert.Equal(CropPlan.Create([c.Image], c.Importance, c.Options).Images[0].Crops, CropPlan.Create([c.Image], scaled, c.Options).Images[0].Crops);
    });

    [Fact]
    public void Create_MoreCoverage_NeedsNoFewerPixelsWithOneRectangle() => Cases.Sample(c =>
    {
        long Pixels(double coverage) =>
            CropPlan.Create([c.Image], c.Importance, c.Options with { MaxCrops = 1, Coverage = coverage }).Images[0].Crops.Sum(r => r.Area);

        Assert.True(Pixels(c.Options.Coverage / 2) <= Pixels(c.Options.Coverage));
    });

    [Fact]
    public void Create_TwoImages_ShareIsOfBothTogether() => Gen.Select(Cases, Cases).Sample((a, b) =>
    {
        var moved = b.Image with { Grids = [b.Image.Grids[0] with { FirstToken = a.Importance.Length }] };

        var plan = CropPlan.Create([a.Image, moved], [.. a.Importance, .. b.Importance], a.Options);

        Assert.Equal(2, plan.Images.Count);
        Assert.True(plan.CoveredShare >= a.Options.Coverage - 1e-9);
    });

    [Fact]
    public void Create_OneSpot_IsItAndItsMargin()
    {
        var importance = new float[100];
        importance[34] = 1;

        var plan = CropPlan.Create([Square(10)], importance);

        Assert.Equal([new CropRectangle(3 * Cell, 2 * Cell, 3 * Cell, 3 * Cell)], plan.Images[0].Crops);
        Assert.Equal(1, plan.CoveredShare);
    }

    [Fact]
    public void Create_TwoSpotsFarApart_AreTwoRectanglesUnlessOneIsAllowed()
    {
        var importance = new float[400];
        importance[0] = importance[^1] = 1;

        Assert.Equal(2, CropPlan.Create([Square(20)], importance).Images[0].Crops.Count);
        Assert.True(CropPlan.Create([Square(20)], importance, new CropOptions { MaxCrops = 1 }).Images[0].IsWhole);
    }

    [Fact]
    public void Create_EvenImportance_IsTheWholeImage()
    {
        var plan = CropPlan.Create([Square(10)], Enumerable.Repeat(0.25f, 100).ToArray(), new CropOptions { Coverage = 0.9 });

        Assert.True(plan.Images[0].IsWhole);
        Assert.Equal(1, plan.CoveredShare);
    }

    [Fact]
    public void Create_NoImportanceAtAll_IsNothing()
    {
        var plan = CropPlan.Create([Square(10)], new float[100]);

        Assert.Equal((false, 0, 1.0), (plan.Images[0].IsWhole, plan.Images[0].Crops.Count, plan.CoveredShare));
    }

    [Fact]
    public void Create_OverviewBesideTiles_SaysNothingOfPlaces()
    {
        var grids = new[] { new TokenGrid(0, 0, 280, 280, 10, 10, 0), new TokenGrid(0, 0, 280, 280, 2, 2, 100, IsOverview: true) };
        var importance = new float[104];
        importance[0] = 1;
        importance[103] = 50;

        var crops = CropPlan.Create([new CropImage(280, 280, grids)], importance).Images[0].Crops;

        Assert.Equal([new CropRectangle(0, 0, 2 * Cell, 2 * Cell)], crops);
    }

    [Fact]
    public void Create_OverviewAlone_Counts()
    {
        var importance = new float[] { 0, 0, 0, 1 };

        var crops = CropPlan.Create([new CropImage(280, 280, [new TokenGrid(0, 0, 280, 280, 2, 2, 0, IsOverview: true)])], importance, new CropOptions { Margin = 0 }).Images[0].Crops;

        Assert.Equal([new CropRectangle(140, 140, 140, 140)], crops);
    }

    [Fact]
    public void Create_SeparatorsAndPadding_CountNowhere()
    {
        // Two rows of two tokens and a newline; the second column lies beyond the image.
        var grid = new TokenGrid(0, 0, 560, 280, 2, 2, 0, NewlineColumns: 1);
        var importance = new float[] { 0, 9, 9, 1, 9, 9 };

        var crops = CropPlan.Create([new CropImage(280, 280, [grid])], importance, new CropOptions { Margin = 0, Coverage = 1, WholeShare = 1 }).Images[0].Crops;

        Assert.Equal([new CropRectangle(0, 140, 280, 140)], crops);
    }

    [Fact]
    public void Create_HugeImage_HasNoMoreCellsThanASmallOne()
    {
        var importance = new float[64 * 64];
        importance[(32 * 64) + 32] = 1;

        var crop = Assert.Single(CropPlan.Create([new CropImage(30_000, 20_000, [new TokenGrid(0, 0, 30_000, 20_000, 64, 64, 0)])], importance).Images[0].Crops);

        // 34 times 28 pixels a cell: 32 of them along the side.
        Assert.True(crop.X % (34 * Cell) == 0 && crop.Area < 30_000L * 20_000 / 20, $"{crop}");
    }

    [Theory]
    [InlineData("coverage", -0.1, 4, 28, 1)]
    [InlineData("coverage", double.NaN, 4, 28, 1)]
    [InlineData("max_crops", 0.5, 0, 28, 1)]
    [InlineData("grid", 0.5, 4, 0, 1)]
    [InlineData("margin", 0.5, 4, 28, -1)]
    public void Create_OptionOutOfRange_NamesIt(string field, double coverage, int most, int grid, int margin)
    {
        var options = new CropOptions { Coverage = coverage, MaxCrops = most, Grid = grid, Margin = margin };

        Assert.Equal(field, Assert.Throws<GuidanceException>(() => CropPlan.Create([Square(2)], new float[4], options)).Field);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-1f)]
    public void Create_NumberThatIsNone_NamesIt(float value) =>
        Assert.Equal("importance[2]", Assert.Throws<GuidanceException>(() => CropPlan.Create([Square(2)], [0, 0, value, 0])).Field);

    [Fact]
    public void Create_TokensThatDoNotExist_NamesTheGrid()
    {
        Assert.Equal("images[0].grids[0]", Assert.Throws<GuidanceException>(() => CropPlan.Create([Square(10)], new float[99])).Field);
        Assert.Equal("images[0].grids[0]", Assert.Throws<GuidanceException>(() => CropPlan.Create([new CropImage(8, 8, [new TokenGrid(0, 0, double.NaN, 1, 1, 1, 0)])], new float[1])).Field);
        Assert.Equal("images[0].grids[0]", Assert.Throws<GuidanceException>(() => CropPlan.Create([new CropImage(8, 8, [new TokenGrid(0, 0, 8, 8, int.MaxValue, int.MaxValue, 0)])], new float[1])).Field);
    }

    private static CropImage Square(int cells) => new(cells * Cell, cells * Cell, [new TokenGrid(0, 0, cells * Cell, cells * Cell, cells, cells, 0)]);

    private sealed record Case(CropImage Image, float[] Importance, CropOptions Options);
}
