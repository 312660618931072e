using Sgl.Models.Internal;

namespace Sgl.Models;

/// <summary>Qwen2.5-VL: Qwen2-VL's decoder behind a tower with RMSNorm, gated MLP and windows of attention.</summary>
public sealed class Qwen25VlFamily : QwenVlFamily
{
    /// <inheritdoc/>
    public override VlmFamily Kind => VlmFamily.Qwen25Vl;

    /// <inheritdoc/>
    public override string Opens => "Qwen2.5-VL, published or saved again";

    /// <inheritdoc/>
    public override IReadOnlyList<string> ModelTypes { get; } = ["qwen2_5_vl"];

    // The text class is Qwen2-VL's.
    private protected override TextClass NestedText => TextClass.NestedQwen2Vl;

    private protected override TextClass FlatText => TextClass.Qwen2Vl;

    private protected override string OutputWidthKey => "out_hidden_size";

    private protected override VisionConfig Tower(ConfigReader vision)
    {
        // hidden_size is the inner width here, in Qwen2-VL it is that of the output.
        var width = vision.PositiveInt("hidden_size", 3584);
        var tower = Tower(vision, VisionArchitecture.Qwen25Vl, ("hidden_size", width), vision.PositiveInt("intermediate_size", 3420), depth: 32, patch: 14);
        var window = vision.PositiveInt("window_size", 112);
        var token = tower.PatchSize * tower.MergeSize;
        if (window < token)
        {
            vision.Problem("window_size", $"at least one visual token of {token} pixels");
        }

        return tower with
        {
            Norm = NormKind.RmsNorm,
            Activation = vision.OneOf("hidden_act", [.. VisionParsing.Activations, ("silu", ActivationKind.Silu)], "silu"),
            WindowTokens = window / token,
            FullAttentionBlocks = (vision.Has("fullatt_block_indexes") ? vision.Integers("fullatt_block_indexes") : [7, 15, 23, 31]).ToHashSet(),
        };
    }

    private protected override VisionNames VisionNames(VisionConfig config, string prefix) => new()
    {
        PatchEmbedding = VisionParsing.Linear(prefix + "patch_embed.proj", bias: false),
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"{prefix}blocks.{i}."))],
        ProjectorNorm = VisionParsing.Norm(prefix + "merger.ln_q", NormKind.RmsNorm),
        Projector1 = VisionParsing.Linear(prefix + "merger.mlp.0"),
        Projector2 = VisionParsing.Linear(prefix + "merger.mlp.2"),
    };

    private static VisionBlockNames Block(string block) => new()
    {
        Norm1 = VisionParsing.Norm(block + "norm1", NormKind.RmsNorm),
        Qkv = new VisionQkvNames.Packed(VisionParsing.Linear(block + "attn.qkv")),
        Output = VisionParsing.Linear(block + "attn.proj"),
        Norm2 = VisionParsing.Norm(block + "norm2", NormKind.RmsNorm),
        Gate = VisionParsing.Linear(block + "mlp.gate_proj"),
        Fc1 = VisionParsing.Linear(block + "mlp.up_proj"),
        Fc2 = VisionParsing.Linear(block + "mlp.down_proj"),
    };
}
