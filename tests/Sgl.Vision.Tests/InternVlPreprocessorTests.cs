using System.Text.Json;

namespace Sgl.Vision.Tests;

public class InternVlPreprocessorTests
{
    private static readonly InternVlPreprocessor Default = new(new InternVlImageOptions());

    [Fact]
    public void ChooseGrid_GoldenTable_EqualsReference()
    {
        var cases = VisionData.Load<GridCase[]>("grids.json");
        Assert.Equal(1105, cases.Length);
        Assert.All(cases, c =>
        {
            var limits = new ImageLimits { MaxTiles = c.MaxNum };
            Assert.Equal((c.Cols, c.Rows), Default.ChooseGrid(c.Width, c.Height, limits));
            Assert.Equal(c.TilesWithThumbnail, Default.Plan(c.Width, c.Height, limits).Tiles.Count);
        });
    }

    /// <summary>The tiles of transformers' own processor, which InternVL's newer layout uses.</summary>
    [SkippableFact]
    public void ChooseGrid_NativeTable_EqualsReference()
    {
        using var table = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("goldens-families-2", "geometry", "internvl_native_grids.json")));
        Assert.Equal(1200, table.RootElement.GetArrayLength());
        Assert.All(table.RootElement.EnumerateArray(), c =>
        {
            int Number(string key) => c.GetProperty(key).GetInt32();
            var limits = new ImageLimits { MinTiles = Number("min_num"), MaxTiles = Number("max_num") };
            Assert.Equal((Number("cols"), Number("rows")), Default.ChooseGrid(Number("width"), Number("height"), limits));
            Assert.Equal(Number("tiles_with_thumbnail"), Default.Plan(Number("width"), Number("height"), limits).Tiles.Count);
        });
    }

    [Fact]
    public void Process_GoldenTiles_EqualReferenceInEveryBit()
    {
        var goldens = TestSafetensors.Open(VisionData.PathOf("tiles.safetensors"));
        foreach (var (name, maxTiles) in (ReadOnlySpan<(string, int)>)[("wide", 6), ("tall", 6), ("small", 6), ("up", 12)])
        {
            var preprocessor = new InternVlPreprocessor(
                new InternVlImageOptions { ImageSize = 56, MaxTiles = maxTiles, TokensPerTileSide = 2 });
            var input = preprocessor.Process(VisionData.ImageOf(goldens, $"{name}.image_u8"));
            Assert.Equal(goldens.Shape($"{name}.pixel_values"), input.Shape);
            VisionData.AssertSameBits(goldens.Floats($"{name}.pixel_values"), input.PixelValues);
            Assert.Equal(input.Shape[0] * 4, input.Layout.TokenCount);
        }
    }

    [Fact]
    public void Process_OracleSizes_EqualPillowAndFormulaInEveryBit()
    {
        Assert.Equal(50, VisionData.Oracle.Internvl.Length);
        Assert.All(VisionData.Oracle.Internvl, c =>
        {
            var preprocessor = new InternVlPreprocessor(new InternVlImageOptions { ImageSize = c.ImageSize, MaxTiles = c.MaxTiles });
            var input = preprocessor.Process(VisionData.Picture(c.Width, c.Height, c.Seed));
            Assert.Equal(c.Shape, input.Shape);
            Assert.Equal(c.Sha256, VisionData.Sha256(input.PixelValues));
        });
    }

    [Theory]
    [InlineData(448, 448, 6, 256)]
    [InlineData(640, 480, 6, 1792)]
    [InlineData(1700, 2200, 6, 1792)]
    [InlineData(1920, 1080, 6, 768)]
    [InlineData(1024, 1024, 6, 1280)]
    [InlineData(640, 480, 12, 3328)]
    [InlineData(1920, 1080, 12, 2304)]
    public void Plan_KnownSizes_HaveThePublishedTokenCounts(int width, int height, int maxTiles, int tokens) =>
        Assert.Equal(tokens, Default.Plan(width, height, new ImageLimits { MaxTiles = maxTiles }).TokenCount);

    [Fact]
    public void Plan_SixTiles_ListsTilesRowMajorAndTheThumbnailLast()
    {
        var layout = Default.Plan(600, 400, new ImageLimits { MaxTiles = 6 });
        Assert.Equal(7, layout.Tiles.Count);
        Assert.Equal(new VisualTile(4, TileKind.Tile, 1024, 16, 16, 200, 200, 200, 200), layout.Tiles[4]);
        Assert.Equal(new VisualTile(6, TileKind.Thumbnail, 1536, 16, 16, 0, 0, 600, 400), layout.Tiles[6]);
    }

    [Fact]
    public void Plan_FixedImageSize_IsOneTile()
    {
        var layout = new InternVlPreprocessor(new InternVlImageOptions { DynamicImageSize = false }).Plan(2000, 500);
        Assert.Equal(256, layout.TokenCount);
        Assert.Equal(TileKind.Tile, Assert.Single(layout.Tiles).Kind);
    }

    [Fact]
    public void Plan_WithoutThumbnail_HasTilesOnly() => Assert.All(
        new InternVlPreprocessor(new InternVlImageOptions { UseThumbnail = false }).Plan(2000, 500).Tiles,
        t => Assert.Equal(TileKind.Tile, t.Kind));

    [Theory]
    [InlineData(0, null)]
    [InlineData(null, 0)]
    [InlineData(5, 4)]
    public void Plan_ContradictingLimits_Throws(int? min, int? max) =>
        Assert.Throws<ArgumentException>(() => Default.Plan(100, 100, new ImageLimits { MinTiles = min, MaxTiles = max }));

    [Fact]
    public void Plan_MinTiles_IsHonoured() =>
        Assert.True(Default.Plan(448, 448, new ImageLimits { MinTiles = 4 }).Tiles.Count >= 5);

    private sealed record GridCase(int Width, int Height, int MaxNum, int Cols, int Rows, int TilesWithThumbnail);
}
