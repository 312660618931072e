using Sgl.Vision;

namespace Sgl.ModelServing;

public sealed class PreparationCostTests
{
    [Fact]
    public void Of_NoImages_IsNothing() => Assert.Equal(default, PreparationCost.Of([], []));

    [Fact]
    public void Of_TwoImages_CountsTheWorstMoment()
    {
        var headers = new[] { Header(10, 10, 1_000), Header(20, 10, 5_000) };

        // 300 and 600 bytes of pixels; decoding the second takes 4400 more, making tensors 700 and 50 for the larger work.
        Assert.Equal(new PreparationCost(900 + 4_400, 700), PreparationCost.Of(headers, [new(300, 20), new(400, 50)]));
        Assert.Equal(new PreparationCost(900 + 9_050, 9_000), PreparationCost.Of(headers, [new(5_000, 20), new(4_000, 50)]));
        Assert.Equal(new PreparationCost(900 + 4_400, 0), PreparationCost.Of(headers, []));
    }

    [Fact]
    public void Defaults_LargestRequest_FitsIntoTheMemory()
    {
        var limits = new RequestLimits();
        var header = Header(8000, 8000, 19L * 64_000_000);
        var qwen = new Qwen2VlPreprocessor(new Qwen2VlImageOptions());
        var cost = PreparationCost.Of([header, header], [qwen.Cost(8000, 8000), qwen.Cost(8000, 8000)]);
        Assert.Equal(2 * header.RgbBytes, 3 * limits.MaxRequestPixels);
        Assert.InRange(cost.PeakBytes, 1, (long)limits.PreparationMemoryMiB << 20);
    }

    private static ImageHeader Header(int width, int height, long peak) => new() { Format = ImageFormat.Png, Width = width, Height = height, PeakBytes = peak };
}
