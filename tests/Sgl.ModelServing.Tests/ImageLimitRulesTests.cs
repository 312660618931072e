using Wire = Sgl.V1;

namespace Sgl.ModelServing;

public sealed class ImageLimitRulesTests
{
    [Fact]
    public void Read_Nothing_LeavesAllToTheCheckpoint()
    {
        var violations = new ViolationList();

        ImageLimitRules.Check(null, "image_limits", violations);
        ImageLimitRules.Check(new Wire.ImageLimits(), "image_limits", violations);

        Assert.Null(ImageLimitMapping.From(null));
        Assert.Equal(new Sgl.Vision.ImageLimits(), ImageLimitMapping.From(new Wire.ImageLimits()));
        Assert.False(violations.Any);
    }

    [Fact]
    public void Read_AllSet_TakesThem()
    {
        var violations = new ViolationList();
        var wire = new Wire.ImageLimits { MinTileCount = 2, MaxTileCount = 6, MinPixels = 3136, MaxPixels = 1_000_000 };
        ImageLimitRules.Check(wire, "image_limits", violations);
        var read = ImageLimitMapping.From(wire);

        Assert.False(violations.Any);
        Assert.Equal(new Sgl.Vision.ImageLimits { MinTiles = 2, MaxTiles = 6, MinPixels = 3136, MaxPixels = 1_000_000 }, read);
    }

    [Theory]
    [InlineData(0, null, "image_limits.min_tile_count")]
    [InlineData(null, 0, "image_limits.max_tile_count")]
    [InlineData(null, 65, "image_limits.max_tile_count")]
    [InlineData(5, 4, "image_limits.max_tile_count")]
    public void Read_TilesOutOfRange_NamesField(int? min, int? max, string field)
    {
        var wire = new Wire.ImageLimits();
        if (min is { } least)
        {
            wire.MinTileCount = least;
        }

        if (max is { } most)
        {
            wire.MaxTileCount = most;
        }

        var violations = new ViolationList();
        ImageLimitRules.Check(wire, "image_limits", violations);
        Assert.Equal(field, violations.All.Single().Field);
    }

    [Fact]
    public void Read_PixelsOutOfRange_NamesFields()
    {
        var violations = new ViolationList();
        ImageLimitRules.Check(new Wire.ImageLimits { MinPixels = 0, MaxPixels = -1 }, "image_limits", violations);
        Assert.Equal(["image_limits.min_pixels", "image_limits.max_pixels"], violations.All.Select(v => v.Field));
    }
}
