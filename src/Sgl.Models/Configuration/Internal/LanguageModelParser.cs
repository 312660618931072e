namespace Sgl.Models.Internal;

/// <summary>Reads the decoder's part of a <c>config.json</c>: flat (Qwen2-VL, LLaVA) or an object of its own (<c>llm_config</c>, <c>text_config</c>).</summary>
internal static class LanguageModelParser
{
    private const int MostLayers = 4096;
    private const int LargestVocabulary = 1 << 24;

    /// <summary>Defaults of a configuration class.</summary>
    public sealed record Sizes(int Hidden, int Heads, int KvHeads, int Layers, int Intermediate, int Vocabulary);

    /// <param name="text">The object.</param>
    /// <param name="architecture">Decided by the family.</param>
    /// <param name="tiedHead">Decided by the family.</param>
    /// <param name="multimodalRope">Whether <c>mrope_section</c> is required.</param>
    /// <param name="sizes">Sizes of the class, where the file may leave out what equals them.</param>
    public static LanguageModelConfig Parse(ConfigReader text, DecoderArchitecture architecture, bool tiedHead, bool multimodalRope = false, Sizes? sizes = null)
    {
        text.OneOf("hidden_act", [("silu", true)], "silu");
        Refuse(text, architecture);
        var before = text.Problems.Count;
        var hidden = text.PositiveInt("hidden_size", sizes?.Hidden);
        var heads = text.PositiveInt("num_attention_heads", sizes?.Heads);
        var kvHeads = text.PositiveInt("num_key_value_heads", architecture == DecoderArchitecture.Qwen2 ? sizes?.KvHeads : heads);
        var headDim = text.Problems.Count == before ? HeadDim(text, hidden, heads, kvHeads) : 2;

        // Files leave out what equals the class default: these are the defaults of the classes that the checkpoints name.
        var (maxPositions, eps, theta) = architecture switch
        {
            DecoderArchitecture.Qwen2 when multimodalRope => (32768, 1e-5, 1_000_000.0),
            DecoderArchitecture.Qwen2 => (32768, 1e-6, 10_000.0),
            DecoderArchitecture.Phi3 => (4096, 1e-5, 10_000.0),
            _ => (2048, 1e-6, 10_000.0),
        };
        var positions = text.PositiveInt("max_position_embeddings", maxPositions);
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
            RmsNormEps = (float)text.PositiveNumber("rms_norm_eps", eps),
            Rope = RopeParser.Parse(text, architecture, multimodalRope, headDim, positions, theta),
            QkvBias = architecture switch
            {
                DecoderArchitecture.Qwen2 => true,
                DecoderArchitecture.InternLm2 => text.Bool("bias", true),
                DecoderArchitecture.Llama => text.Bool("attention_bias", false),
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

        // Without this switch sliding_window has no effect; Phi-3's own has none in the reference's eager attention.
        if (architecture == DecoderArchitecture.Qwen2 && text.Bool("use_sliding_window", false))
        {
            text.Problem("use_sliding_window", "false");
        }

        if (text.Path.Length > 0)
        {
            QuantizationCheck.Refuse(text); // the top level is checked for all families
        }
    }

    private static int HeadDim(ConfigReader text, int hidden, int heads, int kvHeads)
    {
        if (heads % kvHeads != 0)
        {
            text.Problem("num_attention_heads", $"a multiple of num_key_value_heads ({kvHeads})");
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

        if (text.PositiveInt("head_dim", headDim) != headDim)
        {
            text.Problem("head_dim", $"hidden_size / num_attention_heads = {headDim}");
        }

        return headDim;
    }
}
