namespace Sgl.Models.Internal;

/// <summary>Reads the decoder's part of a <c>config.json</c>: flat (Qwen2-VL, LLaVA) or an object of its own (<c>llm_config</c>, <c>text_config</c>).</summary>
internal static class LanguageModelParser
{
    private const int MostLayers = 4096;
    private const int LargestVocabulary = 1 << 24;

    /// <param name="text">The object.</param>
    /// <param name="kind">The class that the object describes, decided by the family.</param>
    /// <param name="tiedHead">Decided by the family; what the files hold decides in the end.</param>
    public static LanguageModelConfig Parse(ConfigReader text, TextClass kind, bool tiedHead)
    {
        var (architecture, sizes) = (kind.Architecture, kind.Sizes);
        text.OneOf("hidden_act", [("silu", true)], "silu");
        Refuse(text, architecture);
        var before = text.Problems.Count;
        var hidden = text.PositiveInt("hidden_size", sizes?.Hidden);
        var heads = text.PositiveInt("num_attention_heads", sizes?.Heads);
        var kvHeads = text.PositiveInt("num_key_value_heads", sizes is null ? kind.KvHeadsRequired ? null : heads : sizes.KvHeads ?? heads);
        var headDim = text.Problems.Count == before ? HeadDim(text, kind, hidden, heads, kvHeads) : 2;
        var positions = text.PositiveInt("max_position_embeddings", kind.MaxPositions);
        return new LanguageModelConfig
        {
            Architecture = architecture,
            Layers = text.PositiveInt("num_hidden_layers", sizes?.Layers, largest: MostLayers),
            HiddenSize = hidden,
            Heads = heads,
            KvHeads = kvHeads,
            HeadDim = headDim,
            IntermediateSize = text.PositiveInt("intermediate_size", sizes?.Intermediate),
            VocabularySize = text.PositiveInt("vocab_size", sizes?.Vocabulary, largest: LargestVocabulary),
            RmsNormEps = (float)text.PositiveNumber("rms_norm_eps", kind.RmsNormEps),
            Rope = RopeParser.Parse(text, kind, headDim, positions),
            QkvBias = architecture switch
            {
                DecoderArchitecture.Qwen2 => true,
                DecoderArchitecture.InternLm2 => text.Bool("bias", true),
                DecoderArchitecture.Llama or DecoderArchitecture.Qwen3 => text.Bool("attention_bias", false),
                _ => false,
            },
            TiedHead = tiedHead,
            MaxPositions = positions,
        };
    }

    /// <summary>Switches that would change the computation and are not implemented.</summary>
    private static void Refuse(ConfigReader text, DecoderArchitecture architecture)
    {
        if (architecture == DecoderArchitecture.Llama && text.Bool("mlp_bias", false))
        {
            text.Problem("mlp_bias", "false");
        }

        if (architecture == DecoderArchitecture.Phi3 && text.PositiveNumber("partial_rotary_factor", 1) is not 1.0)
        {
            text.Problem("partial_rotary_factor", "1");
        }

        if (architecture is DecoderArchitecture.Qwen2 or DecoderArchitecture.Qwen3)
        {
            // Without this switch sliding_window has no effect; Phi-3's own has none in the reference's eager attention.
            if (text.Bool("use_sliding_window", false))
            {
                text.Problem("use_sliding_window", "false");
            }

            if (text.Strings("layer_types").FirstOrDefault(t => t != "full_attention") is { } other)
            {
                text.Problem("layer_types", "\"full_attention\" for every layer", $"\"{other}\"");
            }
        }
    }

    private static int HeadDim(ConfigReader text, TextClass kind, int hidden, int heads, int kvHeads)
    {
        if (heads % kvHeads != 0)
        {
            text.Problem("num_attention_heads", $"a multiple of num_key_value_heads ({kvHeads})");
        }

        const string Key = "head_dim";
        if (kind.OwnHeadDim && (text.Has(Key) || kind.HeadDim is not null))
        {
            var own = text.PositiveInt(Key, kind.HeadDim);
            if (own % 2 != 0)
            {
                text.Problem(Key, "an even number");
                return 2;
            }

            return own;
        }

        if (hidden % heads != 0)
        {
            text.Problem("hidden_size", $"a multiple of num_attention_heads ({heads})");
            return 2;
        }

        var headDim = hidden / heads;
        if (headDim % 2 != 0)
        {
            text.Problem("hidden_size", "an even number of values per attention head", $"{hidden} / {heads} = {headDim}");
        }

        if (text.PositiveInt(Key, headDim) != headDim)
        {
            text.Problem(Key, $"hidden_size / num_attention_heads = {headDim}");
        }

        return headDim;
    }
}
