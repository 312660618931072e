using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// Qwen2-VL (specs: families, sections 2.3, 3.5, 3.6): any resolution, 2-D rotary vision tower, merger, Qwen2 with M-RoPE. Reads the hub's
/// flat files and those that newer transformers saved again.
/// </summary>
public sealed class Qwen2VlFamily : IVlmFamily
{
    private const int ImagePad = 151655;
    private const long ClassMinPixels = 56 * 56;
    private const long ClassMaxPixels = 28 * 28 * 1280;

    /// <inheritdoc/>
    public VlmFamily Kind => VlmFamily.Qwen2Vl;

    /// <inheritdoc/>
    public IReadOnlyList<string> ModelTypes { get; } = ["qwen2_vl"];

    /// <inheritdoc/>
    public VlmConfig ParseConfig(ConfigReader config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var nested = config.OptionalObject("text_config");
        var text = nested ?? config;
        var before = config.Problems.Count;
        var language = LanguageModelParser.Parse(text, nested is null ? TextClass.Qwen2Vl : TextClass.NestedQwen2Vl, CommonKeys.TiedHead(config, nested, classDefault: nested is not null));
        var vision = config.RequiredObject("vision_config");
        var tower = vision is null ? VisionParsing.NoTower(VisionArchitecture.Qwen2Vl) : Tower(vision);
        if (vision is not null && config.Problems.Count == before && vision.PositiveInt("hidden_size", 3584) != language.HiddenSize)
        {
            vision.Problem("hidden_size", $"the decoder's hidden_size ({language.HiddenSize})");
        }

        return new VlmConfig
        {
            Family = VlmFamily.Qwen2Vl,
            Language = language,
            Vision = tower,
            ImageTokenId = config.TokenId("image_token_id") ?? ImagePad,
            TorchDtype = CommonKeys.StoredType(config, nested),
            EosTokenIds = CommonKeys.EosTokenIds(config, nested),
        };
    }

    /// <inheritdoc/>
    public ModelNames Names(VlmConfig config, Func<string, bool> contains)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(contains);
        var text = TensorPrefix.Choose(
            contains,
            ("model.embed_tokens.weight", "model."),
            ("model.language_model.embed_tokens.weight", "model.language_model."));
        var visual = TensorPrefix.Choose(
            contains,
            ("visual.patch_embed.proj.weight", "visual."),
            ("model.visual.patch_embed.proj.weight", "model.visual."));
        return new ModelNames(DecoderNameMaps.Create(config.Language, text, "lm_head.weight"), VisionNames(config.Vision, visual));
    }

    /// <inheritdoc/>
    public bool IsKnownUnused(VlmConfig config, string name)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(name);
        return KnownUnused.RotaryBuffer(name) || KnownUnused.TiedHead(config, name);
    }

    /// <inheritdoc/>
    public (IImagePreprocessor Preprocessor, string LayoutKey) CreatePreprocessor(VlmConfig config, ConfigReader? preprocessorConfig)
    {
        ArgumentNullException.ThrowIfNull(config);
        var defaults = new Qwen2VlImageOptions();
        var (mean, std) = ImageNormalization.Read(preprocessorConfig, defaults.Mean, defaults.Std);
        var (min, max) = preprocessorConfig is null ? (defaults.MinPixels, defaults.MaxPixels) : Pixels(preprocessorConfig);
        if (preprocessorConfig is not null)
        {
            Same(preprocessorConfig, "patch_size", 14, config.Vision.PatchSize);
            Same(preprocessorConfig, "temporal_patch_size", 2, config.Vision.TemporalPatchSize);
            Same(preprocessorConfig, "merge_size", 2, config.Vision.MergeSize);
        }

        var options = new Qwen2VlImageOptions
        {
            PatchSize = config.Vision.PatchSize,
            TemporalPatchSize = config.Vision.TemporalPatchSize,
            MergeSize = config.Vision.MergeSize,
            MinPixels = min,
            MaxPixels = max,
            Mean = mean,
            Std = std,
        };
        return (
            new Qwen2VlPreprocessor(options),
            $"qwen2vl;patch={options.PatchSize};merge={options.MergeSize};pixels={min}..{max}");
    }

    /// <inheritdoc/>
    public string PlaceholderToken => "<|image_pad|>";

    /// <inheritdoc/>
    public IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems) =>
        TemplateCreation.Try(() => new Qwen2VlPromptTemplate(tokenizer), problems);

    /// <inheritdoc/>
    public PositionIds Positions(VlmConfig config, int length, IReadOnlyList<ImageSpan> spans, IReadOnlyList<VisualInput> inputs)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(spans);
        ArgumentNullException.ThrowIfNull(inputs);
        var merge = config.Vision.MergeSize;
        return PositionIds.Multimodal(length, [.. spans.Select(span =>
        {
            var (t, h, w) = inputs[span.ImageIndex].Grid ?? throw new ArgumentException("A Qwen2-VL image has a grid.", nameof(inputs));
            var grid = new VisualGrid(span.Start, t, h / merge, w / merge);
            return grid.Count == span.Count ? grid : throw new ArgumentException($"Image {span.ImageIndex} has {grid.Count} visual tokens, its place in the prompt {span.Count}.", nameof(spans));
        })]);
    }

    private static VisionConfig Tower(ConfigReader vision)
    {
        var before = vision.Problems.Count;
        var width = vision.PositiveInt("embed_dim", 1280);
        var heads = vision.PositiveInt("num_heads", 16);
        var inner = width * vision.PositiveNumber("mlp_ratio", 4);
        if (inner is < 1 or > ConfigReader.LargestSize)
        {
            vision.Problem("mlp_ratio", "a ratio that gives the MLP at least one value");
            inner = 1;
        }

        var channels = vision.PositiveInt(vision.Has("in_chans") ? "in_chans" : "in_channels", 3);
        if (vision.Problems.Count == before)
        {
            VisionParsing.CheckChannels(vision, vision.Has("in_chans") ? "in_chans" : "in_channels", channels);
            VisionParsing.CheckHeads(vision, "embed_dim", width, "num_heads", heads);
            if (width % heads == 0 && width / heads % 4 != 0)
            {
                vision.Problem("embed_dim", "a multiple of 4 values per head, for the 2-D rotary embedding", $"{width} / {heads} = {width / heads}");
            }
        }

        return new VisionConfig
        {
            Architecture = VisionArchitecture.Qwen2Vl,
            Layers = vision.PositiveInt("depth", 32, VisionParsing.MostLayers),
            HiddenSize = width,
            Heads = heads,
            IntermediateSize = (int)inner,
            PatchSize = vision.PositiveInt("patch_size", 14, 1 << 10),
            Channels = channels,
            NormEps = 1e-6f,
            Activation = vision.OneOf("hidden_act", VisionParsing.Activations, "quick_gelu"),
            MergeSize = vision.PositiveInt("spatial_merge_size", 2, 1 << 10),
            TemporalPatchSize = vision.PositiveInt("temporal_patch_size", 2, 1 << 10),
        };
    }

    private static (long Min, long Max) Pixels(ConfigReader file)
    {
        // Newer files repeat the limits as size.shortest_edge and longest_edge, or have only these.
        var size = file.OptionalObject("size");
        var (minOwner, minKey) = !file.Has("min_pixels") && size is not null && size.Has("shortest_edge") ? (size, "shortest_edge") : (file, "min_pixels");
        var (maxOwner, maxKey) = !file.Has("max_pixels") && size is not null && size.Has("longest_edge") ? (size, "longest_edge") : (file, "max_pixels");
        long min = minOwner.PositiveInt(minKey, (int)ClassMinPixels), max = maxOwner.PositiveInt(maxKey, (int)ClassMaxPixels);
        if (min > max)
        {
            maxOwner.Problem(maxKey, $"at least {minKey} ({min})");
        }

        return (min, max);
    }

    private static void Same(ConfigReader file, string key, int classDefault, int expected)
    {
        if (file.PositiveInt(key, classDefault) != expected)
        {
            file.Problem(key, $"{expected}, as in config.json's vision_config");
        }
    }

    private static VisionNames VisionNames(VisionConfig config, string prefix) => new()
    {
        PatchEmbedding = VisionParsing.Linear(prefix + "patch_embed.proj", bias: false),
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"{prefix}blocks.{i}."))],
        ProjectorNorm = VisionParsing.Norm(prefix + "merger.ln_q"),
        Projector1 = VisionParsing.Linear(prefix + "merger.mlp.0"),
        Projector2 = VisionParsing.Linear(prefix + "merger.mlp.2"),
    };

    private static VisionBlockNames Block(string block) => new()
    {
        Norm1 = VisionParsing.Norm(block + "norm1"),
        Qkv = new VisionQkvNames.Packed(VisionParsing.Linear(block + "attn.qkv")),
        Output = VisionParsing.Linear(block + "attn.proj"),
        Norm2 = VisionParsing.Norm(block + "norm2"),
        Fc1 = VisionParsing.Linear(block + "mlp.fc1"),
        Fc2 = VisionParsing.Linear(block + "mlp.fc2"),
    };
}
