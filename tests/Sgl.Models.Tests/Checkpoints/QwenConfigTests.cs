using System.Text.Json;
using System.Text.Json.Nodes;
using Sgl.TestKit;
using Sgl.Vision;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>What is read of Qwen2.5-VL's and Qwen3-VL's folders, and what is refused.</summary>
public sealed class QwenConfigTests
{
    [Fact]
    public void Open_Qwen25Vl_ReadsTheTower()
    {
        using var checkpoint = Open("Qwen2.5-VL-32B");
        var vision = checkpoint.Config.Vision;
        Assert.Equal((32, 1280, 16, 3456, 14, 2, 2), (vision.Layers, vision.HiddenSize, vision.Heads, vision.IntermediateSize, vision.PatchSize, vision.MergeSize, vision.TemporalPatchSize));
        Assert.Equal((NormKind.RmsNorm, ActivationKind.Silu, 4), (vision.Norm, vision.Activation, vision.WindowTokens));
        Assert.Equal([7, 15, 23, 31], vision.FullAttentionBlocks.Order());
        Assert.Equal(checkpoint.Config.Language.HiddenSize, checkpoint.Config.FeatureWidth);
        Assert.Equal(new[] { 16, 24, 24 }, Rope(checkpoint).Sections);
        Assert.False(Rope(checkpoint).Interleaved);
    }

    [Theory]
    [InlineData("Qwen3-VL-2B", 24, 1024, true)]
    [InlineData("Qwen3-VL-8B", 27, 1152, false)]
    [InlineData("Qwen3-VL-8B saved again", 27, 1152, false)]
    public void Open_Qwen3Vl_ReadsTowerAndDeepStack(string name, int depth, int width, bool tied)
    {
        using var checkpoint = Open(name);
        var (vision, language) = (checkpoint.Config.Vision, checkpoint.Config.Language);
        Assert.Equal((depth, width, 16, 16, 48), (vision.Layers, vision.HiddenSize, vision.Heads, vision.PatchSize, vision.PositionSide));
        Assert.Equal(depth == 24 ? [5, 11, 17] : [8, 16, 24], vision.DeepStackBlocks);
        Assert.Equal((3, 4 * language.HiddenSize), (language.DeepStackLayers, checkpoint.Config.FeatureWidth));
        Assert.Equal((5e6, true), (Rope(checkpoint).Theta, Rope(checkpoint).Interleaved));
        Assert.Equal(new[] { 24, 20, 20 }, Rope(checkpoint).Sections);
        Assert.Equal((tied, 128, 262144), (language.TiedHead, language.HeadDim, language.MaxPositions));
        Assert.Contains("pixels=65536..16777216", checkpoint.VisualLayoutKey, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Qwen2.5-VL-3B", "vision_config.out_hidden_size", "2049", "the decoder's hidden_size (2048)")]
    [InlineData("Qwen2.5-VL-3B", "vision_config.window_size", "27", "at least one visual token of 28 pixels")]
    [InlineData("Qwen2.5-VL-3B", "vision_config.hidden_act", "\"relu\"", "one of \"gelu\", \"gelu_pytorch_tanh\", \"quick_gelu\", \"silu\"")]
    [InlineData("Qwen2.5-VL-3B", "vision_config.hidden_size", "1290", "a multiple of num_heads (16)")]
    [InlineData("Qwen2.5-VL-3B", "vision_config.fullatt_block_indexes", "7", "a list of integers")]
    [InlineData("Qwen3-VL-2B", "vision_config.deepstack_visual_indexes", "[5,11,24]", "different block numbers from 0 to 23")]
    [InlineData("Qwen3-VL-2B", "vision_config.deepstack_visual_indexes", "[5,5]", "different block numbers from 0 to 23")]
    [InlineData("Qwen3-VL-2B", "vision_config.num_position_embeddings", "2303", "a square number")]
    [InlineData("Qwen3-VL-2B", "vision_config.rope_parameters", """{"rope_type":"axial","rope_theta":20000}""", "10000")]
    [InlineData("Qwen3-VL-2B", "vision_config.rope_parameters", """{"rope_type":"yarn","rope_theta":10000}""", "one of \"axial\", \"default\"")]
    [InlineData("Qwen3-VL-2B", "text_config", "null", "an object")]
    [InlineData("Qwen3-VL-2B", "text_config.rope_scaling", """{"rope_type":"yarn","factor":3,"mrope_section":[24,20,20]}""", "one of \"mrope\", \"default\"")]
    [InlineData("Qwen3-VL-2B", "text_config.rope_scaling", """{"rope_type":"default","mrope_section":[24,20,21]}""", "3 positive numbers with sum head_dim / 2 = 64")]
    [InlineData("Qwen3-VL-2B", "text_config.layer_types", """["sliding_attention"]""", "\"full_attention\" for every layer")]
    public void Open_SettingThatCannotBe_IsNamed(string name, string key, string value, string expected)
    {
        var (config, _) = QwenCheckpoints.Describe(name);
        var json = JsonNode.Parse(config)!.AsObject();
        var owner = json;
        var path = key.Split('.');
        foreach (var part in path[..^1])
        {
            owner = owner[part]!.AsObject();
        }

        owner[path[^1]] = JsonNode.Parse(value);
        using var folder = new TestFolder();
        folder.Json("config.json", json).Weights("model.safetensors", [("a", [1])]);
        var problems = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path).Dispose()).Problems;
        Assert.Contains(problems, p => p.File == "config.json" && p.Key!.StartsWith(key, StringComparison.Ordinal) && p.Expected == expected);
    }

    /// <summary>The published files say so; one that a tool wrote may not, and the class interleaves.</summary>
    [Fact]
    public void Open_Qwen3VlWithoutSectionsOrOrder_TakesThoseOfTheClass()
    {
        var (config, tensors) = QwenCheckpoints.Describe("Qwen3-VL-2B");
        var json = JsonNode.Parse(config)!.AsObject();
        json["text_config"]!["rope_scaling"] = JsonNode.Parse("""{"rope_type":"default"}""");
        using var folder = new TestFolder();
        folder.Json("config.json", json).Weights("model.safetensors", tensors);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal(new[] { 24, 20, 20 }, Rope(checkpoint).Sections);
        Assert.True(Rope(checkpoint).Interleaved);
    }

    [Fact]
    public void Open_DeepStackInAnotherOrder_KeepsTheListsOrder()
    {
        var (config, tensors) = QwenCheckpoints.Describe("Qwen3-VL-2B");
        var json = JsonNode.Parse(config)!.AsObject();
        json["vision_config"]!["deepstack_visual_indexes"] = new JsonArray(17, 23, 0);
        using var folder = new TestFolder();
        folder.Json("config.json", json).Weights("model.safetensors", tensors);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal([17, 23, 0], checkpoint.Config.Vision.DeepStackBlocks);
        Assert.Equal(3, checkpoint.Vision.DeepStack.Count);
    }

    [Theory]
    [InlineData("Qwen2.5-VL-3B", """{"patch_size":14,"merge_size":2,"size":{"shortest_edge":3136,"longest_edge":12845056}}""", "3136..12845056")]
    [InlineData("Qwen2.5-VL-3B", """{"patch_size":14,"image_processor_type":"Qwen2_5_VLImageProcessor"}""", "3136..1003520")]
    [InlineData("Qwen3-VL-2B", """{"patch_size":16,"size":{"shortest_edge":65536,"longest_edge":16777216}}""", "65536..16777216")]
    [InlineData("Qwen3-VL-2B", """{"patch_size":16,"size":{"shortest_edge":65536,"longest_edge":16777216},"max_pixels":1310720}""", "65536..1310720")]
    public void Open_ImageProcessorFile_GivesTheLimits(string name, string file, string pixels)
    {
        using var folder = Folder(name);
        folder.Text("preprocessor_config.json", file);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.EndsWith("pixels=" + pixels, checkpoint.VisualLayoutKey, StringComparison.Ordinal);
    }

    /// <summary>What a file leaves out is the processor class's value, whose patches are 14 pixels.</summary>
    [Fact]
    public void Open_Qwen3VlWithoutPatchSizeInTheProcessorsFile_IsRefused()
    {
        using var folder = Folder("Qwen3-VL-2B");
        folder.Text("preprocessor_config.json", """{"size":{"shortest_edge":65536,"longest_edge":16777216}}""");
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path).Dispose()).Problems);
        Assert.Equal(("preprocessor_config.json", "patch_size"), (problem.File, problem.Key));
    }

    [SkippableTheory]
    [InlineData("qwen25vl", "Qwen2.5-VL-3B")]
    [InlineData("qwen3vl", "Qwen3-VL-2B")]
    public void Plan_GoldenSizes_EqualTheReference(string table, string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("goldens-families-2", "geometry", table + "_smart_resize.json")));
        using var checkpoint = Open(name);
        var (block, resized, refused) = (checkpoint.Config.Vision.PatchSize * checkpoint.Config.Vision.MergeSize, 0, 0);
        foreach (var entry in document.RootElement.EnumerateArray())
        {
            int Number(string key) => entry.GetProperty(key).GetInt32();
            var limits = new ImageLimits { MinPixels = Number("min_pixels"), MaxPixels = Number("max_pixels") };
            Assert.Equal(block, Number("factor"));
            if (entry.TryGetProperty("resized_height", out _))
            {
                var tile = Assert.Single(checkpoint.Preprocessor.Plan(Number("width"), Number("height"), limits).Tiles);
                Assert.Equal((Number("resized_width") / block, Number("resized_height") / block, Number("tokens")), (tile.Columns, tile.Rows, tile.TokenCount));
                resized++;
            }
            else
            {
                Assert.Throws<ImageException>(() => checkpoint.Preprocessor.Plan(Number("width"), Number("height"), limits));
                refused++;
            }
        }

        Assert.Equal(750, resized + refused);
        Assert.True(refused > 0 && resized > 600);
    }

    private static RopeConfig.Multimodal Rope(Checkpoint checkpoint) => Assert.IsType<RopeConfig.Multimodal>(checkpoint.Config.Language.Rope);

    private static Checkpoint Open(string name)
    {
        using var folder = Folder(name);
        return Checkpoint.Open(folder.Path);
    }

    private static TestFolder Folder(string name)
    {
        var (config, tensors) = QwenCheckpoints.Describe(name);
        return new TestFolder().Text("config.json", config).Weights("model.safetensors", tensors);
    }
}
