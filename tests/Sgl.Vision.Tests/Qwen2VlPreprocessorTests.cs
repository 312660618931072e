namespace Sgl.Vision.Tests;

public class Qwen2VlPreprocessorTests
{
    private static readonly Qwen2VlPreprocessor Default = new(new Qwen2VlImageOptions());

    [Fact]
    public void SmartResize_GoldenTable_EqualsReference()
    {
        var cases = VisionData.Load<ResizeCase[]>("qwen2vl_smart_resize.json");
        Assert.Equal(720, cases.Length);
        Assert.All(cases, c =>
        {
            var limits = new ImageLimits { MinPixels = c.MinPixels, MaxPixels = c.MaxPixels };
            Assert.Equal((c.ResizedWidth, c.ResizedHeight), Default.SmartResize(c.Width, c.Height, limits));
            Assert.Equal(c.Tokens, Default.Plan(c.Width, c.Height, limits).TokenCount);
        });
    }

    [Fact]
    public void Process_OracleSizes_EqualPillowAndFormulaInEveryBit()
    {
        Assert.Equal(50, VisionData.Oracle.Qwen2vl.Length);
        Assert.All(VisionData.Oracle.Qwen2vl, c =>
        {
            var preprocessor = new Qwen2VlPreprocessor(new Qwen2VlImageOptions { MinPixels = c.MinPixels, MaxPixels = c.MaxPixels });
            var input = preprocessor.Process(VisionData.Picture(c.Width, c.Height, c.Seed));
            Assert.Equal(c.Shape, input.Shape);
            Assert.Equal(c.Sha256, VisionData.Sha256(input.PixelValues));
        });
    }

    [SkippableTheory]
    [InlineData("wide")]
    [InlineData("tall_downscaled")]
    [InlineData("tiny_upscaled")]
    public void Process_GoldenImages_EqualReferenceInEveryBit(string name)
    {
        var goldens = TestSafetensors.Open(
            SharedData.Require("goldens-families", "cases", "qwen2vl", name, "inputs.safetensors"));
        var input = new Qwen2VlPreprocessor(new Qwen2VlImageOptions { MaxPixels = 47040 })
            .Process(VisionData.ImageOf(goldens, "image_u8"));
        Assert.Equal(goldens.Shape("pixel_values"), input.Shape);
        VisionData.AssertSameBits(goldens.Floats("pixel_values"), input.PixelValues);
        var (t, h, w) = input.Grid!.Value;
        Assert.Equal(goldens.Longs("image_grid_thw"), new long[] { t, h, w });
        Assert.Equal(h * w / 4, input.Layout.TokenCount);
    }

    /// <summary>Sizes from <c>smart_resize</c> of the transformers library's main branch, evaluated by <c>Data/make_pictures.py</c>.</summary>
    [Fact]
    public void SmartResize_SideBelowOneBlock_EnlargesAsTheReference()
    {
        var cases = VisionData.Load<ResizeCase[]>("qwen2vl_small_sides.json");
        Assert.True(cases.Length > 300);
        Assert.All(cases, c =>
        {
            Assert.True(Math.Min(c.Width, c.Height) < 28);
            var limits = new ImageLimits { MinPixels = c.MinPixels, MaxPixels = c.MaxPixels };
            Assert.Equal((c.ResizedWidth, c.ResizedHeight), Default.SmartResize(c.Width, c.Height, limits));
        });
    }

    [Theory]
    [InlineData(1, 1, 56, 56)]
    [InlineData(27, 100, 28, 112)]
    [InlineData(100, 27, 112, 28)]
    [InlineData(20, 10, 84, 56)]
    [InlineData(1, 200, 28, 812)]
    public void Process_SideBelowOneBlock_GivesTheReferencesGrid(int width, int height, int resizedWidth, int resizedHeight)
    {
        var input = Default.Process(VisionData.Picture(width, height, 2));
        Assert.Equal((1, resizedHeight / 14, resizedWidth / 14), input.Grid);
        Assert.Equal(input.Shape[0] * input.Shape[1], input.PixelValues.Length);
    }

    [Fact]
    public void Plan_LimitsAboveWhatAnImageCanHave_IsRefused()
    {
        var limits = new ImageLimits { MinPixels = long.MaxValue / 2, MaxPixels = long.MaxValue };
        Assert.Equal(ImageErrorReason.TooManyPixels, Assert.Throws<ImageException>(() => Default.Plan(100, 100, limits)).Reason);
    }

    [Fact]
    public void Plan_RatioAbove200_IsRefused()
    {
        Assert.Equal(ImageErrorReason.AspectRatio, Assert.Throws<ImageException>(() => Default.Plan(28, 5601)).Reason);
        Assert.Equal(ImageErrorReason.AspectRatio, Assert.Throws<ImageException>(() => Default.Plan(5601, 28)).Reason);
        Assert.True(Default.Plan(28, 5600).TokenCount > 0);
    }

    [Fact]
    public void Plan_LongImageWithinSmallLimit_KeepsOneRow()
    {
        var layout = Default.Plan(5600, 28, new ImageLimits { MaxPixels = 47040 });
        Assert.Equal(1, Assert.Single(layout.Tiles).Rows);
    }

    [Theory]
    [InlineData(0L, null)]
    [InlineData(null, 0L)]
    [InlineData(5000L, 4000L)]
    public void Plan_ContradictingLimits_Throws(long? min, long? max) =>
        Assert.Throws<ArgumentException>(() => Default.Plan(100, 100, new ImageLimits { MinPixels = min, MaxPixels = max }));

    private sealed record ResizeCase(
        int Height, int Width, long MinPixels, long MaxPixels, int ResizedHeight, int ResizedWidth, int Tokens);
}
