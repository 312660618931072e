using Sgl.Models.Tests.Checkpoints;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Pairs;

/// <summary>Who can guide whom, by the folders' own settings, and how far answers can be drafts.</summary>
public sealed class CheckpointPairTests
{
    private static readonly string[] Tokens = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"];

    [Theory]
    [InlineData("InternVL2.5-1B", "InternVL3-38B")]
    [InlineData("InternVL2-2B", "InternVL3.5-38B")]
    [InlineData("InternVL3-1B-hf", "InternVL3-38B")]
    [InlineData("InternVL3.5-1B", "InternVL2.5-2B-hf saved again")]
    [InlineData("Qwen2-VL-2B", "Qwen2.5-VL-72B")]
    [InlineData("Qwen2-VL-2B", "Qwen2.5-VL-72B saved again")]
    [InlineData("Qwen3-VL-2B", "Qwen3-VL-32B")]
    [InlineData("LLaVA-OV-0.5B original", "LLaVA-OV-72B")]
    public void Of_GenerationsOfOneLayout_CanGuide(string small, string large) => Assert.Empty(Obstacles(small, large));

    [Theory]
    [InlineData("Qwen2.5-VL-3B", "Qwen3-VL-32B", "side of a patch in pixels: 14 and 16")]
    [InlineData("InternVL3-1B", "Qwen2.5-VL-72B", "the families cut images in ways of their own")]
    [InlineData("LLaVA-OV-0.5B", "Qwen2-VL-72B", "the families cut images in ways of their own")]
    public void Of_OtherLayouts_SaysWhatDiffers(string small, string large, string reason) =>
        Assert.Contains(Obstacles(small, large), o => o.StartsWith(reason, StringComparison.Ordinal));

    [Fact]
    public void Of_OtherTileLimits_SaysWhichKeys()
    {
        using var few = Folder("InternVL3-1B", c => c.Replace("\"max_dynamic_patch\":12", "\"max_dynamic_patch\":6", StringComparison.Ordinal));
        using var many = Folder("InternVL3-38B");
        using var small = Checkpoint.Open(few.Path);
        using var large = Checkpoint.Open(many.Path);
        Assert.Equal("tiles of an image (min_dynamic_patch, max_dynamic_patch; min_patches, max_patches): 1..6 and 1..12", Assert.Single(CheckpointPair.Of(small, large).Obstacles));
    }

    [Fact]
    public void Of_NativeFolderWithOtherMaxPatches_CannotGuide()
    {
        using var native = Folder("InternVL3-1B-hf").Text("preprocessor_config.json", """{"crop_to_patches":false,"min_patches":1,"max_patches":6,"size":{"height":448,"width":448}}""");
        using var original = Folder("InternVL3-38B");
        using var small = Checkpoint.Open(native.Path);
        using var large = Checkpoint.Open(original.Path);
        Assert.Contains("1..6 and 1..12", Assert.Single(CheckpointPair.Of(small, large).Obstacles), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_EqualTokenizers_DraftsAreAlwaysPossible() => Assert.Equal(DraftSharing.AllTokens, Drafts(Tokens, Tokens).Drafts);

    /// <summary>As of InternVL3 and 3.5: what is &lt;IMG_CONTEXT&gt; in the one is &lt;think&gt; in the other.</summary>
    [Fact]
    public void Of_SharedOrdinaryTokens_DraftsEndAtAddedTokensOfAnotherMeaning()
    {
        var pair = Drafts(Tokens, ["<|im_start|>", "<|im_end|>", "<think>", "</img>", "<IMG_CONTEXT>", "<img>"]);
        Assert.Equal(DraftSharing.OrdinaryTokens, pair.Drafts);
        Assert.Equal(["<img> (258)"], pair.UnsharedTokens);
    }

    [Fact]
    public void Of_OtherOrdinaryTokens_NoDrafts()
    {
        using var one = TokenizerFolderTests.InternVl(Tokens);
        using var other = TokenizerFolderTests.InternVl(Tokens);
        var tokenizer = TokenizerFolderTests.ByteTokenizer(Tokens);
        var words = tokenizer["model"]!["vocab"]!;
        (words["a"], words["b"]) = ((int)'b', (int)'a');
        other.Files.Json("tokenizer.json", tokenizer);
        using var small = one.Open();
        using var large = other.Open();
        Assert.Equal(DraftSharing.None, CheckpointPair.Of(small, large).Drafts);
    }

    [Fact]
    public void Of_NoTokenizer_NoDrafts()
    {
        using var one = TokenizerFolderTests.InternVl(Tokens);
        using var other = new TinyFolder().Write();
        using var small = one.Open();
        using var large = other.Open();
        var pair = CheckpointPair.Of(small, large);
        Assert.True(pair.CanGuide);
        Assert.Equal(DraftSharing.None, pair.Drafts);
    }

    private static CheckpointPair Drafts(string[] one, string[] other)
    {
        using var first = TokenizerFolderTests.InternVl(one);
        using var second = TokenizerFolderTests.InternVl(other);
        using var small = first.Open();
        using var large = second.Open();
        return CheckpointPair.Of(small, large);
    }

    private static IReadOnlyList<string> Obstacles(string one, string other)
    {
        using var first = Folder(one);
        using var second = Folder(other);
        using var small = Checkpoint.Open(first.Path);
        using var large = Checkpoint.Open(second.Path);
        return CheckpointPair.Of(small, large).Obstacles;
    }

    private static TestFolder Folder(string name, Func<string, string>? change = null)
    {
        var (config, tensors) = RealShapeTests.Describe(name);
        return new TestFolder().Text("config.json", change?.Invoke(config) ?? config).Weights("model.safetensors", tensors);
    }
}
