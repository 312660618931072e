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

    private protected override (string? Gate, string First, string Second) Mlp => ("gate_proj", "up_proj", "down_proj");

    private protected override (string Norm, string First, string Second) Merger => ("ln_q", "mlp.0", "mlp.2");

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
}
