using System.Text.Json.Nodes;

namespace Sgl.TestKit;

/// <summary>Sizes of a Qwen2.5-VL or Qwen3-VL checkpoint whose weights are random; everything else follows from them.</summary>
public sealed record QwenShape : ICheckpointShape
{
    public const string Visual = "model.visual.";

    public const string Text = "model.language_model.";

    /// <summary>Qwen3-VL, else Qwen2.5-VL.</summary>
    public bool Third { get; init; }

    public int Layers { get; init; } = 4;

    public int Hidden { get; init; } = 48;

    public int Heads { get; init; } = 4;

    public int KvHeads { get; init; } = 2;

    public int HeadDim { get; init; } = 12;

    public int Inner { get; init; } = 64;

    public int Vocabulary { get; init; } = 96;

    public double Theta { get; init; } = 1e6;

    public double Eps { get; init; } = 1e-5;

    public int[] Sections { get; init; } = [2, 2, 2];

    public bool Tied { get; init; }

    public int TowerLayers { get; init; } = 3;

    public int TowerHidden { get; init; } = 32;

    public int TowerHeads { get; init; } = 2;

    public int TowerInner { get; init; } = 44;

    public int PatchSize { get; init; } = 4;

    /// <summary>Qwen2.5-VL: side of a window in pixels.</summary>
    public int Window { get; init; } = 16;

    /// <summary>Qwen2.5-VL: blocks without windows.</summary>
    public int[] FullBlocks { get; init; } = [1];

    /// <summary>Qwen3-VL: side of the position table.</summary>
    public int TableSide { get; init; } = 6;

    /// <summary>Qwen3-VL.</summary>
    public int[] DeepStack { get; init; } = [0, 1, 2];

    public ulong Seed { get; init; } = 1;

    public int PatchValues => 3 * 2 * PatchSize * PatchSize;

    public JsonObject Config(string dtype)
    {
        static JsonArray Numbers(int[] values) => [.. values.Select(v => (JsonNode)v)];
        var text = new JsonObject
        {
            ["model_type"] = Third ? "qwen3_vl_text" : "qwen2_5_vl_text",
            ["eos_token_id"] = 2,
            ["hidden_size"] = Hidden,
            ["head_dim"] = HeadDim,
            ["intermediate_size"] = Inner,
            ["max_position_embeddings"] = 4096,
            ["num_attention_heads"] = Heads,
            ["num_hidden_layers"] = Layers,
            ["num_key_value_heads"] = KvHeads,
            ["rms_norm_eps"] = Eps,
            ["vocab_size"] = Vocabulary,
            ["rope_parameters"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = Theta, ["mrope_section"] = Numbers(Sections) },
        };
        var vision = new JsonObject
        {
            ["depth"] = TowerLayers,
            ["hidden_size"] = TowerHidden,
            ["intermediate_size"] = TowerInner,
            ["num_heads"] = TowerHeads,
            ["out_hidden_size"] = Hidden,
            ["patch_size"] = PatchSize,
        };
        if (Third)
        {
            vision["num_position_embeddings"] = TableSide * TableSide;
            vision["deepstack_visual_indexes"] = Numbers(DeepStack);
        }
        else
        {
            vision["window_size"] = Window;
            vision["fullatt_block_indexes"] = Numbers(FullBlocks);
        }

        return new JsonObject
        {
            ["architectures"] = new JsonArray(Third ? "Qwen3VLForConditionalGeneration" : "Qwen2_5_VLForConditionalGeneration"),
            ["model_type"] = Third ? "qwen3_vl" : "qwen2_5_vl",
            ["dtype"] = dtype,
            ["image_token_id"] = 3,
            ["tie_word_embeddings"] = Tied,
            ["text_config"] = text,
            ["vision_config"] = vision,
        };
    }

    public IReadOnlyList<TensorPlan> Tensors()
    {
        var tensors = Third
            ? new SpecTensors().Qwen3VlVisual(Visual, TowerHidden, TowerLayers, TowerInner, Hidden, DeepStack.Length, PatchSize, TableSide * TableSide)
            : new SpecTensors().Qwen25VlVisual(Visual, TowerHidden, TowerLayers, TowerInner, Hidden, PatchSize);
        tensors.Separate(Text, Tied ? null : "lm_head.weight", Layers, Hidden, Heads, KvHeads, HeadDim, Inner, Vocabulary, bias: !Third, norms: Third);
        return [.. tensors.Select(t => Plan(t.Name, t.Shape))];
    }

    private static TensorPlan Plan(string name, long[] shape)
    {
        // Queries and keys larger than the rest, so that attention is not flat.
        const float Sharp = 1.6f;
        var root = MathF.Sqrt(shape[^1]);
        var (deviation, mean) = name.Split('.')[^2..] switch
        {
            ["proj", _] when shape.Length > 2 => (0.1f, 0),
            ["pos_embed", _] => (0.6f, 0),
            ["embed_tokens", _] => (0.7f, 0),
            [_, "bias"] => (0.1f, 0),
            _ when shape.Length == 1 => (0.2f, 1f),
            ["qkv" or "q_proj" or "k_proj", _] => (Sharp / root, 0),
            ["lm_head", _] => (2 / root, 0),
            _ => (1 / root, 0),
        };
        return new TensorPlan(name, shape, deviation, mean);
    }
}
