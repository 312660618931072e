using CsCheck;

namespace Sgl.Vision.Tests;

public class VisualLayoutTests
{
    private static readonly IImagePreprocessor[] Preprocessors =
    [
        new InternVlPreprocessor(new InternVlImageOptions()),
        new InternVlPreprocessor(new InternVlImageOptions { ImageSize = 56, TokensPerTileSide = 2, MaxTiles = 24 }),
        new Qwen2VlPreprocessor(new Qwen2VlImageOptions { MaxPixels = 200_704 }),
        new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions()),
        new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { ImageSize = 46 }),
        new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { SingleView = true }),
    ];

    private static readonly Gen<(IImagePreprocessor Preprocessor, int Width, int Height)> AnyPlan = Gen.Select(
        Gen.Int[0, Preprocessors.Length - 1].Select(i => Preprocessors[i]), Gen.Int[28, 2500], Gen.Int[28, 2500]);

    [Fact]
    public void Plan_AnySize_PartitionsTheTokens() => AnyPlan.Sample((preprocessor, width, height) =>
    {
        var layout = preprocessor.Plan(width, height);
        var next = 0;
        for (var i = 0; i < layout.Tiles.Count; i++)
        {
            Assert.Equal((i, next), (layout.Tiles[i].Index, layout.Tiles[i].FirstToken));
            next += layout.Tiles[i].TokenCount;
        }

        Assert.Equal(layout.TokenCount, next);
    }, iter: 500);

    [Fact]
    public void Locate_AnyToken_LiesInItsTileAndInTheImage() =>
        Gen.Select(AnyPlan, Gen.Double[0, 0.999999]).Sample((plan, share) =>
        {
            var layout = plan.Preprocessor.Plan(plan.Width, plan.Height);
            var token = (int)(share * layout.TokenCount);
            var place = layout.Locate(token);
            Assert.Equal(token, place.Tile.FirstToken + (place.Row * place.Tile.Columns) + place.Column);
            Assert.InRange(place.Row, 0, place.Tile.Rows - 1);
            Assert.InRange(place.Column, 0, place.Tile.Columns - 1);
            Assert.Equal(place.Column >= place.Tile.ImageColumns, place.IsNewline);
            const double Rounding = 1e-6;

            // A view that is padded to a square shows as much beyond the image.
            var padded = ReferenceEquals(plan.Preprocessor, Preprocessors[^1]) && !place.IsNewline;
            var side = Math.Max(plan.Width, plan.Height);
            double beyondX = padded ? (side - plan.Width + 1) / 2 : 0, beyondY = padded ? (side - plan.Height + 1) / 2 : 0;
            Assert.InRange(place.X, -beyondX, plan.Width + beyondX + Rounding);
            Assert.InRange(place.Y, -beyondY, plan.Height + beyondY);
            Assert.InRange(place.X + place.Width, place.IsNewline ? place.X : place.X + Rounding, plan.Width + beyondX + Rounding);
            Assert.InRange(place.Y + place.Height, place.Y + Rounding, plan.Height + beyondY + Rounding);
        }, iter: 3000);

    [Fact]
    public void Plan_AnySize_TilesCoverTheImage() => AnyPlan.Sample((preprocessor, width, height) =>
    {
        // The union of all tiles reaches every edge but for the few pixels that fill no patch or no token.
        var tiles = preprocessor.Plan(width, height).Tiles;
        Assert.True(tiles.Min(t => t.X) <= width * 0.04);
        Assert.True(tiles.Min(t => t.Y) <= height * 0.04);
        Assert.True(tiles.Max(t => t.X + t.Width) >= width * 0.9);
        Assert.True(tiles.Max(t => t.Y + t.Height) >= height * 0.9);
    }, iter: 500);

    [Fact]
    public void Process_AnySmallSize_HasThePlannedShape() =>
        Gen.Select(AnyPlan, Gen.Int[28, 200], Gen.Int[28, 200]).Sample((plan, width, height) =>
        {
            var input = plan.Preprocessor.Process(VisionData.Picture(width, height, 1));
            Assert.Equal(plan.Preprocessor.Plan(width, height).Tiles, input.Layout.Tiles);
            Assert.Equal(input.PixelValues.Length, input.Shape.Aggregate(1, (a, b) => a * b));
        }, iter: 60, threads: 2);

    [Theory]
    [InlineData(-1)]
    [InlineData(256)]
    public void Locate_NoSuchToken_Throws(int token) => Assert.Throws<ArgumentOutOfRangeException>(
        () => new InternVlPreprocessor(new InternVlImageOptions()).Plan(448, 448).Locate(token));
}
