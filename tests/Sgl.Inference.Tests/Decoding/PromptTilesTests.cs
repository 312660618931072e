using CsCheck;
using Sgl.Inference.Internal.Decoding;
using Sgl.Models;
using Sgl.Vision;

namespace Sgl.Inference.Tests.Decoding;

public class PromptTilesTests
{
    [Fact]
    public void Of_InternVlImage_EachTileHasItsOwnTokensAndTheThumbnailStays()
    {
        var preprocessor = new InternVlPreprocessor(new InternVlImageOptions { ImageSize = 8, TokensPerTileSide = 2 });
        var image = preprocessor.Process(RgbImage.Create(24, 16), new ImageLimits { MaxTiles = 6 });
        var single = preprocessor.Process(RgbImage.Create(8, 8), new ImageLimits { MaxTiles = 1 });

        var tiles = PromptTiles.Of([single, image]);

        var cut = image.Layout.Tiles.Count;
        Assert.True(cut > 2);
        Assert.Equal((1 + cut, single.Layout.TokenCount + image.Layout.TokenCount), (tiles.TileCount, tiles.TokenCount));
        Assert.Equal([0, cut], Enumerable.Range(0, tiles.TileCount).Where(tiles.IsOverview));
        Assert.Equal([0, .. Enumerable.Repeat(1, cut)], Enumerable.Range(0, tiles.TileCount).Select(tiles.ImageOf));
        Assert.All(Enumerable.Range(0, tiles.TokenCount), token => Assert.Equal([token / 4], tiles.TilesOf(token).ToArray()));
        Assert.True(tiles.Overviews().Contains(false));
    }

    [Fact]
    public void Of_QwenImages_OneTileEachThatStays()
    {
        var preprocessor = new Qwen2VlPreprocessor(new Qwen2VlImageOptions());
        var images = new[] { preprocessor.Process(RgbImage.Create(112, 56)), preprocessor.Process(RgbImage.Create(56, 84)) };

        var tiles = PromptTiles.Of(images);

        Assert.Equal((2, images.Sum(i => i.Layout.TokenCount)), (tiles.TileCount, tiles.TokenCount));
        Assert.False(tiles.Overviews().Contains(false));
    }

    /// <summary>The map must agree with what packing really does: a token changes with the views it is made from, and with no other.</summary>
    [Fact]
    public void Of_PackedViews_TokensChangeWithTheirViewsOnly() => Gen.Select(Gen.Int[20, 900], Gen.Int[20, 900], Gen.Int[1, 9], Gen.Int[0, 1000]).Sample((width, height, most, seed) =>
    {
        const int side = 3, hidden = 2;
        var preprocessor = new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { ImageSize = 42, PatchSize = 14, MaxTilesAnyres = most });
        VisualLayout layout;
        try
        {
            layout = preprocessor.Plan(width, height);
        }
        catch (ImageException)
        {
            return; // too narrow for a single token
        }

        var packed = preprocessor.Pack(width, height)!;
        var views = 1 + (packed.GridRows * packed.GridColumns);
        var tiles = PromptTiles.Of([new VisualInput { PixelValues = [], Shape = [views, 3, 42, 42], Layout = layout, Packed = packed }]);
        Assert.Equal((views, layout.TokenCount), (tiles.TileCount, tiles.TokenCount));
        Assert.Equal([0], Enumerable.Range(0, views).Where(tiles.IsOverview));
        var (rows, columns) = FeaturePacking.ViewBorders(packed);
        Assert.Equal((packed.GridRows, packed.GridColumns, 0, 0), (rows.Length, columns.Length, rows[0], columns[0]));
        for (var token = side * side; token < layout.TokenCount; token++)
        {
            var (row, column) = Math.DivRem(token - (side * side), packed.Columns + 1);
            var view = 1 + ((rows.Count(r => r <= row) - 1) * packed.GridColumns) + columns.Count(c => c <= column) - 1;
            Assert.True(tiles.IsSeparator(token) ? column == packed.Columns : tiles.TilesOf(token)[0] == view, $"token {token} is of view {view}");
        }

        var random = new Random(seed);
        float[] features = [.. Enumerable.Range(0, views * side * side * hidden).Select(_ => random.NextSingle())];
        var before = Packed(features);
        for (var view = 0; view < views; view++)
        {
            float[] changed = [.. features];
            changed.AsSpan(view * side * side * hidden, side * side * hidden).Fill(100);
            var after = Packed(changed);
            for (var token = 0; token < layout.TokenCount; token++)
            {
                var isFrom = !tiles.IsSeparator(token) && tiles.TilesOf(token).Contains(view);
                Assert.Equal(isFrom, !before.AsSpan(token * hidden, hidden).SequenceEqual(after.AsSpan(token * hidden, hidden)));
            }
        }

        float[] Packed(float[] projected)
        {
            var result = new float[layout.TokenCount * hidden];
            FeaturePacking.Pack(projected, side * side, hidden, packed, [7, 7], result);
            return result;
        }
    });

    [Fact]
    public void Of_PackedViews_NewlineStaysWhileItsRowHoldsSomething()
    {
        // Two rows of two views of 2 x 2 tokens, nothing cut off.
        var packed = new PackedGeometry(2, 2, 2, 0, 0, 4, 4, 4, 4);
        var layout = new VisualLayout(4, 4, [new(0, TileKind.Base, 0, 2, 2, 0, 0, 4, 4), new(1, TileKind.Packed, 4, 4, 5, 0, 0, 4, 4) { NewlineColumns = 1 }]);
        var tiles = PromptTiles.Of([new VisualInput { PixelValues = [], Shape = [5, 3, 28, 28], Layout = layout, Packed = packed }]);

        Assert.Equal([0, 1, 2, 3, 6, 7, 8, 11, 12, 13], tiles.TokensOf([true, false, true, false, false]).Indices());
        Assert.Equal(4, tiles.TokensOf([true, false, false, false, false]).Count);
        Assert.Equal(24, tiles.TokensOf([true, true, true, true, true]).Count);
    }
}
