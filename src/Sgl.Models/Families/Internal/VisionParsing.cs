namespace Sgl.Models.Internal;

/// <summary>What the families' vision towers have in common.</summary>
internal static class VisionParsing
{
    public const int MostLayers = 4096;

    public static IReadOnlyList<(string Word, ActivationKind Meaning)> Activations { get; } =
    [
        ("gelu", ActivationKind.Gelu),
        ("gelu_pytorch_tanh", ActivationKind.GeluTanh),
        ("quick_gelu", ActivationKind.QuickGelu),
    ];

    /// <summary><c>norm_type</c>.</summary>
    public static IReadOnlyList<(string Word, NormKind Meaning)> Norms { get; } = [("layer_norm", NormKind.LayerNorm), ("rms_norm", NormKind.RmsNorm)];

    /// <summary>What stands where a required object was missing, so that reading can go on to the next problem.</summary>
    public static LanguageModelConfig NoDecoder { get; } = new()
    {
        Architecture = DecoderArchitecture.Llama,
        Layers = 1,
        HiddenSize = 2,
        Heads = 1,
        KvHeads = 1,
        HeadDim = 2,
        IntermediateSize = 1,
        VocabularySize = 1,
        RmsNormEps = 1e-6f,
        Rope = new RopeConfig.Default(10_000),
        MaxPositions = 1,
    };

    public static VisionConfig NoTower(VisionArchitecture architecture) => new()
    {
        Architecture = architecture,
        Layers = 1,
        HiddenSize = 1,
        Heads = 1,
        IntermediateSize = 1,
        ImageSize = 1,
        PatchSize = 1,
    };

    public static void CheckHeads(ConfigReader vision, string widthKey, int width, string headsKey, int heads)
    {
        if (width % heads != 0)
        {
            vision.Problem(widthKey, $"a multiple of {headsKey} ({heads})");
        }
    }

    public static void CheckChannels(ConfigReader vision, string key, int channels)
    {
        if (channels != 3)
        {
            vision.Problem(key, "3 (RGB)");
        }
    }

    public static LinearNames Linear(string name, bool bias = true) => new(name + ".weight", bias ? name + ".bias" : null);

    public static NormNames Norm(string name, NormKind kind = NormKind.LayerNorm) => new(name + ".weight", kind == NormKind.LayerNorm ? name + ".bias" : null);
}
