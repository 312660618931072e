namespace Sgl.Models;

/// <summary>Decoder architectures; they share one graph and differ in weight layout, biases and rotary embedding.</summary>
public enum DecoderArchitecture
{
    /// <summary>InternLM2: grouped packed <c>wqkv</c>.</summary>
    InternLm2,

    /// <summary>Qwen2 (also inside Qwen2-VL and LLaVA-OneVision): separate projections with bias on q, k, v.</summary>
    Qwen2,

    /// <summary>Llama and Yi: separate projections without bias.</summary>
    Llama,

    /// <summary>Qwen3: separate projections without bias, RMSNorm over each head of q and k in front of the rotary embedding.</summary>
    Qwen3,

    /// <summary>Phi-3: concatenated <c>qkv_proj</c> and <c>gate_up_proj</c>, long RoPE.</summary>
    Phi3,
}

/// <summary>A pre-norm decoder with RMSNorm, SwiGLU, rotary embedding and grouped-query attention.</summary>
public sealed record LanguageModelConfig
{
    /// <summary>Weight layout.</summary>
    public required DecoderArchitecture Architecture { get; init; }

    /// <summary>L, <c>num_hidden_layers</c>.</summary>
    public required int Layers { get; init; }

    /// <summary><c>hidden_size</c>.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>H, <c>num_attention_heads</c>.</summary>
    public required int Heads { get; init; }

    /// <summary><c>num_key_value_heads</c>.</summary>
    public required int KvHeads { get; init; }

    /// <summary><c>head_dim</c>, or hidden size / heads; heads * <c>head_dim</c> need not be the hidden size (Qwen3).</summary>
    public required int HeadDim { get; init; }

    /// <summary><c>intermediate_size</c>.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Rows of the embedding table, as stored.</summary>
    public required int VocabularySize { get; init; }

    /// <summary><c>rms_norm_eps</c>.</summary>
    public required float RmsNormEps { get; init; }

    /// <summary>Rotary embedding.</summary>
    public required RopeConfig Rope { get; init; }

    /// <summary>Whether q, k, v projections carry a bias.</summary>
    public bool QkvBias { get; init; }

    /// <summary>
    /// Whether the LM head is the embedding table (<c>tie_word_embeddings</c>; the original InternVL forces false). Of an opened checkpoint: a head that
    /// the files hold wins over every flag.
    /// </summary>
    public bool TiedHead { get; init; }

    /// <summary>Layers 0..n-1 behind which something is added to the rows of visual tokens (Qwen3-VL's DeepStack); 0 for other families.</summary>
    public int DeepStackLayers { get; init; }

    /// <summary><c>max_position_embeddings</c>: prompts beyond it are refused unless the rotary scaling reaches further.</summary>
    public required int MaxPositions { get; init; }
}
