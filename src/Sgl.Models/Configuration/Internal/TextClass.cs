namespace Sgl.Models.Internal;

/// <summary>
/// A decoder's configuration class in the transformers library: what it takes for a key that a file leaves out. Files written by
/// <c>save_pretrained</c> leave out what equals the class's value.
/// </summary>
/// <param name="Architecture">Weight layout of the class.</param>
internal sealed record TextClass(DecoderArchitecture Architecture)
{
    /// <summary>Sizes of the class; null makes them required: a file of its own (not a nested object) gives them all.</summary>
    public TextSizes? Sizes { get; init; }

    /// <summary><c>head_dim</c> of a class that has a number for it; else it is hidden size / heads.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Whether heads * <c>head_dim</c> may differ from the hidden size.</summary>
    public bool OwnHeadDim { get; init; }

    /// <summary>Whether <c>num_key_value_heads</c> must be given where <see cref="Sizes"/> does not; else it is the number of heads.</summary>
    public bool KvHeadsRequired { get; init; }

    /// <summary>Whether positions have three axes (<c>mrope_section</c>).</summary>
    public bool Multimodal { get; init; }

    /// <summary><c>mrope_interleaved</c>.</summary>
    public bool Interleaved { get; init; }

    /// <summary><c>mrope_section</c>; null makes it required.</summary>
    public IReadOnlyList<int>? Sections { get; init; }

    /// <summary><c>max_position_embeddings</c>.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary><c>rms_norm_eps</c>.</summary>
    public double RmsNormEps { get; init; } = 1e-6;

    /// <summary><c>rope_theta</c>.</summary>
    public double Theta { get; init; } = 10_000;

    public static TextClass InternLm2 { get; } = new(DecoderArchitecture.InternLm2);

    public static TextClass Llama { get; } = new(DecoderArchitecture.Llama) { OwnHeadDim = true };

    public static TextClass Phi3 { get; } = new(DecoderArchitecture.Phi3) { MaxPositions = 4096, RmsNormEps = 1e-5 };

    public static TextClass Qwen2 { get; } = new(DecoderArchitecture.Qwen2) { KvHeadsRequired = true, OwnHeadDim = true, MaxPositions = 32768 };

    public static TextClass Qwen3 { get; } = new(DecoderArchitecture.Qwen3) { KvHeadsRequired = true, OwnHeadDim = true, HeadDim = 128, MaxPositions = 32768 };

    public static TextClass Qwen2Vl { get; } = new(DecoderArchitecture.Qwen2)
    {
        KvHeadsRequired = true,
        Multimodal = true,
        MaxPositions = 32768,
        RmsNormEps = 1e-5,
        Theta = 1_000_000,
    };

    public static TextClass NestedQwen3Vl { get; } = Qwen3 with
    {
        Sizes = new(4096, 32, 32, 32, 22016, 151936),
        Multimodal = true,
        Interleaved = true,
        Sections = [24, 20, 20],
        MaxPositions = 128_000,
        Theta = 5_000_000,
    };

    public static TextClass NestedLlama { get; } = Llama with { Sizes = new(4096, 32, null, 32, 11008, 32000) };

    public static TextClass NestedQwen2 { get; } = Qwen2 with { Sizes = new(4096, 32, 32, 32, 22016, 151936) };

    public static TextClass NestedQwen3 { get; } = Qwen3 with { Sizes = new(4096, 32, 32, 32, 22016, 151936) };

    /// <summary>The class's sizes are those of the 72B.</summary>
    public static TextClass NestedQwen2Vl { get; } = Qwen2Vl with { Sizes = new(8192, 64, 8, 80, 29568, 152064) };
}

/// <summary>Sizes that a configuration class takes for keys that a file leaves out.</summary>
/// <param name="Hidden"><c>hidden_size</c>.</param>
/// <param name="Heads"><c>num_attention_heads</c>.</param>
/// <param name="KvHeads"><c>num_key_value_heads</c>; null: as many as heads.</param>
/// <param name="Layers"><c>num_hidden_layers</c>.</param>
/// <param name="Intermediate"><c>intermediate_size</c>.</param>
/// <param name="Vocabulary"><c>vocab_size</c>.</param>
internal sealed record TextSizes(int Hidden, int Heads, int? KvHeads, int Layers, int Intermediate, int Vocabulary);
