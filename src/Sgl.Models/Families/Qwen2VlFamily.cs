using Sgl.Models.Internal;

namespace Sgl.Models;

/// <summary>Qwen2-VL: 2-D rotary vision tower, merger, Qwen2 with M-RoPE.</summary>
public sealed class Qwen2VlFamily : QwenVlFamily
{
    /// <inheritdoc/>
    public override VlmFamily Kind => VlmFamily.Qwen2Vl;

    /// <inheritdoc/>
    public override string Opens => "Qwen2-VL, published or saved again";

    /// <inheritdoc/>
    public override IReadOnlyList<string> ModelTypes { get; } = ["qwen2_vl"];

    private protected override TextClass NestedText => TextClass.NestedQwen2Vl;

    private protected override TextClass FlatText => TextClass.Qwen2Vl;

    private protected override string OutputWidthKey => "hidden_size";

    private protected override VisionConfig Tower(ConfigReader vision)
    {
        var width = vision.PositiveInt("embed_dim", 1280);
        var inner = width * vision.PositiveNumber("mlp_ratio", 4);
        if (inner is < 1 or > ConfigReader.LargestSize)
        {
            vision.Problem("mlp_ratio", "a ratio that gives the MLP at least one value");
            inner = 1;
        }

        return Tower(vision, VisionArchitecture.Qwen2Vl, ("embed_dim", width), (int)inner, depth: 32, patch: 14) with
        {
            Activation = vision.OneOf("hidden_act", VisionParsing.Activations, "quick_gelu"),
        };
    }

    private protected override VisionNames VisionNames(VisionConfig config, string prefix) => new()
    {
        PatchEmbedding = VisionParsing.Linear(prefix + "patch_embed.proj", bias: false),
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"{prefix}blocks.{i}."))],
        ProjectorNorm = VisionParsing.Norm(prefix + "merger.ln_q"),
        Projector1 = VisionParsing.Linear(prefix + "merger.mlp.0"),
        Projector2 = VisionParsing.Linear(prefix + "merger.mlp.2"),
    };

    private static VisionBlockNames Block(string block) => new()
    {
        Norm1 = VisionParsing.Norm(block + "norm1"),
        Qkv = new VisionQkvNames.Packed(VisionParsing.Linear(block + "attn.qkv")),
        Output = VisionParsing.Linear(block + "attn.proj"),
        Norm2 = VisionParsing.Norm(block + "norm2"),
        Fc1 = VisionParsing.Linear(block + "mlp.fc1"),
        Fc2 = VisionParsing.Linear(block + "mlp.fc2"),
    };
}
