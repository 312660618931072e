using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>Qwen3-VL, dense: Qwen3 with interleaved M-RoPE, a tower with a position table, DeepStack.</summary>
public sealed class Qwen3VlFamily : QwenVlFamily
{
    private const string TableKey = "num_position_embeddings";
    private const string DeepStackKey = "deepstack_visual_indexes";

    /// <inheritdoc/>
    public override VlmFamily Kind => VlmFamily.Qwen3Vl;

    /// <inheritdoc/>
    public override string Opens => "Qwen3-VL (dense), published or saved again";

    /// <inheritdoc/>
    public override IReadOnlyList<string> ModelTypes { get; } = ["qwen3_vl"];

    private protected override TextClass NestedText => TextClass.NestedQwen3Vl;

    private protected override TextClass? FlatText => null;

    private protected override string OutputWidthKey => "out_hidden_size";

    private protected override (string? Gate, string First, string Second) Mlp => (null, "linear_fc1", "linear_fc2");

    private protected override (string Norm, string First, string Second) Merger => ("norm", "linear_fc1", "linear_fc2");

    private protected override bool HasPositionTable => true;

    private protected override Qwen2VlImageOptions PublishedImages => new()
    {
        MinPixels = 65_536,
        MaxPixels = 16_777_216,
        Mean = [0.5f, 0.5f, 0.5f],
        Std = [0.5f, 0.5f, 0.5f],
    };

    /// <inheritdoc/>
    public override IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return TemplateCreation.Try(() => new Qwen3VlPromptTemplate(tokenizer, Qwen3VlPromptTemplate.OpensThought(problems.Folder)), problems);
    }

    private protected override VisionConfig Tower(ConfigReader vision)
    {
        var width = vision.PositiveInt("hidden_size", 1152);
        var tower = Tower(vision, VisionArchitecture.Qwen3Vl, ("hidden_size", width), vision.PositiveInt("intermediate_size", 4304), depth: 27, patch: 16);
        CheckRope(vision);
        return tower with
        {
            Activation = vision.OneOf("hidden_act", VisionParsing.Activations, "gelu_pytorch_tanh"),
            PositionSide = TableSide(vision),
            DeepStackBlocks = DeepStack(vision, tower.Layers),
        };
    }

    /// <summary>Newer files describe the tower's rotary embedding, which is always the same.</summary>
    private static void CheckRope(ConfigReader vision)
    {
        if (vision.OptionalObject("rope_parameters") is not { } rope)
        {
            return;
        }

        rope.OneOf("rope_type", [("axial", true), ("default", true)], "axial");
        if (rope.PositiveNumber("rope_theta", VisionRotaryTable.Theta) is not VisionRotaryTable.Theta)
        {
            rope.Problem("rope_theta", $"{VisionRotaryTable.Theta}");
        }
    }

    private static int TableSide(ConfigReader vision)
    {
        var positions = vision.PositiveInt(TableKey, 2304);
        var side = (int)Math.Round(Math.Sqrt(positions));
        if (side * side != positions)
        {
            vision.Problem(TableKey, "a square number");
        }

        return side;
    }

    private static IReadOnlyList<int> DeepStack(ConfigReader vision, int depth)
    {
        var blocks = vision.Has(DeepStackKey) ? vision.Integers(DeepStackKey) : [8, 16, 24];
        if (blocks.Any(b => b < 0 || b >= depth) || blocks.Distinct().Count() != blocks.Count)
        {
            vision.Problem(DeepStackKey, $"different block numbers from 0 to {depth - 1}", $"[{string.Join(", ", blocks)}]");
            return [];
        }

        return blocks;
    }
}
