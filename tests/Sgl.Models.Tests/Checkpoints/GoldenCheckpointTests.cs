using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

public sealed class GoldenCheckpointTests
{
    [SkippableTheory]
    [InlineData("goldens", "small-internlm2", DecoderArchitecture.InternLm2)]
    [InlineData("goldens", "large-internlm2", DecoderArchitecture.InternLm2)]
    [InlineData("goldens", "small-qwen2", DecoderArchitecture.Qwen2)]
    [InlineData("goldens", "small-phi3", DecoderArchitecture.Phi3)]
    [InlineData("goldens", "large-llama", DecoderArchitecture.Llama)]
    [InlineData("goldens-families", "small-qwen2vl", DecoderArchitecture.Qwen2)]
    [InlineData("goldens-families", "large-qwen2vl", DecoderArchitecture.Qwen2)]
    [InlineData("goldens-families", "small-llavaov", DecoderArchitecture.Qwen2)]
    [InlineData("goldens-families", "large-llavaov", DecoderArchitecture.Qwen2)]
    [InlineData("goldens-families-2", "small-qwen25vl", DecoderArchitecture.Qwen2)]
    [InlineData("goldens-families-2", "large-qwen25vl", DecoderArchitecture.Qwen2)]
    [InlineData("goldens-families-2", "small-qwen3vl", DecoderArchitecture.Qwen3)]
    [InlineData("goldens-families-2", "large-qwen3vl", DecoderArchitecture.Qwen3)]
    public void Open_GoldenFolder_UsesEveryTensor(string set, string name, DecoderArchitecture architecture)
    {
        using var checkpoint = Checkpoint.Open(SharedData.Require(set, "checkpoints", name));
        Assert.Equal(architecture, checkpoint.Config.Language.Architecture);
        Assert.Empty(checkpoint.UnusedTensors);
        Assert.Equal(new FileInfo(Path.Combine(checkpoint.Folder, "model.safetensors")).Length - HeaderBytes(checkpoint.Folder), checkpoint.Weights.TotalBytes);
    }

    [SkippableTheory]
    [InlineData("small-internlm2")]
    [InlineData("large-llama")]
    public void ReadFloat32_GoldenTensors_EqualIndependentReader(string name)
    {
        var folder = SharedData.Require("goldens", "checkpoints", name);
        using var store = TensorStore.Open(folder);
        var golden = TestSafetensors.Open(Path.Combine(folder, "model.safetensors"));
        Assert.Equal(golden.Names.Order(), store.Names.Order());
        Assert.All(golden.Names, n => Assert.Equal(golden.Floats(n), store.ReadFloat32(n)));
    }

    [SkippableFact]
    public void Open_PairsOfTheGoldens_ShareTheirVisualLayout()
    {
        Assert.Equal(Key("goldens", "small-internlm2"), Key("goldens", "large-llama"));
        Assert.Equal(Key("goldens-families", "small-qwen2vl"), Key("goldens-families", "large-qwen2vl"));
        Assert.Equal(Key("goldens-families", "small-llavaov"), Key("goldens-families", "large-llavaov"));
        Assert.Equal("qwen2vl;patch=14;merge=2;pixels=3136..47040", Key("goldens-families", "small-qwen2vl"));
    }

    [SkippableTheory]
    [InlineData("small-qwen2vl", true, 505, 501)]
    [InlineData("large-qwen2vl", false, 505, 501)]
    [InlineData("small-llavaov", true, 505, 501)]
    [InlineData("large-llavaov", false, 505, 501)]
    public void Open_GoldenFamilies_ReadsHeadAndIds(string name, bool tied, int imageToken, int stop)
    {
        using var checkpoint = Checkpoint.Open(SharedData.Require("goldens-families", "checkpoints", name));
        Assert.Equal(tied, checkpoint.Decoder.Head == checkpoint.Decoder.Embedding);
        Assert.Equal(imageToken, checkpoint.Config.ImageTokenId);
        Assert.Equal([stop], checkpoint.Generation.StopTokenIds);
    }

    private static long HeaderBytes(string folder)
    {
        using var reader = new BinaryReader(File.OpenRead(Path.Combine(folder, "model.safetensors")));
        return 8 + reader.ReadInt64();
    }

    private static string Key(string set, string name)
    {
        using var checkpoint = Checkpoint.Open(SharedData.Require(set, "checkpoints", name));
        return checkpoint.VisualLayoutKey;
    }
}
