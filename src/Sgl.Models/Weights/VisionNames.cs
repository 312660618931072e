namespace Sgl.Models;

/// <summary>A norm's tensors.</summary>
/// <param name="Weight">[width].</param>
/// <param name="Bias">[width], null for RMSNorm.</param>
public sealed record NormNames(string Weight, string? Bias = null);

/// <summary>How a vision block stores its projections.</summary>
public abstract record VisionQkvNames
{
    /// <summary>One matrix Q | K | V (InternViT, Qwen2-VL).</summary>
    /// <param name="Qkv">[3 * width, width].</param>
    public sealed record Packed(LinearNames Qkv) : VisionQkvNames;

    /// <summary>Three matrices (SigLIP).</summary>
    /// <param name="Query">[width, width].</param>
    /// <param name="Key">[width, width].</param>
    /// <param name="Value">[width, width].</param>
    public sealed record Separate(LinearNames Query, LinearNames Key, LinearNames Value) : VisionQkvNames;
}

/// <summary>Tensors of one vision block.</summary>
public sealed record VisionBlockNames
{
    /// <summary>Norm before attention.</summary>
    public required NormNames Norm1 { get; init; }

    /// <summary>Projections.</summary>
    public required VisionQkvNames Qkv { get; init; }

    /// <summary>RMSNorm over all heads of q; null where absent.</summary>
    public string? QueryNorm { get; init; }

    /// <summary>RMSNorm over all heads of k; null where absent.</summary>
    public string? KeyNorm { get; init; }

    /// <summary>Attention output.</summary>
    public required LinearNames Output { get; init; }

    /// <summary>Layer scale of attention [width]; null where absent.</summary>
    public string? LayerScale1 { get; init; }

    /// <summary>Norm before the MLP.</summary>
    public required NormNames Norm2 { get; init; }

    /// <summary>Gate of a gated MLP, whose up projection is <see cref="Fc1"/> and whose down projection is <see cref="Fc2"/>; null for a plain one.</summary>
    public LinearNames? Gate { get; init; }

    /// <summary>First linear layer of the MLP.</summary>
    public required LinearNames Fc1 { get; init; }

    /// <summary>Second linear layer of the MLP.</summary>
    public required LinearNames Fc2 { get; init; }

    /// <summary>Layer scale of the MLP [width]; null where absent.</summary>
    public string? LayerScale2 { get; init; }
}

/// <summary>Tensors of a merger: norm, linear, GELU, linear.</summary>
/// <param name="Norm">Norm, over merge * merge * width.</param>
/// <param name="First">[merge * merge * width, merge * merge * width].</param>
/// <param name="Second">[hidden, merge * merge * width].</param>
public sealed record MergerNames(NormNames Norm, LinearNames First, LinearNames Second);

/// <summary>Tensors of a vision tower and its projector.</summary>
public sealed record VisionNames
{
    /// <summary>Class token [1, 1, width]; null where absent.</summary>
    public string? ClassEmbedding { get; init; }

    /// <summary>Position table ([1, 1 + n, width] InternViT, [n, width] SigLIP and Qwen3-VL); null where positions are rotary only.</summary>
    public string? PositionEmbedding { get; init; }

    /// <summary>Patch projection: [width, 3, p, p], Qwen [width, 3, 2, p, p].</summary>
    public required LinearNames PatchEmbedding { get; init; }

    /// <summary>Blocks that run.</summary>
    public required IReadOnlyList<VisionBlockNames> Blocks { get; init; }

    /// <summary>Norm in front of the projector: over 4 x width (InternVL mlp1.0), over width per patch (Qwen); null for LLaVA.</summary>
    public NormNames? ProjectorNorm { get; init; }

    /// <summary>First projector layer.</summary>
    public required LinearNames Projector1 { get; init; }

    /// <summary>Second projector layer.</summary>
    public required LinearNames Projector2 { get; init; }

    /// <summary>Mergers of the DeepStack, in the order of <see cref="VisionConfig.DeepStackBlocks"/>.</summary>
    public IReadOnlyList<MergerNames> DeepStack { get; init; } = [];

    /// <summary>LLaVA's <c>image_newline</c> [hidden]; null where absent.</summary>
    public string? ImageNewline { get; init; }
}
