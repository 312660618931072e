using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// InternVL2, 2.5, 3 and 3.5 in the authors' layout: InternViT in tiles of a dynamic
/// grid, pixel shuffle, a two-layer projector, and one of five decoders.
/// </summary>
public sealed class InternVlChatFamily : IVlmFamily
{
    private static readonly (string Name, TextClass Class)[] Decoders =
    [
        ("InternLM2ForCausalLM", TextClass.InternLm2),
        ("Qwen2ForCausalLM", TextClass.Qwen2),
        ("Qwen3ForCausalLM", TextClass.Qwen3),
        ("LlamaForCausalLM", TextClass.Llama),
        ("Phi3ForCausalLM", TextClass.Phi3),
    ];

    /// <inheritdoc/>
    public VlmFamily Kind => VlmFamily.InternVl;

    /// <inheritdoc/>
    public string Opens => "InternVL2, 2.5, 3 and 3.5 (dense) in the authors' layout";

    /// <inheritdoc/>
    public IReadOnlyList<string> ModelTypes { get; } = ["internvl_chat"];

    /// <inheritdoc/>
    public VlmConfig ParseConfig(ConfigReader config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var before = config.Problems.Count;
        var vision = config.RequiredObject("vision_config");
        var text = config.RequiredObject("llm_config");
        InternVlParts.RefuseFlash(config);
        var tower = vision is null ? VisionParsing.NoTower(VisionArchitecture.InternVit) : Tower(vision, config);
        var tileSize = config.PositiveInt("force_image_size", tower.ImageSize);
        if (config.Problems.Count == before)
        {
            CheckSizes(config, vision!, tower, tileSize);
        }

        var smallest = config.PositiveInt("min_dynamic_patch", 1, InternVlParts.MostTiles);
        var largest = config.PositiveInt("max_dynamic_patch", 6, InternVlParts.MostTiles);
        if (smallest > largest)
        {
            config.Problem("max_dynamic_patch", $"at least min_dynamic_patch ({smallest})");
        }

        return new VlmConfig
        {
            Family = VlmFamily.InternVl,
            Language = text is null ? VisionParsing.NoDecoder : Decoder(config, text),
            Vision = tower,
            TileSize = tileSize,
            TokensPerTile = InternVlParts.TokensPerTile(tower),
            MinTiles = smallest,
            MaxTiles = largest,
            UseThumbnail = config.Bool("use_thumbnail", false),
            DynamicImageSize = config.Bool("dynamic_image_size", false),
            Template = config.Has("template") ? config.OneOf("template", [.. InternVlPromptTemplate.TemplateNames.Select(n => (n, n))]) : null,
            SystemMessage = config.OptionalString("system_message"),
            TorchDtype = CommonKeys.StoredType(config, text),
            EosTokenIds = text?.TokenIds("eos_token_id") ?? [],
        };
    }

    /// <inheritdoc/>
    public ModelNames Names(VlmConfig config, Func<string, bool> contains)
    {
        ArgumentNullException.ThrowIfNull(config);
        var head = config.Language.Architecture == DecoderArchitecture.InternLm2 ? "language_model.output.weight" : "language_model.lm_head.weight";
        return new ModelNames(DecoderNameMaps.Create(config.Language, "language_model.model.", head), VisionNames(config.Vision));
    }

    /// <inheritdoc/>
    public bool IsKnownUnused(VlmConfig config, string name) => KnownUnused.RotaryBuffer(name) || KnownUnused.TiedHead(config, name);

    /// <inheritdoc/>
    public string? WhyRefused(string name) => InternVlParts.WhyRefused(name);

    /// <inheritdoc/>
    public (IImagePreprocessor Preprocessor, string LayoutKey) CreatePreprocessor(VlmConfig config, ConfigReader? preprocessorConfig)
    {
        ArgumentNullException.ThrowIfNull(config);
        return InternVlParts.Preprocessor(config, preprocessorConfig);
    }

    /// <inheritdoc/>
    public string PlaceholderToken => "<IMG_CONTEXT>";

    /// <inheritdoc/>
    public IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(problems);
        if (config.Template is null)
        {
            problems.Add("config.json", "template", $"one of {string.Join(", ", InternVlPromptTemplate.TemplateNames.Select(n => $"\"{n}\""))}", "nothing");
            return null;
        }

        return TemplateCreation.Try(() => new InternVlPromptTemplate(tokenizer, config.Template, config.SystemMessage), problems);
    }

    /// <inheritdoc/>
    /// <remarks>The model's own chat() stops at the template's separator only, whatever the files list.</remarks>
    public IReadOnlyList<int> StopTokenIds(VlmConfig config, IReadOnlyList<int> generation, IPromptTemplate? template)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(generation);
        return template?.StopTokenIds ?? (generation.Count > 0 ? generation : config.EosTokenIds);
    }

    private static LanguageModelConfig Decoder(ConfigReader config, ConfigReader text)
    {
        var kind = Class(text);

        // The model class of the generations before Qwen3 unties the head whatever the file says.
        return LanguageModelParser.Parse(text, kind, kind.Architecture == DecoderArchitecture.Qwen3 && CommonKeys.TiedHead(config, text, classDefault: false));
    }

    private static TextClass Class(ConfigReader text)
    {
        const string Key = "architectures";
        var names = text.Strings(Key);
        foreach (var (name, kind) in Decoders)
        {
            if (names.Count > 0 && names[0] == name)
            {
                // The hub's files name the decoder twice; a folder that disagrees with itself was edited by mistake.
                var expected = kind.Architecture.ToString().ToLowerInvariant();
                if (text.OptionalString("model_type") is { } type && type != expected)
                {
                    text.Problem("model_type", $"\"{expected}\", as {Key} says {name}", $"\"{type}\"");
                }

                return kind;
            }
        }

        text.Problem(Key, $"a list that begins with one of {string.Join(", ", Decoders.Select(d => $"\"{d.Name}\""))}", names.Count == 0 ? "nothing" : $"\"{names[0]}\"", UnsupportedModels.Hint(names.Count == 0 ? null : names[0]));
        return TextClass.Llama;
    }

    private static VisionConfig Tower(ConfigReader vision, ConfigReader top)
    {
        if (top.Int("select_layer", -1, int.MinValue, int.MaxValue) != -1)
        {
            top.Problem("select_layer", "-1 (the last layer's output)");
        }

        if (vision.Bool("use_moe", false))
        {
            vision.Problem("use_moe", "false");
        }

        var eps = (float)vision.PositiveNumber("layer_norm_eps", 1e-6);
        return new VisionConfig
        {
            Architecture = VisionArchitecture.InternVit,
            Layers = vision.PositiveInt("num_hidden_layers", largest: VisionParsing.MostLayers),
            HiddenSize = vision.PositiveInt("hidden_size"),
            Heads = vision.PositiveInt("num_attention_heads"),
            IntermediateSize = vision.PositiveInt("intermediate_size"),
            ImageSize = vision.PositiveInt("image_size", largest: 1 << 14),
            PatchSize = vision.PositiveInt("patch_size", largest: 1 << 14),
            Channels = vision.PositiveInt("num_channels", 3),
            Norm = vision.OneOf("norm_type", VisionParsing.Norms, "rms_norm"),
            NormEps = eps,
            QkNormEps = eps,
            QkvBias = vision.Bool("qkv_bias", false),
            QkNorm = vision.Bool("qk_normalization", true),
            Activation = vision.OneOf("hidden_act", VisionParsing.Activations, "gelu"),
            MergeSize = InternVlParts.MergeSize(top),

            // The class default when the key is absent is the older order.
            TransposedShuffle = top.OneOf("ps_version", [("v2", false), ("v1", true)], "v1"),
        };
    }

    private static void CheckSizes(ConfigReader config, ConfigReader vision, VisionConfig tower, int tileSize)
    {
        var before = config.Problems.Count;
        InternVlParts.CheckTower(config, vision, tower);
        if (config.Problems.Count == before && tower.ImageSize != tileSize)
        {
            config.Problem("force_image_size", $"vision_config.image_size ({tower.ImageSize}), the size that the position table was made for");
        }
    }

    private static VisionNames VisionNames(VisionConfig config)
    {
        const string Embeddings = "vision_model.embeddings.";
        return new VisionNames
        {
            ClassEmbedding = Embeddings + "class_embedding",
            PositionEmbedding = Embeddings + "position_embedding",
            PatchEmbedding = VisionParsing.Linear(Embeddings + "patch_embedding"),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"vision_model.encoder.layers.{i}.", config))],
            ProjectorNorm = VisionParsing.Norm("mlp1.0"),
            Projector1 = VisionParsing.Linear("mlp1.1"),
            Projector2 = VisionParsing.Linear("mlp1.3"),
        };
    }

    private static VisionBlockNames Block(string block, VisionConfig config) => new()
    {
        Norm1 = VisionParsing.Norm(block + "norm1", config.Norm),
        Qkv = new VisionQkvNames.Packed(VisionParsing.Linear(block + "attn.qkv", config.QkvBias)),
        QueryNorm = config.QkNorm ? block + "attn.q_norm.weight" : null,
        KeyNorm = config.QkNorm ? block + "attn.k_norm.weight" : null,
        Output = VisionParsing.Linear(block + "attn.proj"),
        LayerScale1 = block + "ls1",
        Norm2 = VisionParsing.Norm(block + "norm2", config.Norm),
        Fc1 = VisionParsing.Linear(block + "mlp.fc1"),
        Fc2 = VisionParsing.Linear(block + "mlp.fc2"),
        LayerScale2 = block + "ls2",
    };
}
