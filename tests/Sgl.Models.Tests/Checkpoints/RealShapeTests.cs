using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>
/// Every checkpoint of the paper at its true size: the config.json of the hub, and sparse shards with the names and shapes of the
/// specification. The number of parameters is compared with the published one, so that neither list can be wrong alone.
/// </summary>
public sealed class RealShapeTests
{
    private const long Gigabyte = 1_000_000_000;

    public static TheoryData<string, double> Checkpoints
    {
        get
        {
            var all = Paper;
            foreach (var (name, billions) in QwenCheckpoints.Billions.Concat(InternVlCheckpoints.Billions))
            {
                all.Add(name, billions);
            }

            return all;
        }
    }

    private static TheoryData<string, double> Paper => new()
    {
        { "InternVL2-1B", 0.938 },
        { "InternVL2-2B", 2.206 },
        { "InternVL2-4B", 4.147 },
        { "InternVL2-26B", 25.51 },
        { "InternVL2-40B", 40.07 },
        { "InternVL2-76B", 76.26 },
        { "Qwen2-VL-2B", 2.209 },
        { "Qwen2-VL-72B", 73.41 },
        { "Qwen2-VL-72B saved again", 73.41 },
        { "LLaVA-OV-0.5B", 0.894 },
        { "LLaVA-OV-0.5B saved again", 0.894 },
        { "LLaVA-OV-0.5B saved again, SigLIP without its inner name", 0.894 },
        { "LLaVA-OV-0.5B original", 0.894 },
        { "LLaVA-OV-72B", 73.18 },
        { "LLaVA-OV-72B original", 73.18 },
    };

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Open_CheckpointOfThePaper_AllNamesAndShapesAgree(string name, double billions)
    {
        var (config, tensors) = Describe(name);
        using var folder = new TestFolder();
        folder.Text("config.json", config).Sharded(tensors, 5 * Gigabyte);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Empty(checkpoint.UnusedTensors);
        var stored = tensors.ToDictionary(t => t.Name, t => t.Shape);
        var needed = ExpectedTensors.Decoder(checkpoint.Config.Language, checkpoint.Decoder).Concat(ExpectedTensors.Vision(checkpoint.Config, checkpoint.Vision)).ToArray();
        Assert.Equal(needed.Length, needed.Select(t => t.Name).Distinct().Count());
        Assert.All(needed, t => Assert.Equal(t.Shape, stored[t.Name]));
        Assert.Equal(tensors.Select(t => t.Name).Where(n => !n.Contains("post_layernorm", StringComparison.Ordinal)).Order(), needed.Select(t => t.Name).Order());

        // The published counts are rounded to four digits; the hub's padded rows of LLaVA-OV add less than 0.1 %.
        Assert.InRange(checkpoint.Weights.TotalBytes / 2e9 / billions, 0.9985, 1.0015);
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Build_CheckpointOfThePaper_GraphsAskForTheTensorsOfTheSpecification(string name, double billions)
    {
        _ = billions;
        var (config, tensors) = Describe(name);
        using var folder = new TestFolder();
        folder.Text("config.json", config).Sharded(tensors, 5 * Gigabyte);
        using var checkpoint = Checkpoint.Open(folder.Path);
        var language = checkpoint.Config.Language;
        var bound = new[]
        {
            VisionGraph.Build(checkpoint.Config, checkpoint.Vision, ComputeType.Float32),
            DecoderStageGraph.Build(language, checkpoint.Decoder, 0, language.Layers - 1, ImportanceOutput.ChosenRows, ComputeType.Float32),
            HeadGraph.Build(language, checkpoint.Decoder, ComputeType.Float32),
        }.SelectMany(g => g.Weights).ToList();

        // The embedding table and the newline are read row by row, not by a graph; SigLIP's last norm is not applied.
        string[] outside = [checkpoint.Decoder.Embedding, checkpoint.Vision.ImageNewline ?? ""];
        var expected = tensors.Where(t => t.Name == checkpoint.Decoder.Head || !outside.Contains(t.Name))
            .Where(t => !t.Name.Contains("post_layernorm", StringComparison.Ordinal)).ToDictionary(t => t.Name, t => t.Shape);
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), bound.Select(w => w.Name).Order(StringComparer.Ordinal));
        Assert.All(bound, w => Assert.Equal(expected[w.Name].Aggregate(1L, (a, b) => a * b), w.Shape.Aggregate(1L, (a, b) => a * b)));
        Assert.All(bound.Where(w => w.Shape.Count == expected[w.Name].Length), w => Assert.Equal(expected[w.Name], w.Shape));
    }

    [Fact]
    public void Open_InternVl2_26B_HasThePapersNumbers()
    {
        var (config, tensors) = Describe("InternVL2-26B");
        using var folder = new TestFolder();
        folder.Text("config.json", config).Sharded(tensors, 5 * Gigabyte);
        using var checkpoint = Checkpoint.Open(folder.Path);
        var language = checkpoint.Config.Language;
        Assert.Equal((48, 6144, 48, 8, 128, 16384, 92553), (language.Layers, language.HiddenSize, language.Heads, language.KvHeads, language.HeadDim, language.IntermediateSize, language.VocabularySize));
        Assert.Equal(new RopeConfig.DynamicNtk(1_000_000, 3, 32768), language.Rope);
        Assert.Equal(1e-5f, language.RmsNormEps);
        Assert.False(language.TiedHead || language.QkvBias);
        var vision = checkpoint.Config.Vision;
        Assert.Equal((45, 3200, 25, 12800, 448, 14, 2), (vision.Layers, vision.HiddenSize, vision.Heads, vision.IntermediateSize, vision.ImageSize, vision.PatchSize, vision.MergeSize));
        Assert.True(vision.QkNorm && vision.Norm == NormKind.RmsNorm && !vision.QkvBias && !vision.TransposedShuffle);
        Assert.Equal((448, 256, 1, 12, true, true), (checkpoint.Config.TileSize, checkpoint.Config.TokensPerTile, checkpoint.Config.MinTiles, checkpoint.Config.MaxTiles, checkpoint.Config.UseThumbnail, checkpoint.Config.DynamicImageSize));
    }

    [Fact]
    public void Open_InternVl2_1B_UntiesTheHeadWhateverTheFileSays()
    {
        var (config, tensors) = Describe("InternVL2-1B");
        Assert.Contains("\"tie_word_embeddings\":true", config, StringComparison.Ordinal);
        using var folder = new TestFolder();
        folder.Text("config.json", config).Weights("model.safetensors", tensors);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal("language_model.lm_head.weight", checkpoint.Decoder.Head);
    }

    [Fact]
    public void Open_InternVl2_4B_ComputesTheAttentionFactorOfThePublishedFile()
    {
        var (config, tensors) = Describe("InternVL2-4B");
        using var folder = new TestFolder();
        folder.Text("config.json", config).Weights("model.safetensors", tensors);
        using var checkpoint = Checkpoint.Open(folder.Path);
        var rope = Assert.IsType<RopeConfig.Long>(checkpoint.Config.Language.Rope);
        Assert.Equal(1.190238, rope.AttentionFactor, 6);
        Assert.Equal((4096, 48, 48), (rope.OriginalMaxPositions, rope.ShortFactor.Count, rope.LongFactor.Count));
    }

    [Theory]
    [InlineData("preprocessor_config.json", """{"min_pixels":3136,"max_pixels":12845056}""")]
    [InlineData("preprocessor_config.json", """{"size":{"shortest_edge":3136,"longest_edge":12845056}}""")]
    [InlineData("processor_config.json", """{"processor_class":"Qwen2VLProcessor","image_processor":{"size":{"shortest_edge":3136,"longest_edge":12845056}}}""")]
    public void Open_PixelLimitsWhereverTheFolderKeepsThem_AreUsed(string file, string text)
    {
        var (config, tensors) = Describe("Qwen2-VL-2B");
        using var folder = new TestFolder();
        folder.Text("config.json", config).Text(file, text).Sharded(tensors, 5 * Gigabyte);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Contains("pixels=3136..12845056", checkpoint.VisualLayoutKey, StringComparison.Ordinal);
    }

    [Fact]
    public void VisualLayoutKey_AllCheckpoints_IsSharedByThoseThatCanBePaired()
    {
        var names = Checkpoints.Select(row => (string)row[0]).ToArray();
        var keys = names.ToDictionary(n => n, n =>
        {
            var (config, tensors) = Describe(n);
            using var folder = new TestFolder();
            folder.Text("config.json", config).Weights("model.safetensors", tensors);
            using var checkpoint = Checkpoint.Open(folder.Path);
            return checkpoint.VisualLayoutKey;
        });
        var groups = keys.GroupBy(k => k.Key.Split('-')[0] switch { "Qwen2" or "Qwen2.5" => "28 pixels", ['I', ..] => "InternVL", var other => other }).ToList();
        Assert.All(groups, g => Assert.Single(g.Select(k => k.Value).Distinct()));
        Assert.Equal(groups.Count, keys.Values.Distinct().Count());
    }

    internal static (string Config, SpecTensors Tensors) Describe(string name)
    {
        const string Hub = "vision_tower.vision_model.", Projector = "multi_modal_projector.linear_";
        return name switch
        {
            "InternVL2-1B" => (RealConfigs.InternVl2_1B, Small(896).Separate("language_model.model.", "language_model.lm_head.weight", 24, 896, 14, 2, 64, 4864, 151655, bias: true)),
            "InternVL2-2B" => (RealConfigs.InternVl2_2B, Small(2048).InternLm2(24, 2048, 16, 8, 128, 8192, 92553)),
            "InternVL2-4B" => (RealConfigs.InternVl2_4B, Small(3072).Phi3(32, 3072, 32, 32, 96, 8192, 32020)),
            "InternVL2-26B" => (RealConfigs.InternVl2_26B, Big(6144).InternLm2(48, 6144, 48, 8, 128, 16384, 92553)),
            "InternVL2-40B" => (RealConfigs.InternVl2_40B, Big(7168).Separate("language_model.model.", "language_model.lm_head.weight", 60, 7168, 56, 8, 128, 20480, 64009, bias: false)),
            "InternVL2-76B" => (RealConfigs.InternVl2_76B, Big(8192).Separate("language_model.model.", "language_model.lm_head.weight", 80, 8192, 64, 8, 128, 28672, 128265, bias: false)),
            "Qwen2-VL-2B" => (RealConfigs.Qwen2Vl_2B, new SpecTensors().Qwen2VlVisual("visual.", 1280, 32, 5120, 1536).Separate("model.", null, 28, 1536, 12, 2, 128, 8960, 151936, bias: true)),
            "Qwen2-VL-72B" => (RealConfigs.Qwen2Vl_72B, new SpecTensors().Qwen2VlVisual("visual.", 1280, 32, 5120, 8192).Separate("model.", "lm_head.weight", 80, 8192, 64, 8, 128, 29568, 152064, bias: true)),
            "Qwen2-VL-72B saved again" => (RealConfigs.Qwen2Vl_72B_SavedAgain, new SpecTensors().Qwen2VlVisual("model.visual.", 1280, 32, 5120, 8192).Separate("model.language_model.", "lm_head.weight", 80, 8192, 64, 8, 128, 29568, 152064, bias: true)),
            "LLaVA-OV-0.5B" => (RealConfigs.LlavaOv_05B, Llava(Hub, Projector + "1", Projector + "2", "image_newline", 896).Separate("language_model.model.", null, 24, 896, 14, 2, 64, 4864, 152000, bias: true)),
            "LLaVA-OV-0.5B saved again" => (RealConfigs.LlavaOv_05B, Llava("model." + Hub, $"model.{Projector}1", $"model.{Projector}2", "model.image_newline", 896).Separate("model.language_model.", null, 24, 896, 14, 2, 64, 4864, 152000, bias: true)),
            "LLaVA-OV-0.5B saved again, SigLIP without its inner name" => (RealConfigs.LlavaOv_05B, Llava("model.vision_tower.", $"model.{Projector}1", $"model.{Projector}2", "model.image_newline", 896).Separate("model.language_model.", null, 24, 896, 14, 2, 64, 4864, 152000, bias: true)),
            "LLaVA-OV-72B" => (RealConfigs.LlavaOv_72B, Llava(Hub, Projector + "1", Projector + "2", "image_newline", 8192).Separate("language_model.model.", "language_model.lm_head.weight", 80, 8192, 64, 8, 128, 29568, 152128, bias: true)),
            "LLaVA-OV-0.5B original" => (RealConfigs.LlavaOv_05B_Original, LlavaOriginal(896).Separate("model.", null, 24, 896, 14, 2, 64, 4864, 151936, bias: true)),
            "LLaVA-OV-72B original" => (RealConfigs.LlavaOv_72B_Original, LlavaOriginal(8192).Separate("model.", "lm_head.weight", 80, 8192, 64, 8, 128, 29568, 152064, bias: true)),
            _ when InternVlCheckpoints.Billions.ContainsKey(name) => InternVlCheckpoints.Describe(name),
            _ => QwenCheckpoints.Describe(name),
        };
    }

    private static SpecTensors Small(long hidden) => new SpecTensors().InternVit(1024, 4096, 24, 1025, sixB: false, hidden);

    private static SpecTensors Big(long hidden) => new SpecTensors().InternVit(3200, 12800, 45, 1025, sixB: true, hidden);

    private static SpecTensors Llava(string prefix, string first, string second, string newline, long hidden) =>
        new SpecTensors().SigLip(prefix, first, second, newline, 1152, 26, 4304, 729, hidden);

    private static SpecTensors LlavaOriginal(long hidden) =>
        Llava("model.vision_tower.vision_tower.vision_model.", "model.mm_projector.0", "model.mm_projector.2", "model.image_newline", hidden);
}
