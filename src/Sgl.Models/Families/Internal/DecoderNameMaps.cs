namespace Sgl.Models.Internal;

/// <summary>Tensor names of the decoder architectures.</summary>
internal static class DecoderNameMaps
{
    /// <param name="config">Decoder configuration.</param>
    /// <param name="prefix">In front of <c>embed_tokens</c>, <c>layers</c> and <c>norm</c>, with its dot.</param>
    /// <param name="head">Name of the LM head's weight; ignored when tied.</param>
    public static DecoderNames Create(LanguageModelConfig config, string prefix, string head)
    {
        var internLm2 = config.Architecture == DecoderArchitecture.InternLm2;
        var embedding = prefix + (internLm2 ? "tok_embeddings.weight" : "embed_tokens.weight");
        return new DecoderNames
        {
            Embedding = embedding,
            Layers = [.. Enumerable.Range(0, config.Layers).Select(i => internLm2 ? InternLm2($"{prefix}layers.{i}.", config) : Common($"{prefix}layers.{i}.", config))],
            FinalNorm = prefix + "norm.weight",
            Head = config.TiedHead ? embedding : head,
        };
    }

    private static DecoderLayerNames InternLm2(string layer, LanguageModelConfig config) => new()
    {
        AttentionNorm = layer + "attention_norm.weight",
        Qkv = new QkvNames.Grouped(Linear(layer + "attention.wqkv", config.QkvBias)),
        Output = Linear(layer + "attention.wo", config.QkvBias),
        MlpNorm = layer + "ffn_norm.weight",
        GateUp = new GateUpNames.Separate(Linear(layer + "feed_forward.w1"), Linear(layer + "feed_forward.w3")),
        Down = Linear(layer + "feed_forward.w2"),
    };

    private static DecoderLayerNames Common(string layer, LanguageModelConfig config)
    {
        var attention = layer + "self_attn.";
        var phi3 = config.Architecture == DecoderArchitecture.Phi3;
        var headNorm = config.Architecture == DecoderArchitecture.Qwen3;
        return new DecoderLayerNames
        {
            AttentionNorm = layer + "input_layernorm.weight",
            Qkv = phi3
                ? new QkvNames.Concatenated(Linear(attention + "qkv_proj"))
                : new QkvNames.Separate(Linear(attention + "q_proj", config.QkvBias), Linear(attention + "k_proj", config.QkvBias), Linear(attention + "v_proj", config.QkvBias)),

            QueryNorm = headNorm ? attention + "q_norm.weight" : null,
            KeyNorm = headNorm ? attention + "k_norm.weight" : null,

            // attention_bias of Llama and Qwen3 covers all four projections, Qwen2's bias only three.
            Output = Linear(attention + "o_proj", config.QkvBias && config.Architecture != DecoderArchitecture.Qwen2),
            MlpNorm = layer + "post_attention_layernorm.weight",
            GateUp = phi3
                ? new GateUpNames.Concatenated(Linear(layer + "mlp.gate_up_proj"))
                : new GateUpNames.Separate(Linear(layer + "mlp.gate_proj"), Linear(layer + "mlp.up_proj")),
            Down = Linear(layer + "mlp.down_proj"),
        };
    }

    private static LinearNames Linear(string name, bool bias = false) => new(name + ".weight", bias ? name + ".bias" : null);
}
