namespace Sgl.Models;

/// <summary>A linear layer's tensors: weight [out, in] and, where the checkpoint has one, bias [out].</summary>
/// <param name="Weight">Tensor name.</param>
/// <param name="Bias">Tensor name or null.</param>
public sealed record LinearNames(string Weight, string? Bias = null);

/// <summary>How a decoder layer stores its query, key and value projections.</summary>
public abstract record QkvNames
{
    /// <summary>Three matrices (Llama, Qwen2).</summary>
    /// <param name="Query">[heads * d, hidden].</param>
    /// <param name="Key">[kv * d, hidden].</param>
    /// <param name="Value">[kv * d, hidden].</param>
    public sealed record Separate(LinearNames Query, LinearNames Key, LinearNames Value) : QkvNames;

    /// <summary>One matrix, rows Q | K | V (Phi-3).</summary>
    /// <param name="Qkv">[(heads + 2 kv) * d, hidden].</param>
    public sealed record Concatenated(LinearNames Qkv) : QkvNames;

    /// <summary>One matrix viewed as [kv, heads/kv + 2, d, hidden]: per group its queries, its key, its value (InternLM2).</summary>
    /// <param name="Qkv">[(heads + 2 kv) * d, hidden].</param>
    public sealed record Grouped(LinearNames Qkv) : QkvNames;
}

/// <summary>How a decoder layer stores the gate and up projections of its SwiGLU.</summary>
public abstract record GateUpNames
{
    /// <summary>Two matrices [intermediate, hidden].</summary>
    /// <param name="Gate">Gate.</param>
    /// <param name="Up">Up.</param>
    public sealed record Separate(LinearNames Gate, LinearNames Up) : GateUpNames;

    /// <summary>One matrix [2 * intermediate, hidden], first half gate.</summary>
    /// <param name="GateUp">Both.</param>
    public sealed record Concatenated(LinearNames GateUp) : GateUpNames;
}

/// <summary>Tensors of one decoder layer.</summary>
public sealed record DecoderLayerNames
{
    /// <summary>RMSNorm before attention, [hidden].</summary>
    public required string AttentionNorm { get; init; }

    /// <summary>Projections.</summary>
    public required QkvNames Qkv { get; init; }

    /// <summary>RMSNorm over each head of q, in front of the rotary embedding, [d]; null where absent.</summary>
    public string? QueryNorm { get; init; }

    /// <summary>RMSNorm over each head of k, in front of the rotary embedding, [d]; null where absent.</summary>
    public string? KeyNorm { get; init; }

    /// <summary>Attention output [hidden, heads * d].</summary>
    public required LinearNames Output { get; init; }

    /// <summary>RMSNorm before the MLP, [hidden].</summary>
    public required string MlpNorm { get; init; }

    /// <summary>Gate and up.</summary>
    public required GateUpNames GateUp { get; init; }

    /// <summary>Down projection [hidden, intermediate].</summary>
    public required LinearNames Down { get; init; }
}

/// <summary>Tensors of a decoder.</summary>
public sealed record DecoderNames
{
    /// <summary>Embedding table [vocabulary, hidden].</summary>
    public required string Embedding { get; init; }

    /// <summary>Layers 0..L-1.</summary>
    public required IReadOnlyList<DecoderLayerNames> Layers { get; init; }

    /// <summary>Final RMSNorm [hidden].</summary>
    public required string FinalNorm { get; init; }

    /// <summary>LM head [vocabulary, hidden]; the embedding table's name when tied.</summary>
    public required string Head { get; init; }
}
