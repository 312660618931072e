using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Models that people ask for and that cannot be opened are refused by their name, with what to use instead.</summary>
public sealed class UnsupportedModelTests
{
    [Theory]
    [InlineData("qwen3_vl_moe", "Qwen3-VL-2B, 4B, 8B or 32B")]
    [InlineData("qwen3_5", "use Qwen3-VL-2B")]
    [InlineData("qwen3_5_moe", "use Qwen3-VL-2B")]
    public void Open_UnsupportedModelType_SaysWhatToUseInstead(string type, string instead)
    {
        using var folder = new TinyFolder();
        folder.Config["model_type"] = type;
        var error = folder.Write().OpenFails();
        Assert.Equal(("config.json", "model_type"), (error.File, error.Key));
        Assert.Contains(instead, Assert.Single(error.Problems).Hint, StringComparison.Ordinal);
        Assert.Contains($"\"{type}\"", error.Message, StringComparison.Ordinal);
        Assert.Contains(instead, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_ModelOfTextAlone_SaysThatBothRolesNeedImages()
    {
        using var folder = new TestFolder();
        folder.Text("config.json", """{"model_type":"qwen3","architectures":["Qwen3ForCausalLM"],"hidden_size":64}""").Weights("model.safetensors", [("x", [2])]);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Problems);
        Assert.Equal(("model_type", "\"qwen3\""), (problem.Key, problem.Found));
        Assert.Contains("a model of text alone", problem.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Qwen3MoeForCausalLM", "use a dense one: InternVL3.5-1B")]
    [InlineData("GptOssForCausalLM", "use a dense one: InternVL3.5-1B")]
    [InlineData("InternLM3ForCausalLM", "use InternVL3-8B or 14B")]
    public void Open_UnsupportedDecoderOfInternVl_SaysWhatToUseInstead(string architecture, string instead)
    {
        using var folder = new TinyFolder();
        folder.Text["architectures"] = new JsonArray(architecture);
        var problem = Assert.Single(folder.Write().OpenFails().Problems);
        Assert.Equal(("llm_config.architectures", $"\"{architecture}\""), (problem.Key, problem.Found));
        Assert.Contains(instead, problem.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen3_moe", "use a dense one: InternVL3.5-1B")]
    [InlineData("internlm3", "use InternVL3-8B or 14B")]
    public void Open_UnsupportedDecoderOfNativeInternVl_SaysWhatToUseInstead(string type, string instead)
    {
        using var folder = new TestFolder();
        var (config, tensors) = InternVlCheckpoints.Describe("InternVL3-1B-hf");
        folder.Text("config.json", config.Replace("\"qwen2\"", $"\"{type}\"", StringComparison.Ordinal)).Weights("model.safetensors", tensors);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Problems);
        Assert.Equal("text_config.model_type", problem.Key);
        Assert.Contains(instead, problem.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FlashByItsKey_IsRefused()
    {
        using var folder = new TinyFolder();
        folder.Config["flash_mode"] = true;
        var problem = Assert.Single(folder.Write().OpenFails().Problems);
        Assert.Equal("flash_mode", problem.Key);
        Assert.Contains("without Flash", problem.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FlashByItsTensors_IsRefused()
    {
        using var folder = new TinyFolder();
        folder.Tensors.Add("gating.0.weight", 8, 8);
        var problem = Assert.Single(folder.Write().OpenFails().Problems);
        Assert.Equal("gating.0.weight", problem.Key);
        Assert.Contains("without Flash", problem.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("image_size", "[448,336]", "an integer from 1 to 16384, or two equal ones")]
    [InlineData("use_mean_pooling", "false", "true")]
    [InlineData("use_mask_token", "true", "false")]
    [InlineData("use_absolute_position_embeddings", "false", "true")]
    [InlineData("norm_type", "\"group_norm\"", "one of \"layer_norm\", \"rms_norm\"")]
    public void Open_NativeTowerOfAnotherKind_NamesTheKey(string key, string value, string expected)
    {
        using var folder = new TestFolder();
        var (config, tensors) = InternVlCheckpoints.Describe("InternVL3-1B-hf");
        var json = JsonNode.Parse(config)!;
        json["vision_config"]![key] = JsonNode.Parse(value);
        folder.Json("config.json", json).Weights("model.safetensors", tensors);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Problems);
        Assert.Equal(("vision_config." + key, expected), (problem.Key, problem.Expected));
    }
}
