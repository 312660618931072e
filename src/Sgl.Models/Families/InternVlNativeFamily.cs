using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// InternVL in the layout of the transformers library, with the published and the re-saved tensor names: the model of
/// <see cref="InternVlChatFamily"/> with a Qwen2, Qwen3 or Llama decoder. Images are always tiled: the library's processor overrules
/// <c>crop_to_patches</c>, which the published files set to false.
/// </summary>
public sealed class InternVlNativeFamily : IVlmFamily
{
    /// <summary>The norms over q and k have the class's own epsilon, whatever <c>layer_norm_eps</c> says.</summary>
    private const float QkNormEps = 1e-6f;

    private static readonly (string, TextClass)[] Decoders =
    [
        ("qwen2", TextClass.NestedQwen2),
        ("qwen3", TextClass.NestedQwen3),
        ("llama", TextClass.NestedLlama),
    ];

    /// <inheritdoc/>
    public VlmFamily Kind => VlmFamily.InternVl;

    /// <inheritdoc/>
    public string Opens => "InternVL2.5, 3 and 3.5 (dense) in the layout of transformers (*-hf), published or saved again";

    /// <inheritdoc/>
    public IReadOnlyList<string> ModelTypes { get; } = ["internvl"];

    /// <inheritdoc/>
    public string PlaceholderToken => "<IMG_CONTEXT>";

    /// <inheritdoc/>
    public VlmConfig ParseConfig(ConfigReader config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var before = config.Problems.Count;
        var vision = config.RequiredObject("vision_config");
        var text = config.RequiredObject("text_config");
        config.OneOf("projector_hidden_act", [("gelu", true)], "gelu");
        config.OneOf("vision_feature_select_strategy", [("default", true)], "default");
        if (config.Int("vision_feature_layer", -1, int.MinValue, int.MaxValue) != -1)
        {
            config.Problem("vision_feature_layer", "-1 (the last layer's output)");
        }

        InternVlParts.RefuseFlash(config);
        var tower = vision is null ? VisionParsing.NoTower(VisionArchitecture.InternVit) : Tower(vision, config);
        if (config.Problems.Count == before)
        {
            InternVlParts.CheckTower(config, vision!, tower);
        }

        var tokens = InternVlParts.TokensPerTile(tower);
        if (config.Problems.Count == before && config.PositiveInt("image_seq_length", tokens) != tokens)
        {
            config.Problem("image_seq_length", $"{tokens}, the visual tokens of a tile that vision_config and downsample_ratio give");
        }

        return new VlmConfig
        {
            Family = VlmFamily.InternVl,
            Language = text is null
                ? VisionParsing.NoDecoder
                : LanguageModelParser.Parse(text, text.OneOf("model_type", Decoders, "qwen2"), CommonKeys.TiedHead(config, text, classDefault: true)),
            Vision = tower,
            ImageTokenId = config.TokenId("image_token_id"),
            TileSize = tower.ImageSize,
            TokensPerTile = tokens,
            UseThumbnail = true,
            TorchDtype = CommonKeys.StoredType(config, text),
            EosTokenIds = CommonKeys.EosTokenIds(config, text),
        };
    }

    /// <inheritdoc/>
    public ModelNames Names(VlmConfig config, Func<string, bool> contains)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(contains);
        var (text, head) = TensorPrefix.Choose(
            contains,
            ("language_model.model.embed_tokens.weight", ("language_model.model.", "language_model.lm_head.weight")),
            ("model.language_model.embed_tokens.weight", ("model.language_model.", "lm_head.weight")));
        var vision = Prefixed("vision_tower.", "embeddings.cls_token");
        var projector = Prefixed("multi_modal_projector.", "linear_1.weight");
        return new ModelNames(DecoderNameMaps.Create(config.Language, text, head), VisionNames(config.Vision, vision, projector));

        string Prefixed(string published, string anchor) =>
            TensorPrefix.Choose(contains, (published + anchor, published), ($"model.{published}{anchor}", $"model.{published}"));
    }

    /// <inheritdoc/>
    public bool IsKnownUnused(VlmConfig config, string name) => KnownUnused.RotaryBuffer(name) || KnownUnused.TiedHead(config, name);

    /// <inheritdoc/>
    public string? WhyRefused(string name) => InternVlParts.WhyRefused(name);

    /// <inheritdoc/>
    public (IImagePreprocessor Preprocessor, string LayoutKey) CreatePreprocessor(VlmConfig config, ConfigReader? preprocessorConfig)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (preprocessorConfig is not null)
        {
            var size = preprocessorConfig.OptionalObject("size");
            foreach (var key in new[] { "height", "width" })
            {
                if (size is not null && size.PositiveInt(key, config.TileSize) != config.TileSize)
                {
                    size.Problem(key, $"{config.TileSize}, as in config.json's vision_config.image_size");
                }
            }

            var least = preprocessorConfig.PositiveInt("min_patches", config.MinTiles, InternVlParts.MostTiles);
            var most = preprocessorConfig.PositiveInt("max_patches", config.MaxTiles, InternVlParts.MostTiles);
            if (least > most)
            {
                preprocessorConfig.Problem("max_patches", $"at least min_patches ({least})");
            }

            config = config with { MinTiles = least, MaxTiles = most };
        }

        return InternVlParts.Preprocessor(config, preprocessorConfig);
    }

    /// <inheritdoc/>
    public IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems) =>
        TemplateCreation.Try(() => new InternVlNativePromptTemplate(tokenizer), problems);

    private static VisionConfig Tower(ConfigReader vision, ConfigReader top)
    {
        vision.OneOf("model_type", [("internvl_vision", true)], "internvl_vision");
        foreach (var (key, value) in new[] { ("use_absolute_position_embeddings", true), ("use_mask_token", false), ("use_mean_pooling", true) })
        {
            if (vision.Bool(key, value) != value)
            {
                vision.Problem(key, value ? "true" : "false");
            }
        }

        // Class defaults: those of InternViT-300M, whose files say all the same that attention_bias is true.
        return new VisionConfig
        {
            Architecture = VisionArchitecture.InternVit,
            Layers = vision.PositiveInt("num_hidden_layers", 24, VisionParsing.MostLayers),
            HiddenSize = vision.PositiveInt("hidden_size", 1024),
            Heads = vision.PositiveInt("num_attention_heads", 16),
            IntermediateSize = vision.PositiveInt("intermediate_size", 4096),
            ImageSize = vision.SquareSide("image_size", 448, 1 << 14),
            PatchSize = vision.SquareSide("patch_size", 14, 1 << 14),
            Channels = vision.PositiveInt("num_channels", 3),
            Norm = vision.OneOf("norm_type", VisionParsing.Norms, "layer_norm"),
            NormEps = (float)vision.PositiveNumber("layer_norm_eps", 1e-6),
            QkvBias = vision.Bool("attention_bias", false),
            QkNorm = vision.Bool("use_qk_norm", false),
            QkNormEps = QkNormEps,
            Activation = vision.OneOf("hidden_act", VisionParsing.Activations, "gelu"),
            MergeSize = InternVlParts.MergeSize(top),
        };
    }

    private static VisionNames VisionNames(VisionConfig config, string vision, string projector) => new()
    {
        ClassEmbedding = vision + "embeddings.cls_token",
        PositionEmbedding = vision + "embeddings.position_embeddings",
        PatchEmbedding = VisionParsing.Linear(vision + "embeddings.patch_embeddings.projection"),
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"{vision}encoder.layer.{i}.", config))],
        ProjectorNorm = VisionParsing.Norm(projector + "layer_norm"),
        Projector1 = VisionParsing.Linear(projector + "linear_1"),
        Projector2 = VisionParsing.Linear(projector + "linear_2"),
    };

    private static VisionBlockNames Block(string block, VisionConfig config)
    {
        var attention = block + "attention.";
        return new VisionBlockNames
        {
            Norm1 = VisionParsing.Norm(block + "layernorm_before", config.Norm),
            Qkv = new VisionQkvNames.Separate(
                VisionParsing.Linear(attention + "q_proj", config.QkvBias),
                VisionParsing.Linear(attention + "k_proj", config.QkvBias),
                VisionParsing.Linear(attention + "v_proj", config.QkvBias)),
            QueryNorm = config.QkNorm ? attention + "q_norm.weight" : null,
            KeyNorm = config.QkNorm ? attention + "k_norm.weight" : null,
            Output = VisionParsing.Linear(attention + "projection_layer"),
            LayerScale1 = block + "lambda_1",
            Norm2 = VisionParsing.Norm(block + "layernorm_after", config.Norm),
            Fc1 = VisionParsing.Linear(block + "mlp.fc1"),
            Fc2 = VisionParsing.Linear(block + "mlp.fc2"),
            LayerScale2 = block + "lambda_2",
        };
    }
}
