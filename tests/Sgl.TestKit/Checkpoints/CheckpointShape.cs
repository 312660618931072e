using System.Text.Json.Nodes;

namespace Sgl.TestKit;

/// <summary>Decoders of the InternVL2 family.</summary>
public enum DecoderKind
{
    InternLm2,
    Qwen2,
    Qwen3,
    Llama,
    Phi3,
}

/// <summary>A tensor to write: values are uniform around <paramref name="Mean"/> with standard deviation <paramref name="Deviation"/>.</summary>
public sealed record TensorPlan(string Name, long[] Shape, float Deviation, float Mean = 0)
{
    public long Count => Shape.Aggregate(1L, (a, b) => a * b);
}

/// <summary>A checkpoint whose weights are random and follow from its description.</summary>
public interface ICheckpointShape
{
    ulong Seed { get; }

    JsonObject Config(string dtype);

    /// <summary>Every tensor, in the order of the file.</summary>
    IReadOnlyList<TensorPlan> Tensors();
}

/// <summary>Sizes of an InternVL2 checkpoint whose weights are random; everything else follows from them.</summary>
public sealed record CheckpointShape : ICheckpointShape
{
    public DecoderKind Decoder { get; init; } = DecoderKind.InternLm2;

    public int Layers { get; init; } = 3;

    public int Hidden { get; init; } = 48;

    public int Heads { get; init; } = 6;

    public int KvHeads { get; init; } = 2;

    public int Inner { get; init; } = 64;

    public int Vocabulary { get; init; } = 96;

    public int MaxPositions { get; init; } = 4096;

    public double RopeTheta { get; init; } = 1_000_000;

    /// <summary>Phi-3 only: prompts longer than this use the long factors.</summary>
    public int OriginalMaxPositions { get; init; } = 2048;

    /// <summary>InternLM2 only.</summary>
    public bool Bias { get; init; }

    /// <summary>InternViT-6B's style: RMSNorm, normalised q and k, no qkv bias; else InternViT-300M's.</summary>
    public bool LargeTower { get; init; }

    public int TowerLayers { get; init; } = 2;

    public int TowerHidden { get; init; } = 32;

    public int TowerHeads { get; init; } = 4;

    public int TowerInner { get; init; } = 48;

    public int TileSize { get; init; } = 56;

    public int PatchSize { get; init; } = 14;

    /// <summary>Factor of dynamic NTK beyond <see cref="MaxPositions"/> (InternLM2); null: no scaling.</summary>
    public double? NtkFactor { get; init; }

    public ulong Seed { get; init; } = 1;

    /// <summary>Values per head where heads do not share out the hidden size (Qwen3, Llama); null: they do.</summary>
    public int? OwnHeadDim { get; init; }

    public int HeadDim => OwnHeadDim ?? Hidden / Heads;

    public int PatchesPerSide => TileSize / PatchSize;

    public int TokensPerTile => PatchesPerSide / 2 * (PatchesPerSide / 2);

    public double[] ShortFactors => [.. Enumerable.Range(0, HeadDim / 2).Select(i => 1 + (0.05 * i))];

    public double[] LongFactors => [.. Enumerable.Range(0, HeadDim / 2).Select(i => 1 + (0.4 * i))];

    public string LayerPrefix(int layer) => $"language_model.model.layers.{layer}.";

    public JsonObject Config(string dtype)
    {
        var text = new JsonObject
        {
            ["architectures"] = new JsonArray(Decoder switch
            {
                DecoderKind.InternLm2 => "InternLM2ForCausalLM",
                DecoderKind.Qwen2 => "Qwen2ForCausalLM",
                DecoderKind.Qwen3 => "Qwen3ForCausalLM",
                DecoderKind.Llama => "LlamaForCausalLM",
                _ => "Phi3ForCausalLM",
            }),
            ["bias"] = Bias,
            ["eos_token_id"] = 2,
            ["hidden_act"] = "silu",
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Inner,
            ["max_position_embeddings"] = MaxPositions,
            ["num_attention_heads"] = Heads,
            ["num_hidden_layers"] = Layers,
            ["num_key_value_heads"] = KvHeads,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = RopeTheta,
            ["vocab_size"] = Vocabulary,
        };
        if (OwnHeadDim is { } headDim)
        {
            text["head_dim"] = headDim;
        }

        if (Decoder == DecoderKind.Phi3)
        {
            text["original_max_position_embeddings"] = OriginalMaxPositions;
            text["rope_scaling"] = new JsonObject
            {
                ["type"] = "su",
                ["short_factor"] = new JsonArray([.. ShortFactors.Select(f => (JsonNode)f)]),
                ["long_factor"] = new JsonArray([.. LongFactors.Select(f => (JsonNode)f)]),
            };
        }

        if (NtkFactor is { } factor)
        {
            text["rope_scaling"] = new JsonObject { ["type"] = "dynamic", ["factor"] = factor };
        }

        return new JsonObject
        {
            ["architectures"] = new JsonArray("InternVLChatModel"),
            ["model_type"] = "internvl_chat",
            ["downsample_ratio"] = 0.5,
            ["dynamic_image_size"] = true,
            ["force_image_size"] = TileSize,
            ["min_dynamic_patch"] = 1,
            ["max_dynamic_patch"] = 12,
            ["ps_version"] = "v2",
            ["select_layer"] = -1,
            ["template"] = "internlm2-chat",
            ["use_thumbnail"] = true,
            ["torch_dtype"] = dtype,
            ["llm_config"] = text,
            ["vision_config"] = new JsonObject
            {
                ["hidden_act"] = "gelu",
                ["hidden_size"] = TowerHidden,
                ["image_size"] = TileSize,
                ["intermediate_size"] = TowerInner,
                ["layer_norm_eps"] = 1e-6,
                ["norm_type"] = LargeTower ? "rms_norm" : "layer_norm",
                ["num_attention_heads"] = TowerHeads,
                ["num_channels"] = 3,
                ["num_hidden_layers"] = TowerLayers,
                ["patch_size"] = PatchSize,
                ["qk_normalization"] = LargeTower,
                ["qkv_bias"] = !LargeTower,
            },
        };
    }

    public IReadOnlyList<TensorPlan> Tensors()
    {
        var tensors = new List<TensorPlan>();
        void Add(string name, float deviation, float mean, params long[] shape) => tensors.Add(new TensorPlan(name, shape, deviation, mean));
        void Matrix(string name, long outputs, long inputs, float gain = 1) => Add(name, gain / MathF.Sqrt(inputs), 0, outputs, inputs);
        void Vector(string name, long width) => Add(name, 0.1f, 0, width);
        void Scale(string name, long width, float mean = 1) => Add(name, 0.2f * mean, mean, width);
        void Norm(string name, long width, bool bias)
        {
            Scale(name + ".weight", width);
            if (bias)
            {
                Vector(name + ".bias", width);
            }
        }

        const string Embeddings = "vision_model.embeddings.";
        Add(Embeddings + "class_embedding", 1, 0, 1, 1, TowerHidden);
        Add(Embeddings + "patch_embedding.weight", 0.05f, 0, TowerHidden, 3, PatchSize, PatchSize);
        Vector(Embeddings + "patch_embedding.bias", TowerHidden);
        Add(Embeddings + "position_embedding", 0.5f, 0, 1, (PatchesPerSide * PatchesPerSide) + 1, TowerHidden);
        for (var i = 0; i < TowerLayers; i++)
        {
            var p = $"vision_model.encoder.layers.{i}.";
            Norm(p + "norm1", TowerHidden, !LargeTower);
            Norm(p + "norm2", TowerHidden, !LargeTower);
            Matrix(p + "attn.qkv.weight", 3 * TowerHidden, TowerHidden);
            if (LargeTower)
            {
                Scale(p + "attn.q_norm.weight", TowerHidden);
                Scale(p + "attn.k_norm.weight", TowerHidden);
            }
            else
            {
                Vector(p + "attn.qkv.bias", 3 * TowerHidden);
            }

            Matrix(p + "attn.proj.weight", TowerHidden, TowerHidden);
            Vector(p + "attn.proj.bias", TowerHidden);
            Matrix(p + "mlp.fc1.weight", TowerInner, TowerHidden);
            Vector(p + "mlp.fc1.bias", TowerInner);
            Matrix(p + "mlp.fc2.weight", TowerHidden, TowerInner);
            Vector(p + "mlp.fc2.bias", TowerHidden);
            Scale(p + "ls1", TowerHidden, 0.5f);
            Scale(p + "ls2", TowerHidden, 0.5f);
        }

        Norm("mlp1.0", 4 * TowerHidden, bias: true);
        Matrix("mlp1.1.weight", Hidden, 4 * TowerHidden);
        Vector("mlp1.1.bias", Hidden);
        Matrix("mlp1.3.weight", Hidden, Hidden);
        Vector("mlp1.3.bias", Hidden);

        var internLm = Decoder == DecoderKind.InternLm2;
        Add(internLm ? "language_model.model.tok_embeddings.weight" : "language_model.model.embed_tokens.weight", 0.7f, 0, Vocabulary, Hidden);
        for (var i = 0; i < Layers; i++)
        {
            DecoderLayer(LayerPrefix(i), Matrix, Vector, Scale);
        }

        Scale("language_model.model.norm.weight", Hidden);
        Matrix(internLm ? "language_model.output.weight" : "language_model.lm_head.weight", Vocabulary, Hidden, 2);
        return tensors;
    }

    private void DecoderLayer(string p, Action<string, long, long, float> matrix, Action<string, long> vector, Action<string, long, float> scale)
    {
        long q = (long)Heads * HeadDim, kv = (long)KvHeads * HeadDim;
        // Queries and keys larger than the rest, so that attention is not flat.
        const float Sharp = 1.6f;
        switch (Decoder)
        {
            case DecoderKind.InternLm2:
                scale(p + "attention_norm.weight", Hidden, 1);
                scale(p + "ffn_norm.weight", Hidden, 1);
                matrix(p + "attention.wqkv.weight", q + (2 * kv), Hidden, Sharp);
                matrix(p + "attention.wo.weight", Hidden, q, 1);
                if (Bias)
                {
                    vector(p + "attention.wqkv.bias", q + (2 * kv));
                    vector(p + "attention.wo.bias", Hidden);
                }

                matrix(p + "feed_forward.w1.weight", Inner, Hidden, 1);
                matrix(p + "feed_forward.w2.weight", Hidden, Inner, 1);
                matrix(p + "feed_forward.w3.weight", Inner, Hidden, 1);
                return;
            case DecoderKind.Phi3:
                matrix(p + "self_attn.qkv_proj.weight", q + (2 * kv), Hidden, Sharp);
                matrix(p + "mlp.gate_up_proj.weight", 2 * Inner, Hidden, 1);
                break;
            default:
                foreach (var (name, rows) in new[] { ("q", q), ("k", kv), ("v", kv) })
                {
                    matrix($"{p}self_attn.{name}_proj.weight", rows, Hidden, name == "v" ? 1 : Sharp);
                    if (Decoder == DecoderKind.Qwen2)
                    {
                        vector($"{p}self_attn.{name}_proj.bias", rows);
                    }
                }

                if (Decoder == DecoderKind.Qwen3)
                {
                    scale(p + "self_attn.q_norm.weight", HeadDim, Sharp);
                    scale(p + "self_attn.k_norm.weight", HeadDim, Sharp);
                }

                matrix(p + "mlp.gate_proj.weight", Inner, Hidden, 1);
                matrix(p + "mlp.up_proj.weight", Inner, Hidden, 1);
                break;
        }

        scale(p + "input_layernorm.weight", Hidden, 1);
        scale(p + "post_attention_layernorm.weight", Hidden, 1);
        matrix(p + "self_attn.o_proj.weight", Hidden, q, 1);
        matrix(p + "mlp.down_proj.weight", Hidden, Inner, 1);
    }
}
