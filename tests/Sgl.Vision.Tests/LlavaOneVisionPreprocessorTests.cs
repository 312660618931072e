using System.Text.Json.Serialization;

namespace Sgl.Vision.Tests;

public class LlavaOneVisionPreprocessorTests
{
    private static readonly LlavaOneVisionPreprocessor Hub = new(new LlavaOneVisionImageOptions());
    private static readonly LlavaOneVisionImageOptions Tiny = new() { ImageSize = 46 };

    [Fact]
    public void Plan_GoldenTable_EqualsReference()
    {
        var cases = VisionData.Load<PackCase[]>("llavaov_pack.json");
        Assert.Equal(180, cases.Length);
        Assert.All(cases, c =>
        {
            var packed = Hub.Pack(c.Width, c.Height)!;
            Assert.Equal((c.Best[0] / 384, c.Best[1] / 384), (packed.GridRows, packed.GridColumns));
            Assert.Equal(c.Tiles, 1 + (packed.GridRows * packed.GridColumns));
            Assert.Equal((c.Unpadded[0], c.Unpadded[1]), (packed.UnpaddedRows, packed.UnpaddedColumns));
            Assert.Equal((c.UnpadOffset[0], c.UnpadOffset[1]), (packed.FirstRow, packed.FirstColumn));
            Assert.Equal((c.Final[0], c.Final[1], c.Downscaled), (packed.Rows, packed.Columns, packed.IsReduced));
            Assert.Equal(c.Tokens, Hub.Plan(c.Width, c.Height).TokenCount);
        });
    }

    [Fact]
    public void Plan_SizesWhereRoundingMatters_KeepTheReferenceSide()
    {
        var cases = VisionData.Load<RoundingFile>("llavaov_unpad_rounding_differs.json").Differs;
        Assert.Equal(19, cases.Length);
        Assert.All(cases, c =>
        {
            var packed = Hub.Pack(c.Width, c.Height)!;
            Assert.Equal((c.Best[0] / 384, c.Best[1] / 384), (packed.GridRows, packed.GridColumns));
            Assert.Contains(c.Side447, (int[])[packed.UnpaddedRows, packed.UnpaddedColumns]);
        });
    }

    [Theory]
    [InlineData("50x81")]
    [InlineData("81x46")]
    [InlineData("30x40")]
    public void Process_OddPadding_EqualsBothReferencesInEveryBit(string name)
    {
        var goldens = TestSafetensors.Open(VisionData.PathOf("llavaov_odd_padding.safetensors"));
        var image = VisionData.ImageOf(goldens, $"{name}.image_u8");
        var newer = new LlavaOneVisionPreprocessor(Tiny).Process(image);
        Assert.Equal(goldens.Shape($"{name}.pixel_values_452"), newer.Shape);
        VisionData.AssertSameBits(goldens.Floats($"{name}.pixel_values_452"), newer.PixelValues);
        var older = new LlavaOneVisionPreprocessor(Tiny with { OddPadding = OddPadding.Short }).Process(image);
        VisionData.AssertSameBits(goldens.Floats($"{name}.pixel_values_446"), older.PixelValues);
    }

    [Fact]
    public void Process_OracleSizes_EqualPillowAndFormulaInEveryBit()
    {
        Assert.Equal(50, VisionData.Oracle.Llavaov.Length);
        Assert.All(VisionData.Oracle.Llavaov, c =>
        {
            var preprocessor = new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { ImageSize = c.ImageSize });
            var input = preprocessor.Process(VisionData.Picture(c.Width, c.Height, c.Seed));
            Assert.Equal(c.Shape, input.Shape);
            Assert.Equal(c.Sha256, VisionData.Sha256(input.PixelValues));
        });
    }

    [SkippableTheory]
    [InlineData("wide")]
    [InlineData("large_downscaled")]
    [InlineData("small_upscaled")]
    public void Process_GoldenImages_EqualReferenceInEveryBit(string name)
    {
        var goldens = TestSafetensors.Open(
            SharedData.Require("goldens-families", "cases", "llavaov", name, "inputs.safetensors"));
        var input = new LlavaOneVisionPreprocessor(Tiny).Process(VisionData.ImageOf(goldens, "image_u8"));
        Assert.Equal(goldens.Shape("pixel_values"), input.Shape);
        VisionData.AssertSameBits(goldens.Floats("pixel_values"), input.PixelValues);
        Assert.Equal(input.Packed!, new LlavaOneVisionPreprocessor(Tiny).Pack((int)goldens.Longs("image_sizes")[1], (int)goldens.Longs("image_sizes")[0]));
    }

    [SkippableFact]
    public void Process_HubSize_EqualsReferenceSamplesAndSums()
    {
        var goldens = TestSafetensors.Open(
            SharedData.Require("goldens-families", "geometry", "llavaov_pixels_384_sub.safetensors"));
        var input = Hub.Process(VisionData.ImageOf(goldens, "300x500.image_u8"));
        Assert.Equal(goldens.Longs("300x500.shape"), input.Shape.Select(d => (long)d));
        var expected = goldens.Floats("300x500.pixel_values_sub");
        var sums = goldens.Doubles("300x500.sum_float64");
        for (var plane = 0; plane < sums.Length; plane++)
        {
            var pixels = input.PixelValues.AsSpan(plane * 384 * 384, 384 * 384);
            var samples = new float[256];
            for (var i = 0; i < samples.Length; i++)
            {
                samples[i] = pixels[((5 + (24 * (i / 16))) * 384) + 7 + (24 * (i % 16))];
            }

            VisionData.AssertSameBits(expected.AsSpan(plane * 256, 256), samples);
            var sum = 0.0;
            foreach (var value in pixels)
            {
                sum += value;
            }

            Assert.Equal(sums[plane], sum, 1e-6);
        }
    }

    [Theory]
    [InlineData(384, 384, 1485)]
    [InlineData(500, 375, 1728)]
    [InlineData(640, 480, 2929)]
    [InlineData(1024, 768, 4725)]
    [InlineData(1920, 1080, 7269)]
    [InlineData(1700, 2200, 7353)]
    public void Plan_KnownSizes_HaveThePublishedTokenCounts(int width, int height, int tokens) =>
        Assert.Equal(tokens, Hub.Plan(width, height).TokenCount);

    [Fact]
    public void ForImages_Several_ShowsOneViewAndOneNewline()
    {
        var several = Hub.ForImages(2);
        var input = several.Process(VisionData.Picture(500, 375, 1));
        Assert.Equal([1, 3, 384, 384], input.Shape);
        Assert.Null(input.Packed);
        Assert.Equal(730, input.Layout.TokenCount);
        Assert.True(input.Layout.Locate(729).IsNewline);
        Assert.Same(several, several.ForImages(3));
        Assert.Same(Hub, Hub.ForImages(1));
    }

    [Theory]
    [InlineData(500, 375)]
    [InlineData(375, 501)]
    [InlineData(384, 384)]
    [InlineData(384, 120)]
    [InlineData(7, 900)]
    [InlineData(1, 1)]
    public void Process_OneOfSeveralImages_IsPaddedToASquareOfTheMeanColour(int width, int height)
    {
        float[] mean = [0.5f, 0.2f, 0.9f];
        var picture = VisionData.Picture(width, height, 1);
        var side = Math.Max(width, height);
        var square = RgbImage.Create(side, side);
        for (var i = 0; i < square.Pixels.Length; i++)
        {
            square.Pixels[i] = (byte)(mean[i % 3] * 255.0);
        }

        square.Paste(picture, (side - width) / 2, (side - height) / 2);

        var options = new LlavaOneVisionImageOptions { Mean = mean };
        var input = new LlavaOneVisionPreprocessor(options).ForImages(2).Process(picture);

        VisionData.AssertSameBits(new LlavaOneVisionPreprocessor(options).Process(square).PixelValues.AsSpan(0, 3 * 384 * 384), input.PixelValues);
    }

    [Fact]
    public void Plan_OneOfSeveralImages_TokensLieInThePaddedSquare()
    {
        var layout = Hub.ForImages(2).Plan(400, 300);
        var place = layout.Locate(13 * 27);
        Assert.Equal((0.0, -50.0), (layout.Tiles[0].X, layout.Tiles[0].Y));
        Assert.Equal(400 * 378.0 / 384, layout.Tiles[0].Height, 1e-9);
        Assert.Equal((13 * 400 * 14.0 / 384) - 50, place.Y, 1e-9);
    }

    [Fact]
    public void Plan_OneOfSeveralImagesFarTooLong_IsRefused()
    {
        var error = Assert.Throws<ImageException>(() => Hub.ForImages(2).Plan(60_000, 1000));
        Assert.Equal(ImageErrorReason.TooManyPixels, error.Reason);
    }

    [Fact]
    public void Plan_VeryLongImage_StillHasTokensOrIsRefused()
    {
        // The reduction divides both sides by the same number; a single row must not vanish without a word.
        for (var width = 10; width < 20_000; width = (width * 3) + 1)
        {
            try
            {
                var layout = Hub.Plan(width, 1, new ImageLimits { MaxTiles = 1 });
                Assert.True(layout.TokenCount > 729);
                Assert.All(layout.Tiles, t => Assert.True(t.Width > 0 && t.Height > 0));
            }
            catch (ImageException e)
            {
                Assert.Equal(ImageErrorReason.AspectRatio, e.Reason);
            }
        }
    }

    [Fact]
    public void Constructor_PinpointOffTheGrid_Throws() => Assert.Throws<ArgumentException>(
        () => new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { Pinpoints = [(384, 400)] }));

    [Fact]
    public void Plan_NoTilesAllowed_Throws() =>
        Assert.Throws<ArgumentException>(() => Hub.Plan(100, 100, new ImageLimits { MaxTiles = 0 }));

    private sealed record PackCase(
        int Height, int Width, int[] Best, int Tiles, int[] Unpadded, int[] UnpadOffset, bool Downscaled, int[] Final, int Tokens);

    private sealed record RoundingFile(RoundingCase[] Differs);

    private sealed record RoundingCase(int Height, int Width, int[] Best, [property: JsonPropertyName("side_447")] int Side447);
}
