using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Gpu.Tests.Support;

/// <summary>Checkpoints of true shapes without tokenizer, in sparse files: the stand-in never reads a weight, so their size costs nothing.</summary>
internal static class Shapes
{
    private const long Shard = 5_000_000_000;

    /// <summary>An id that no decoder of the paper has below its vocabulary's end.</summary>
    public const int ImageToken = 9;

    /// <summary>Writes a checkpoint's folder.</summary>
    public static TestFolder Folder(string name)
    {
        var (config, tensors) = name switch
        {
            "InternVL2-2B" => (RealConfigs.InternVl2_2B, Vit300(2048).InternLm2(24, 2048, 16, 8, 128, 8192, 92553)),
            "InternVL2-26B" => (RealConfigs.InternVl2_26B, Vit6(6144).InternLm2(48, 6144, 48, 8, 128, 16384, 92553)),
            "InternVL2-76B" => (RealConfigs.InternVl2_76B, Vit6(8192).Separate("language_model.model.", "language_model.lm_head.weight", 80, 8192, 64, 8, 128, 28672, 128265, bias: false)),
            "Qwen2-VL-2B" => (RealConfigs.Qwen2Vl_2B, new SpecTensors().Qwen2VlVisual("visual.", 1280, 32, 5120, 1536).Separate("model.", null, 28, 1536, 12, 2, 128, 8960, 151936, bias: true)),
            "LLaVA-OV-0.5B" => (RealConfigs.LlavaOv_05B, new SpecTensors().SigLip("vision_tower.vision_model.", "multi_modal_projector.linear_1", "multi_modal_projector.linear_2", "image_newline", 1152, 26, 4304, 729, 896)
                .Separate("language_model.model.", null, 24, 896, 14, 2, 64, 4864, 152000, bias: true)),
            _ => throw new ArgumentOutOfRangeException(nameof(name)),
        };
        return new TestFolder().Text("config.json", config).Sharded(tensors, Shard);
    }

    /// <summary>An engine's settings for such a folder.</summary>
    public static EngineOptions Options(TestFolder folder, string placement, bool importance = false, string weights = "auto") =>
        new() { Checkpoint = folder.Path, Placement = placement, ImageTokenId = ImageToken, Importance = importance, KvBudgetMiB = 2048, Weights = weights };

    /// <summary>A prompt of some text, a picture of so many tiles, and text.</summary>
    public static PreparedPrompt Prompt(VlmEngine engine, int tiles, int textBefore = 40, int textBehind = 40)
    {
        var image = engine.Preprocess(new RgbImage(448 * tiles, 448, new byte[448 * tiles * 448 * 3]));
        var visual = image.Layout.TokenCount;
        int[] ids = [.. Enumerable.Repeat(5, textBefore), .. Enumerable.Repeat(ImageToken, visual), .. Enumerable.Repeat(6, textBehind)];
        return new PreparedPrompt(ids, [new ImageSpan(0, textBefore, visual)], [image]) { CacheScope = "" };
    }

    private static SpecTensors Vit300(long hidden) => new SpecTensors().InternVit(1024, 4096, 24, 1025, sixB: false, hidden);

    private static SpecTensors Vit6(long hidden) => new SpecTensors().InternVit(3200, 12800, 45, 1025, sixB: true, hidden);
}
