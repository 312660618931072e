using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// LLaVA-OneVision: SigLIP on the whole image and on tiles of a padded canvas, packed with newline
/// tokens, Qwen2. Reads transformers' files, old and new names, and the authors' original ones.
/// </summary>
public sealed class LlavaOneVisionFamily : IVlmFamily
{
    private const string OriginalTower = "siglip-so400m-patch14-384";

    /// <inheritdoc/>
    public VlmFamily Kind => VlmFamily.LlavaOneVision;

    /// <inheritdoc/>
    public string Opens => "LLaVA-OneVision, the authors' files and those of transformers, published or saved again";

    /// <inheritdoc/>
    public IReadOnlyList<string> ModelTypes { get; } = ["llava_onevision", "llava_qwen"];

    /// <inheritdoc/>
    public bool Recognises(string modelType, IReadOnlyList<string> architectures) =>
        ModelTypes.Contains(modelType) || (modelType == "llava" && architectures.Contains("LlavaQwenForCausalLM"));

    /// <inheritdoc/>
    public VlmConfig ParseConfig(ConfigReader config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return config.OptionalString("model_type") == "llava_onevision" ? Transformers(config) : Original(config);
    }

    /// <inheritdoc/>
    public ModelNames Names(VlmConfig config, Func<string, bool> contains)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(contains);
        var (text, head) = TensorPrefix.Choose(
            contains,
            ("language_model.model.embed_tokens.weight", ("language_model.model.", "language_model.lm_head.weight")),
            ("model.language_model.embed_tokens.weight", ("model.language_model.", "lm_head.weight")),
            ("model.embed_tokens.weight", ("model.", "lm_head.weight")));
        return new ModelNames(DecoderNameMaps.Create(config.Language, text, head), VisionNames(config.Vision, contains));
    }

    /// <inheritdoc/>
    public bool IsKnownUnused(VlmConfig config, string name)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(name);
        return KnownUnused.RotaryBuffer(name) || KnownUnused.TiedHead(config, name) || KnownUnused.SigLip(config.Vision, name);
    }

    /// <inheritdoc/>
    public (IImagePreprocessor Preprocessor, string LayoutKey) CreatePreprocessor(VlmConfig config, ConfigReader? preprocessorConfig)
    {
        ArgumentNullException.ThrowIfNull(config);
        var defaults = new LlavaOneVisionImageOptions();
        var (mean, std) = ImageNormalization.Read(preprocessorConfig, defaults.Mean, defaults.Std);
        CheckPreprocessor(config, preprocessorConfig);
        var options = new LlavaOneVisionImageOptions
        {
            ImageSize = config.TileSize,
            PatchSize = config.Vision.PatchSize,
            Pinpoints = config.GridPinpoints,
            MaxTilesAnyres = config.AnyresMaxTiles,
            Mean = mean,
            Std = std,
        };

        // Sorted: the order of pinpoints decides only ties, and a smaller canvas without any wins before two of them can tie.
        var pinpoints = string.Join(',', config.GridPinpoints.Order().Select(p => $"{p.Height}x{p.Width}"));
        return (
            new LlavaOneVisionPreprocessor(options),
            $"llavaov;view={options.ImageSize};patch={options.PatchSize};anyres={options.MaxTilesAnyres};pinpoints={pinpoints}");
    }

    /// <inheritdoc/>
    public string PlaceholderToken => "<image>";

    /// <inheritdoc/>
    public IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return TemplateCreation.Try(() => new LlavaOneVisionPromptTemplate(tokenizer, LlavaOneVisionPromptTemplate.DetectFormat(problems.Folder)), problems);
    }

    private static VlmConfig Transformers(ConfigReader config)
    {
        var vision = config.RequiredObject("vision_config");
        var text = config.RequiredObject("text_config");
        config.OneOf("projector_hidden_act", [("gelu", true)], "gelu");
        config.OneOf("vision_feature_select_strategy", [("full", true)], "full");
        var tower = vision is null ? VisionParsing.NoTower(VisionArchitecture.SigLip) : SigLip(vision, config);
        var token = config.Has("image_token_index") ? "image_token_index" : "image_token_id";
        var language = VisionParsing.NoDecoder;
        if (text is not null)
        {
            text.OneOf("model_type", [("qwen2", true)], "qwen2");
            language = LanguageModelParser.Parse(text, TextClass.NestedQwen2, CommonKeys.TiedHead(config, text, classDefault: true));
        }

        return Config(config, tower, language, [.. Pinpoints(config, tower.ImageSize).Select(p => (p.First, p.Second))], AnyresLimit(config, "vision_aspect_ratio")) with
        {
            ImageTokenId = config.TokenId(token) ?? 151646,
            EosTokenIds = CommonKeys.EosTokenIds(config, text),
        };
    }

    private static VlmConfig Original(ConfigReader config)
    {
        config.OneOf("mm_projector_type", [("mlp2x_gelu", true)]);
        config.OneOf("mm_patch_merge_type", [("spatial_unpad", true)]);
        config.OneOf("mm_vision_select_feature", [("patch", true)], "patch");
        if (config.OptionalString("mm_vision_tower")?.Split('/')[^1] != OriginalTower)
        {
            config.Problem("mm_vision_tower", $"\"google/{OriginalTower}\"");
        }

        // config.json says nothing else of the tower. Its code drops the last of 27 layers and applies no norm behind the rest.
        var tower = new VisionConfig
        {
            Architecture = VisionArchitecture.SigLip,
            Layers = 26,
            HiddenSize = 1152,
            Heads = 16,
            IntermediateSize = 4304,
            ImageSize = 384,
            PatchSize = 14,
            Activation = ActivationKind.GeluTanh,
        };
        var language = LanguageModelParser.Parse(config, TextClass.Qwen2, CommonKeys.TiedHead(config, null, classDefault: false));

        // The original lists (width, height).
        return Config(config, tower, language, [.. Pinpoints(config, tower.ImageSize).Select(p => (p.Second, p.First))], AnyresLimit(config, "image_aspect_ratio")) with
        {
            ImageTokenId = config.Has("image_token_index") && config.Int("image_token_index", null, int.MinValue, int.MaxValue) is >= 0 and var id ? id : null,
            EosTokenIds = config.TokenIds("eos_token_id"),
        };
    }

    private static VlmConfig Config(ConfigReader config, VisionConfig tower, LanguageModelConfig language, IReadOnlyList<(int, int)> pinpoints, int anyres)
    {
        var side = tower.ImageSize / tower.PatchSize;
        return new VlmConfig
        {
            Family = VlmFamily.LlavaOneVision,
            Language = language,
            Vision = tower,
            TileSize = tower.ImageSize,
            TokensPerTile = side * side,
            GridPinpoints = pinpoints,
            AnyresMaxTiles = anyres,
            TorchDtype = CommonKeys.StoredType(config),
        };
    }

    private static VisionConfig SigLip(ConfigReader vision, ConfigReader top)
    {
        var before = vision.Problems.Count;
        vision.OneOf("model_type", [("siglip_vision_model", true)], "siglip_vision_model");
        var stored = vision.PositiveInt("num_hidden_layers", 12, VisionParsing.MostLayers);
        var layer = top.Int("vision_feature_layer", -1, int.MinValue, int.MaxValue);
        if (layer >= 0 || stored + 1L + layer < 1)
        {
            top.Problem("vision_feature_layer", $"from -{stored} to -1");
            layer = -1;
        }

        // Class defaults, for files that leave out what equals them.
        var config = new VisionConfig
        {
            Architecture = VisionArchitecture.SigLip,
            Layers = stored + 1 + layer,
            HiddenSize = vision.PositiveInt("hidden_size", 768),
            Heads = vision.PositiveInt("num_attention_heads", 12),
            IntermediateSize = vision.PositiveInt("intermediate_size", 3072),
            ImageSize = vision.PositiveInt("image_size", 224, 1 << 14),
            PatchSize = vision.PositiveInt("patch_size", 16, 1 << 14),
            Channels = vision.PositiveInt("num_channels", 3),
            NormEps = (float)vision.PositiveNumber("layer_norm_eps", 1e-6),
            Activation = vision.OneOf("hidden_act", VisionParsing.Activations, "gelu_pytorch_tanh"),
        };
        if (vision.Problems.Count == before)
        {
            VisionParsing.CheckHeads(vision, "hidden_size", config.HiddenSize, "num_attention_heads", config.Heads);
            VisionParsing.CheckChannels(vision, "num_channels", config.Channels);
            if (config.PatchSize > config.ImageSize)
            {
                vision.Problem("patch_size", $"at most image_size ({config.ImageSize})");
            }
        }

        return config;
    }

    private static IReadOnlyList<(int First, int Second)> Pinpoints(ConfigReader config, int imageSize)
    {
        const string Key = "image_grid_pinpoints";
        var pairs = PinpointRange.TryParse(config.TextOrNull(Key), imageSize) ?? config.Pairs(Key);
        foreach (var (first, second) in pairs)
        {
            if (first % imageSize != 0 || second % imageSize != 0)
            {
                config.Problem(Key, $"multiples of image_size ({imageSize})", $"[{first}, {second}]");
                return [(imageSize, imageSize)];
            }
        }

        return pairs.Count == 0 ? [(imageSize, imageSize)] : pairs;
    }

    private static int AnyresLimit(ConfigReader config, string key)
    {
        const string Prefix = "anyres_max_";
        var value = config.OptionalString(key, key == "vision_aspect_ratio" ? "anyres_max_9" : null);
        if (value is not null && value.StartsWith(Prefix, StringComparison.Ordinal) && int.TryParse(value.AsSpan(Prefix.Length), out var limit) && limit is >= 1 and <= 1024)
        {
            return limit;
        }

        config.Problem(key, "anyres_max_N with N from 1 to 1024");
        return 9;
    }

    private static void CheckPreprocessor(VlmConfig config, ConfigReader? file)
    {
        if (file is null)
        {
            return;
        }

        if (file.OptionalObject("size") is { } size)
        {
            foreach (var key in new[] { "height", "width" })
            {
                if (size.Has(key) && size.PositiveInt(key) != config.TileSize)
                {
                    size.Problem(key, $"{config.TileSize}, as in config.json's vision_config.image_size");
                }
            }
        }

        if (file.Has("image_grid_pinpoints") && !file.Pairs("image_grid_pinpoints").Order().SequenceEqual(config.GridPinpoints.Order()))
        {
            file.Problem("image_grid_pinpoints", "the pinpoints of config.json", "others");
        }
    }

    private static VisionNames VisionNames(VisionConfig config, Func<string, bool> contains)
    {
        const string Anchor = "embeddings.patch_embedding.weight";
        string[] prefixes =
        [
            "vision_tower.vision_model.", "model.vision_tower.vision_model.", "model.vision_tower.vision_tower.vision_model.",

            // Without the level that newer versions of SigLIP's class have dropped.
            "vision_tower.", "model.vision_tower.",
        ];
        var model = TensorPrefix.Choose(contains, [.. prefixes.Select(p => (p + Anchor, p))]);
        var (first, second) = TensorPrefix.Choose(
            contains,
            ("multi_modal_projector.linear_1.weight", ("multi_modal_projector.linear_1", "multi_modal_projector.linear_2")),
            ("model.multi_modal_projector.linear_1.weight", ("model.multi_modal_projector.linear_1", "model.multi_modal_projector.linear_2")),
            ("model.mm_projector.0.weight", ("model.mm_projector.0", "model.mm_projector.2")));
        return new VisionNames
        {
            PositionEmbedding = model + "embeddings.position_embedding.weight",
            PatchEmbedding = VisionParsing.Linear(model + "embeddings.patch_embedding"),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"{model}encoder.layers.{i}."))],
            Projector1 = VisionParsing.Linear(first),
            Projector2 = VisionParsing.Linear(second),
            ImageNewline = TensorPrefix.Choose(contains, ("image_newline", "image_newline"), ("model.image_newline", "model.image_newline")),
        };
    }

    private static VisionBlockNames Block(string block) => new()
    {
        Norm1 = VisionParsing.Norm(block + "layer_norm1"),
        Qkv = new VisionQkvNames.Separate(
            VisionParsing.Linear(block + "self_attn.q_proj"),
            VisionParsing.Linear(block + "self_attn.k_proj"),
            VisionParsing.Linear(block + "self_attn.v_proj")),
        Output = VisionParsing.Linear(block + "self_attn.out_proj"),
        Norm2 = VisionParsing.Norm(block + "layer_norm2"),
        Fc1 = VisionParsing.Linear(block + "mlp.fc1"),
        Fc2 = VisionParsing.Linear(block + "mlp.fc2"),
    };
}
