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
        var tensors = new List<TensorPlan>();
        void Add(string name, float deviation, float mean, params long[] shape) => tensors.Add(new TensorPlan(name, shape, deviation, mean));
        void Linear(string name, long outputs, long inputs, bool bias = true, float gain = 1)
        {
            Add(name + ".weight", gain / MathF.Sqrt(inputs), 0, outputs, inputs);
            if (bias)
            {
                Add(name + ".bias", 0.1f, 0, outputs);
            }
        }

        void Norm(string name, long width, bool bias)
        {
            Add(name + ".weight", 0.2f, 1, width);
            if (bias)
            {
                Add(name + ".bias", 0.1f, 0, width);
            }
        }

        // Queries and keys larger than the rest, so that attention is not flat.
        const float Sharp = 1.6f;
        long width = TowerHidden, merged = 4 * TowerHidden;
        Add(Visual + "patch_embed.proj.weight", 0.1f, 0, width, 3, 2, PatchSize, PatchSize);
        if (Third)
        {
            Add(Visual + "patch_embed.proj.bias", 0.1f, 0, width);
            Add(Visual + "pos_embed.weight", 0.6f, 0, TableSide * TableSide, width);
        }

        for (var i = 0; i < TowerLayers; i++)
        {
            var b = $"{Visual}blocks.{i}.";
            Norm(b + "norm1", width, Third);
            Norm(b + "norm2", width, Third);
            Linear(b + "attn.qkv", 3 * width, width, gain: Sharp);
            Linear(b + "attn.proj", width, width);
            foreach (var (name, outputs, inputs) in Third
                ? new[] { ("linear_fc1", (long)TowerInner, width), ("linear_fc2", width, TowerInner) }
                : [("gate_proj", TowerInner, width), ("up_proj", TowerInner, width), ("down_proj", width, TowerInner)])
            {
                Linear(b + "mlp." + name, outputs, inputs);
            }
        }

        Norm(Visual + (Third ? "merger.norm" : "merger.ln_q"), width, Third);
        Linear(Visual + (Third ? "merger.linear_fc1" : "merger.mlp.0"), merged, merged);
        Linear(Visual + (Third ? "merger.linear_fc2" : "merger.mlp.2"), Hidden, merged);
        for (var j = 0; Third && j < DeepStack.Length; j++)
        {
            var m = $"{Visual}deepstack_merger_list.{j}.";
            Norm(m + "norm", merged, bias: true);
            Linear(m + "linear_fc1", merged, merged);
            Linear(m + "linear_fc2", Hidden, merged);
        }

        Add(Text + "embed_tokens.weight", 0.7f, 0, Vocabulary, Hidden);
        for (var i = 0; i < Layers; i++)
        {
            var l = $"{Text}layers.{i}.";
            Norm(l + "input_layernorm", Hidden, bias: false);
            Norm(l + "post_attention_layernorm", Hidden, bias: false);
            Linear(l + "self_attn.q_proj", Heads * HeadDim, Hidden, !Third, Sharp);
            Linear(l + "self_attn.k_proj", KvHeads * HeadDim, Hidden, !Third, Sharp);
            Linear(l + "self_attn.v_proj", KvHeads * HeadDim, Hidden, !Third);
            if (Third)
            {
                Norm(l + "self_attn.q_norm", HeadDim, bias: false);
                Norm(l + "self_attn.k_norm", HeadDim, bias: false);
            }

            Linear(l + "self_attn.o_proj", Hidden, Heads * HeadDim, bias: false);
            Linear(l + "mlp.gate_proj", Inner, Hidden, bias: false);
            Linear(l + "mlp.up_proj", Inner, Hidden, bias: false);
            Linear(l + "mlp.down_proj", Hidden, Inner, bias: false);
        }

        Norm(Text + "norm", Hidden, bias: false);
        if (!Tied)
        {
            Linear("lm_head", Vocabulary, Hidden, bias: false, gain: 2);
        }

        return tensors;
    }
}
