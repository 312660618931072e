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

    private protected override (string? Gate, string First, string Second) Mlp => (null, "fc1", "fc2");

    private protected override (string Norm, string First, string Second) Merger => ("ln_q", "mlp.0", "mlp.2");

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
}
