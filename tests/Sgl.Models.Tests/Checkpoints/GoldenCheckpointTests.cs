using Sgl.Testing;

namespace Sgl.Models.Tests.Checkpoints;

public sealed class GoldenCheckpointTests
{
    [SkippableTheory]
    [InlineData("goldens", "small-internlm2", DecoderArchitecture.InternLm2)]
    [InlineData("goldens", "large-internlm2", DecoderArchitecture.InternLm2)]
    [InlineData("goldens", "small-qwen2", DecoderArchitecture.Qwen2)]
    [InlineData("goldens", "small-phi3", DecoderArchitecture.Phi3)]
    [InlineData("goldens", "large-llama", DecoderArchitecture.Llama)]
    public void Open_GoldenFolder_UsesEveryTensor(string set, string name, DecoderArchitecture architecture)
    {
        using var checkpoint = Checkpoint.Open(SharedData.Require(set, "checkpoints", name));
        Assert.Equal(architecture, checkpoint.Config.Language.Architecture);
        Assert.Empty(checkpoint.UnusedTensors);
    }
}
