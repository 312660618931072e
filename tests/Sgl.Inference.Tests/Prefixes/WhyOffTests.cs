using Sgl.Inference.Internal.Prefixes;

namespace Sgl.Inference.Tests.Prefixes;

public class WhyOffTests
{
    [Theory]
    [InlineData(512, "cpu", null)]
    [InlineData(1, "0-1:cpu:0,2-3:cpu:1", null)]
    [InlineData(0, "cpu", "Engine:PrefixCacheMiB is 0")]
    [InlineData(512, "cuda:0", "layers 0-3 are on cuda:0, whose memory is not copied")]
    [InlineData(512, "0-1:cpu,2-3:cuda:1", "layers 2-3 are on cuda:1, whose memory is not copied")]
    public void WhyOff_ForAPlacement_TellsTheReason(int budget, string placement, string? expected) =>
        Assert.Equal(expected, PrefixReuse.WhyOff(budget, DevicePlacement.Parse(placement, 4)));
}
