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
        var tensors = new SpecTensors().InternVit(TowerHidden, TowerInner, TowerLayers, (PatchesPerSide * PatchesPerSide) + 1, LargeTower, Hidden, PatchSize);
        return [.. (Decoder switch
        {
            DecoderKind.InternLm2 => tensors.InternLm2(Layers, Hidden, Heads, KvHeads, HeadDim, Inner, Vocabulary, Bias),
            DecoderKind.Phi3 => tensors.Phi3(Layers, Hidden, Heads, KvHeads, HeadDim, Inner, Vocabulary),
            _ => tensors.Separate(
                "language_model.model.", "language_model.lm_head.weight", Layers, Hidden, Heads, KvHeads, HeadDim, Inner, Vocabulary,
                bias: Decoder == DecoderKind.Qwen2, norms: Decoder == DecoderKind.Qwen3),
        }).Select(t => Plan(t.Name, t.Shape))];
    }

    private static TensorPlan Plan(string name, long[] shape)
    {
        // Queries and keys larger than the rest, so that attention is not flat.
        const float Sharp = 1.6f;
        var root = MathF.Sqrt(shape[^1]);
        var (deviation, mean) = name.Split('.')[^(name.EndsWith(".weight", StringComparison.Ordinal) ? 2 : 1)] switch
        {
            "class_embedding" => (1, 0),
            "patch_embedding" => (0.05f, 0),
            "position_embedding" => (0.5f, 0),
            "tok_embeddings" or "embed_tokens" => (0.7f, 0),
            "bias" => (0.1f, 0),
            "ls1" or "ls2" => Around(0.5f),
            "q_norm" or "k_norm" => Around(name.StartsWith("language_model.", StringComparison.Ordinal) ? Sharp : 1),
            _ when shape.Length == 1 => Around(1),
            "wqkv" or "qkv_proj" or "q_proj" or "k_proj" => (Sharp / root, 0),
            "output" or "lm_head" => (2 / root, 0),
            _ => (1 / root, 0),
        };
        return new TensorPlan(name, shape, deviation, mean);

        static (float Deviation, float Mean) Around(float mean) => (0.2f * mean, mean);
    }
}
