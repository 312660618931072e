using CsCheck;

namespace Sgl.Vision.Tests;

public class PillowResamplerTests
{
    [Fact]
    public void Resize_OracleSizes_EqualPillow()
    {
        Assert.True(VisionData.Oracle.Resample.Length >= 150);
        Assert.All(VisionData.Oracle.Resample, c =>
        {
            var image = VisionData.Picture(c.Width, c.Height, c.Seed);
            var resized = PillowResampler.Resize(image, c.ToWidth, c.ToHeight, c.Filter);
            Assert.Equal((c.ToWidth, c.ToHeight), (resized.Width, resized.Height));
            Assert.Equal(c.Sha256, VisionData.Sha256(resized.Pixels));
        });
    }

    [Fact]
    public void Resize_ThinShapes_EqualPillow() => Assert.All(VisionData.Thin, c =>
    {
        var resized = PillowResampler.Resize(VisionData.Picture(c.Width, c.Height, c.Seed), c.ToWidth, c.ToHeight, c.Filter);
        Assert.Equal(c.Sha256, VisionData.Sha256(resized.Pixels));
    });

    /// <summary>All rows at the new width would be 300 MB; what is taken is the result, a window of rows, and the weights.</summary>
    [Fact]
    public void Resize_ThinPicture_KeepsOnlyAWindowOfRows()
    {
        var image = RgbImage.Create(1, 100_000);
        long before = GC.GetAllocatedBytesForCurrentThread(), after = 0;
        var resized = PillowResampler.Resize(image, 1000, 1000, ResampleFilter.Bicubic, CancellationToken.None);
        after = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(1000, resized.Width);
        Assert.InRange(after - before, 3_000_000, 12_000_000);
    }

    [Theory]
    [InlineData(50, 40)]
    [InlineData(60, 40)]
    [InlineData(50, 60)]
    [InlineData(3000, 3000)]
    public void Resize_Cancelled_Stops(int width, int height)
    {
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(
            () => PillowResampler.Resize(VisionData.Picture(60, 60, 1), width, height, ResampleFilter.Bicubic, stopped.Token));
    }

    [Fact]
    public void Resize_SameSize_ReturnsTheImage()
    {
        var image = VisionData.Picture(13, 9, 0);
        Assert.Same(image, PillowResampler.Resize(image, 13, 9, ResampleFilter.Bicubic));
    }

    [Fact]
    public void Resize_ConstantImage_StaysConstant() =>
        Gen.Select(Gen.Int[1, 60], Gen.Int[1, 60], Gen.Int[1, 60], Gen.Int[1, 60], Gen.Byte, Gen.Enum<ResampleFilter>())
            .Sample((w, h, toWidth, toHeight, value, filter) =>
            {
                var image = RgbImage.Create(w, h);
                image.Pixels.AsSpan().Fill(value);
                var resized = PillowResampler.Resize(image, toWidth, toHeight, filter);
                Assert.Equal(-1, resized.Pixels.AsSpan().IndexOfAnyExcept(value));
            }, iter: 500);

    [Fact]
    public void Resize_MirroredImage_GivesMirroredResult() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[0, 50]).Sample((w, h, toWidth, toHeight, seed) =>
        {
            // Exact symmetry ends where a weight's last bit rounds the other way: one step of a byte at most.
            var image = VisionData.Picture(w, h, seed);
            var a = Mirror(PillowResampler.Resize(image, toWidth, toHeight, ResampleFilter.Bicubic));
            var b = PillowResampler.Resize(Mirror(image), toWidth, toHeight, ResampleFilter.Bicubic);
            Assert.All(a.Pixels.Zip(b.Pixels), p => Assert.InRange(p.First - p.Second, -1, 1));
        }, iter: 200);

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    [InlineData(-1, 5)]
    public void Resize_NoPixels_Throws(int width, int height) => Assert.Throws<ArgumentOutOfRangeException>(
        () => PillowResampler.Resize(RgbImage.Create(3, 3), width, height, ResampleFilter.Bicubic));

    private static RgbImage Mirror(RgbImage image)
    {
        var mirrored = RgbImage.Create(image.Width, image.Height);
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                image.Row(y).Slice(3 * x, 3).CopyTo(mirrored.Row(y)[(3 * (image.Width - 1 - x))..]);
            }
        }

        return mirrored;
    }
}
