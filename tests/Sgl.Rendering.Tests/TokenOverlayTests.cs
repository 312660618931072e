using CsCheck;
using Sgl.TestKit;
using Sgl.Vision;

namespace Sgl.Rendering.Tests;

public class TokenOverlayTests
{
    private static readonly InternVlPreprocessor Tiny =
        new(new InternVlImageOptions { ImageSize = 56, TokensPerTileSide = 2, MaxTiles = 6 });

    private static readonly OverlayOptions Plain = new() { PictureSide = 168, Thumbnail = ThumbnailPlacement.Hidden, TileBorders = false };

    [Fact]
    public void KeptTokens_OneTokenDropped_ChangesItsRectangleOnly() => Gen.Int[0, 23].Sample(token =>
    {
        var image = Picture(168, 112, 2);
        var layout = Tiny.Plan(168, 112);
        var kept = new bool[layout.TokenCount];
        kept.AsSpan().Fill(true);
        kept[token] = false;
        var picture = TokenOverlay.KeptTokens(image, layout, kept, Plain with { Dimming = 1 });
        var place = layout.Locate(token);
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                var isInside = x >= place.X && x < place.X + place.Width && y >= place.Y && y < place.Y + place.Height;
                var pixel = Pixel(picture, x, y);
                if (isInside)
                {
                    Assert.Equal(Plain.Dimmed, pixel);
                }
                else
                {
                    Assert.True(pixel == Pixel(image, x, y) || pixel == Plain.Outline, $"Pixel ({x}, {y}) of another token changed.");
                }
            }
        }
    }, iter: 24);

    [Fact]
    public void KeptTokens_ThumbnailTokens_AreDrawnOnTheThumbnail()
    {
        var image = Picture(168, 112, 2);
        var layout = Tiny.Plan(168, 112);
        var onlyThumbnail = Enumerable.Range(0, layout.TokenCount).Select(t => layout.Locate(t).Tile.Kind == TileKind.Thumbnail).ToArray();
        var options = Plain with { Thumbnail = ThumbnailPlacement.Beside, ThumbnailShare = 0.5, Dimming = 1 };
        var picture = TokenOverlay.KeptTokens(image, layout, onlyThumbnail, options);
        var picturePlace = picture.Width - 168;
        Assert.Equal(112, picture.Height);
        Assert.True(picturePlace >= 84);
        Assert.Equal(options.Dimmed, Pixel(picture, picturePlace + 80, 50));
        var thumbnail = PillowResampler.Resize(image, 84, 56, ResampleFilter.Lanczos);
        Assert.Equal(Pixel(thumbnail, 40, 20), Pixel(picture, 40, 20));
        Assert.Equal(options.Background, Pixel(picture, 40, 100));
    }

    [Fact]
    public void KeptTokens_ThumbnailInCorner_KeepsThePictureSize()
    {
        var image = Picture(168, 112, 2);
        var layout = Tiny.Plan(168, 112);
        var picture = TokenOverlay.KeptTokens(
            image, layout, new bool[layout.TokenCount], Plain with { Thumbnail = ThumbnailPlacement.Corner });
        Assert.Equal((168, 112), (picture.Width, picture.Height));
    }

    [Fact]
    public void KeptTokens_EveryFamily_DrawsWithoutTouchingTheImage()
    {
        IImagePreprocessor[] families =
        [
            Tiny, new Qwen2VlPreprocessor(new Qwen2VlImageOptions()), new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions()),
            new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { SingleView = true }),
        ];
        foreach (var family in families)
        {
            var image = Picture(300, 200, 4);
            var before = image.Pixels.ToArray();
            var layout = family.Plan(300, 200);
            var kept = Enumerable.Range(0, layout.TokenCount).Select(t => t % 5 == 0).ToArray();
            var picture = TokenOverlay.KeptTokens(image, layout, kept, new OverlayOptions { PictureSide = 300 });
            Assert.Equal(before, image.Pixels);
            Assert.True(picture.Pixels.AsSpan().IndexOf<byte>(
                [OverlayDefaults.Outline.Red, OverlayDefaults.Outline.Green, OverlayDefaults.Outline.Blue]) >= 0);
        }
    }

    [Fact]
    public void HeatMap_OneImportantToken_IsTheBrightest()
    {
        var image = RgbImage.Create(168, 112);
        image.Pixels.AsSpan().Fill(200);
        var layout = Tiny.Plan(168, 112);
        var importance = new float[layout.TokenCount];
        importance[13] = 7;
        importance[14] = float.NaN;
        var picture = TokenOverlay.HeatMap(image, layout, importance, Plain);
        var place = layout.Locate(13);
        var hot = Pixel(picture, (int)(place.X + (place.Width / 2)), (int)(place.Y + (place.Height / 2)));
        var cold = Pixel(picture, (int)(layout.Locate(0).Width / 2), (int)(layout.Locate(0).Height / 2));
        Assert.True(hot.Green > cold.Green + 100 && hot.Red > cold.Red, $"{hot} is not above {cold}.");
    }

    [Fact]
    public void HeatMap_AllZero_IsDrawn()
    {
        var layout = Tiny.Plan(168, 112);
        Assert.True(TokenOverlay.HeatMap(RgbImage.Create(168, 112), layout, new float[layout.TokenCount]).Width > 0);
    }

    [Fact]
    public void KeptTokens_WrongMaskOrImage_Throws()
    {
        var layout = Tiny.Plan(168, 112);
        Assert.Throws<ArgumentException>(
            () => TokenOverlay.KeptTokens(RgbImage.Create(168, 112), layout, new bool[layout.TokenCount - 1]));
        Assert.Throws<ArgumentException>(
            () => TokenOverlay.HeatMap(RgbImage.Create(168, 112), layout, new float[layout.TokenCount + 1]));
        Assert.Throws<ArgumentException>(
            () => TokenOverlay.KeptTokens(RgbImage.Create(112, 168), layout, new bool[layout.TokenCount]));
    }

    [Fact]
    public void Grid_Panels_AreCopiedWithCaptionsBelow()
    {
        var a = Picture(60, 40, 1);
        var b = Picture(50, 40, 2);
        var grid = TokenOverlay.Grid([(a, "64 %"), (b, "9 %"), (a, string.Empty)], 2);
        Assert.True(grid.Width >= 120 && grid.Height >= 80);
        const int Gap = 6;
        for (var y = 0; y < a.Height; y++)
        {
            Assert.True(grid.Row(Gap + y).Slice(3 * Gap, 3 * a.Width).SequenceEqual(a.Row(y)));
        }

        // The caption's dots lie below the first panel, and nowhere else in its strip.
        var dots = 0;
        for (var y = Gap + a.Height; y < Gap + a.Height + Gap + 7; y++)
        {
            for (var x = Gap; x < Gap + a.Width; x++)
            {
                dots += Pixel(grid, x, y) == OverlayDefaults.Text ? 1 : 0;
            }
        }

        Assert.InRange(dots, 30, 60);
    }

    [Fact]
    public void Grid_NoPanels_Throws() => Assert.Throws<ArgumentException>(() => TokenOverlay.Grid([], 2));

    private static OverlayOptions OverlayDefaults { get; } = new();

    private static RgbImage Picture(int width, int height, int seed) => new(width, height, Textures.Blocks(width, height, seed));

    private static Rgb Pixel(RgbImage image, int x, int y)
    {
        var pixel = image.Row(y).Slice(3 * x, 3);
        return new Rgb(pixel[0], pixel[1], pixel[2]);
    }
}
