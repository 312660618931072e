namespace Sgl.Models;

/// <summary>Vision tower architectures.</summary>
public enum VisionArchitecture
{
    /// <summary>InternViT (300M and 6B styles).</summary>
    InternVit,

    /// <summary>SigLIP without its post layer norm.</summary>
    SigLip,

    /// <summary>Qwen2-VL's vision transformer with 2-D rotary embedding and merger.</summary>
    Qwen2Vl,

    /// <summary>Qwen2.5-VL's: as Qwen2-VL's with RMSNorm, gated MLP and attention inside windows in most blocks.</summary>
    Qwen25Vl,

    /// <summary>Qwen3-VL's: as Qwen2-VL's with an interpolated position table beside the rotary embedding, and DeepStack.</summary>
    Qwen3Vl,
}

/// <summary>Normalisation of a vision block.</summary>
public enum NormKind
{
    /// <summary>LayerNorm with weight and bias.</summary>
    LayerNorm,

    /// <summary>RMSNorm with weight.</summary>
    RmsNorm,
}

/// <summary>Activations of the vision MLP.</summary>
public enum ActivationKind
{
    /// <summary>GELU, erf form (<c>gelu</c>).</summary>
    Gelu,

    /// <summary>GELU, tanh form (<c>gelu_pytorch_tanh</c>).</summary>
    GeluTanh,

    /// <summary>x * sigmoid(1.702 x) (<c>quick_gelu</c>).</summary>
    QuickGelu,

    /// <summary>x * sigmoid(x) (<c>silu</c>).</summary>
    Silu,
}

/// <summary>A vision tower and the projector behind it.</summary>
public sealed record VisionConfig
{
    /// <summary>Architecture.</summary>
    public required VisionArchitecture Architecture { get; init; }

    /// <summary>Blocks that run (SigLIP: the last stored one may be unused).</summary>
    public required int Layers { get; init; }

    /// <summary>Inner width (Qwen2-VL: <c>embed_dim</c>; Qwen2.5-VL and Qwen3-VL: <c>hidden_size</c>).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Inner width of the MLP.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Side of the square input in pixels; 0 where any size is taken (Qwen).</summary>
    public int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Input channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Norm of the blocks.</summary>
    public NormKind Norm { get; init; }

    /// <summary>Epsilon of the blocks' norms.</summary>
    public float NormEps { get; init; } = 1e-6f;

    /// <summary>Epsilon of the norms over q and k.</summary>
    public float QkNormEps { get; init; } = 1e-6f;

    /// <summary>Whether qkv has a bias.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>InternViT <c>qk_normalization</c>: RMSNorm over all heads of q and k together.</summary>
    public bool QkNorm { get; init; }

    /// <summary>Activation of the MLP.</summary>
    public ActivationKind Activation { get; init; }

    /// <summary>InternVL <c>downsample_ratio</c> as the side of the merged square, normally 2; Qwen2-VL <c>spatial_merge_size</c>; 1 for SigLIP.</summary>
    public int MergeSize { get; init; } = 1;

    /// <summary>InternVL <c>ps_version</c>: true for v1, which transposes the merged grid.</summary>
    public bool TransposedShuffle { get; init; }

    /// <summary>Qwen2-VL <c>temporal_patch_size</c>.</summary>
    public int TemporalPatchSize { get; init; } = 1;

    /// <summary>Whether images come as patches of any grid (Qwen) instead of square tiles.</summary>
    public bool AnyGrid => Architecture is VisionArchitecture.Qwen2Vl or VisionArchitecture.Qwen25Vl or VisionArchitecture.Qwen3Vl;

    /// <summary>Qwen2.5-VL <c>window_size</c> as merged tokens a side.</summary>
    public int WindowTokens { get; init; }

    /// <summary>Qwen2.5-VL <c>fullatt_block_indexes</c>: blocks whose attention sees the whole image instead of a window.</summary>
    public IReadOnlySet<int> FullAttentionBlocks { get; init; } = new HashSet<int>();

    /// <summary>Qwen3-VL: side of the square position table, the root of <c>num_position_embeddings</c>.</summary>
    public int PositionSide { get; init; }

    /// <summary>
    /// Qwen3-VL <c>deepstack_visual_indexes</c>: the output of these blocks is merged too, and what comes from the j-th block in running order is added
    /// behind decoder layer j.
    /// </summary>
    public IReadOnlyList<int> DeepStackBlocks { get; init; } = [];
}
