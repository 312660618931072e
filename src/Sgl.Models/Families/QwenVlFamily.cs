using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// What the vision families of Qwen share: images of any resolution as patches of a merged grid, M-RoPE, the hub's files and those that newer
/// transformers saved again.
/// </summary>
public abstract class QwenVlFamily : IVlmFamily
{
    private const int ImagePad = 151655;
    private const long ClassMinPixels = 56 * 56;
    private const long ClassMaxPixels = 28 * 28 * 1280;

    /// <inheritdoc/>
    public abstract VlmFamily Kind { get; }

    /// <inheritdoc/>
    public abstract string Opens { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyList<string> ModelTypes { get; }

    /// <inheritdoc/>
    public string PlaceholderToken => "<|image_pad|>";

    /// <summary>The decoder's class where it stands in <c>text_config</c>.</summary>
    private protected abstract TextClass NestedText { get; }

    /// <summary>The decoder's class where it stands at the top level; null where it never does.</summary>
    private protected abstract TextClass? FlatText { get; }

    /// <summary>Key of the tower's output width in <c>vision_config</c>.</summary>
    private protected abstract string OutputWidthKey { get; }

    /// <summary>Names of a block's MLP: its gate where it has one, the layer in and the layer out.</summary>
    private protected abstract (string? Gate, string First, string Second) Mlp { get; }

    /// <summary>Names of a merger: its norm, the layer in and the layer out.</summary>
    private protected abstract (string Norm, string First, string Second) Merger { get; }

    /// <summary>Whether patches have a table of positions, and their projection a bias.</summary>
    private protected virtual bool HasPositionTable => false;

    /// <summary>Image settings of the hub's folders, for a folder without the image processor's file.</summary>
    private protected virtual Qwen2VlImageOptions PublishedImages => new();

    /// <inheritdoc/>
    public VlmConfig ParseConfig(ConfigReader config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var before = config.Problems.Count;
        var nested = FlatText is null ? config.RequiredObject("text_config") : config.OptionalObject("text_config");
        var language = nested is not null ? LanguageModelParser.Parse(nested, NestedText, CommonKeys.TiedHead(config, nested, classDefault: true))
            : FlatText is not null ? LanguageModelParser.Parse(config, FlatText, CommonKeys.TiedHead(config, null, classDefault: false))
            : VisionParsing.NoDecoder;
        var vision = config.RequiredObject("vision_config");
        var tower = vision is null ? VisionParsing.NoTower(VisionArchitecture.Qwen2Vl) : Tower(vision);
        if (vision is not null && config.Problems.Count == before && vision.PositiveInt(OutputWidthKey, 3584) != language.HiddenSize)
        {
            vision.Problem(OutputWidthKey, $"the decoder's hidden_size ({language.HiddenSize})");
        }

        return new VlmConfig
        {
            Family = Kind,
            Language = language with { DeepStackLayers = Math.Min(tower.DeepStackBlocks.Count, language.Layers) },
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
        (string Anchor, string Layout)[] text = [("model.embed_tokens.weight", "model."), ("model.language_model.embed_tokens.weight", "model.language_model.")];
        (string Anchor, string Layout)[] visual = [("visual.patch_embed.proj.weight", "visual."), ("model.visual.patch_embed.proj.weight", "model.visual.")];
        if (FlatText is null)
        {
            // Published in what is the newer layout of the others: that is the one to name when nothing is found.
            Array.Reverse(text);
            Array.Reverse(visual);
        }

        return new ModelNames(
            DecoderNameMaps.Create(config.Language, TensorPrefix.Choose<string>(contains, text), "lm_head.weight"),
            VisionNames(config.Vision, TensorPrefix.Choose<string>(contains, visual)));
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

        // What a file leaves out is the processor class's, which is the same for all of them.
        var defaults = preprocessorConfig is null ? PublishedImages : new Qwen2VlImageOptions { MinPixels = ClassMinPixels, MaxPixels = ClassMaxPixels };
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
    public virtual IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems) =>
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
            var (t, h, w) = inputs[span.ImageIndex].Grid ?? throw new ArgumentException("An image of the Qwen families has a grid.", nameof(inputs));
            var grid = new VisualGrid(span.Start, t, h / merge, w / merge);
            return grid.Count == span.Count ? grid : throw new ArgumentException($"Image {span.ImageIndex} has {grid.Count} visual tokens, its place in the prompt {span.Count}.", nameof(spans));
        })]);
    }

    /// <summary>Reads <c>vision_config</c>.</summary>
    private protected abstract VisionConfig Tower(ConfigReader vision);

    /// <summary>What all towers have in common, with the sizes that their classes call by different names.</summary>
    private protected static VisionConfig Tower(ConfigReader vision, VisionArchitecture architecture, (string Key, int Value) width, int inner, int depth, int patch)
    {
        var before = vision.Problems.Count;
        var heads = vision.PositiveInt("num_heads", 16);
        var channelsKey = vision.Has("in_chans") ? "in_chans" : "in_channels";
        var channels = vision.PositiveInt(channelsKey, 3);
        if (vision.Problems.Count == before)
        {
            VisionParsing.CheckChannels(vision, channelsKey, channels);
            VisionParsing.CheckHeads(vision, width.Key, width.Value, "num_heads", heads);
            if (width.Value % heads == 0 && width.Value / heads % 4 != 0)
            {
                vision.Problem(width.Key, "a multiple of 4 values per head, for the 2-D rotary embedding", $"{width.Value} / {heads} = {width.Value / heads}");
            }
        }

        return new VisionConfig
        {
            Architecture = architecture,
            Layers = vision.PositiveInt("depth", depth, VisionParsing.MostLayers),
            HiddenSize = width.Value,
            Heads = heads,
            IntermediateSize = inner,
            PatchSize = vision.PositiveInt("patch_size", patch, 1 << 10),
            Channels = channels,
            NormEps = 1e-6f,
            MergeSize = vision.PositiveInt("spatial_merge_size", 2, 1 << 10),
            TemporalPatchSize = vision.PositiveInt("temporal_patch_size", 2, 1 << 10),
        };
    }

    private VisionNames VisionNames(VisionConfig config, string prefix)
    {
        var (norm, first, second) = MergerNames(prefix + "merger.", config.Norm);
        return new()
        {
            PatchEmbedding = VisionParsing.Linear(prefix + "patch_embed.proj", HasPositionTable),
            PositionEmbedding = HasPositionTable ? prefix + "pos_embed.weight" : null,
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block($"{prefix}blocks.{i}.", config.Norm))],
            ProjectorNorm = norm,
            Projector1 = first,
            Projector2 = second,
            DeepStack = [.. Enumerable.Range(0, config.DeepStackBlocks.Count).Select(j => MergerNames($"{prefix}deepstack_merger_list.{j}.", config.Norm))],
        };
    }

    private VisionBlockNames Block(string block, NormKind norm) => new()
    {
        Norm1 = VisionParsing.Norm(block + "norm1", norm),
        Qkv = new VisionQkvNames.Packed(VisionParsing.Linear(block + "attn.qkv")),
        Output = VisionParsing.Linear(block + "attn.proj"),
        Norm2 = VisionParsing.Norm(block + "norm2", norm),
        Gate = Mlp.Gate is { } gate ? VisionParsing.Linear($"{block}mlp.{gate}") : null,
        Fc1 = VisionParsing.Linear($"{block}mlp.{Mlp.First}"),
        Fc2 = VisionParsing.Linear($"{block}mlp.{Mlp.Second}"),
    };

    private MergerNames MergerNames(string merger, NormKind norm) =>
        new(VisionParsing.Norm(merger + Merger.Norm, norm), VisionParsing.Linear(merger + Merger.First), VisionParsing.Linear(merger + Merger.Second));

    private static (long Min, long Max) Pixels(ConfigReader file)
    {
        // Newer files repeat the limits as size.shortest_edge and longest_edge, or have only these; both are areas whatever their names say.
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
}
