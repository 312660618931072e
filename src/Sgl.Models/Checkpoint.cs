using Sgl.Models.Internal;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// A checkpoint folder, opened and checked: configuration, memory-mapped weights with the names and shapes that the configuration asks for,
/// image preprocessing, generation settings. Thread-safe until disposed.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly Lazy<VocabularyIdentity?> _vocabulary;

    private Checkpoint(string folder, VlmConfig config, IVlmFamily family, TensorStore weights, ModelNames names)
    {
        Folder = folder;
        Config = config;
        Family = family;
        Weights = weights;
        Decoder = names.Decoder;
        Vision = names.Vision;
        _vocabulary = new Lazy<VocabularyIdentity?>(() => Tokenizer is null ? null : VocabularyIdentity.Of(Tokenizer));
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>What <c>config.json</c> says; <see cref="VlmConfig.ImageTokenId"/> is filled in from tokenizer or options.</summary>
    public VlmConfig Config { get; }

    /// <summary>The family's rules.</summary>
    public IVlmFamily Family { get; }

    /// <summary>The tensors.</summary>
    public TensorStore Weights { get; }

    /// <summary>Names of the decoder's tensors; all exist and have the configuration's shapes.</summary>
    public DecoderNames Decoder { get; }

    /// <summary>Names of the vision tower's tensors; all exist and have the configuration's shapes.</summary>
    public VisionNames Vision { get; }

    /// <summary>Stop ids and sampling defaults.</summary>
    public required GenerationConfig Generation { get; init; }

    /// <summary>The tokenizer; null in folders without tokenizer files.</summary>
    public required ITokenizer? Tokenizer { get; init; }

    /// <summary>The prompt template; null in folders without tokenizer files.</summary>
    public required IPromptTemplate? Template { get; init; }

    /// <summary>
    /// Equal for two checkpoints whose token ids mean the same, so that the answer of one can be a draft for the other; null without tokenizer.
    /// Computed on first use.
    /// </summary>
    public string? TokenizerDigest => Vocabulary?.Digest;

    /// <summary>What the token ids mean; null without tokenizer. Computed on first use.</summary>
    public VocabularyIdentity? Vocabulary => _vocabulary.Value;

    /// <summary>Image preprocessing with the folder's settings.</summary>
    public required IImagePreprocessor Preprocessor { get; init; }

    /// <summary>Two checkpoints with the same key turn any image into the same visual tokens in the same order, so guidance maps one to one.</summary>
    public required string VisualLayoutKey { get; init; }

    /// <summary>Linear layers that the files hold quantised, by the name that their weight would have.</summary>
    public required IReadOnlyDictionary<string, LinearMatrix> Quantized { get; init; }

    /// <summary>Parameters of the model.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Tensors that the model does not need, beside those known to be harmless.</summary>
    public required IReadOnlyList<string> UnusedTensors { get; init; }

    /// <summary>
    /// Whether the folder ties the LM head to the embedding table and stores a head that differs from it all the same: that head is used, since whoever
    /// stored it trained it.
    /// </summary>
    public bool HeadUntied { get; init; }

    /// <summary>Opens and checks a folder. Nothing is built, and no weight is read but a head that is stored beside a tied one.</summary>
    /// <param name="folder">Folder with <c>config.json</c> and safetensors.</param>
    /// <param name="options">What the folder does not say.</param>
    /// <exception cref="CheckpointException">With every problem that was found.</exception>
    public static Checkpoint Open(string folder, CheckpointOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new CheckpointOptions();
        var problems = new ProblemList(folder);
        var weights = TensorStore.Open(problems);
        try
        {
            if (!Directory.Exists(folder))
            {
                problems.ThrowIfAny();
            }

            var checkpoint = Read(folder, options, weights, problems);
            problems.ThrowIfAny();
            weights = null;
            return checkpoint!;
        }
        finally
        {
            weights?.Dispose();
        }
    }

    /// <summary>Unmaps the weights.</summary>
    public void Dispose() => Weights.Dispose();

    /// <summary>Position ids of a prompt, by the family's rule.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="images">The request's images, by <see cref="ImageSpan.ImageIndex"/>.</param>
    public PositionIds Positions(TokenizedPrompt prompt, IReadOnlyList<VisualInput> images)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return Family.Positions(Config, prompt.Ids.Length, prompt.Images, images);
    }

    /// <summary>A linear layer's matrix.</summary>
    /// <param name="weight">Name of its weight tensor.</param>
    /// <exception cref="CheckpointException">There is no such tensor.</exception>
    public LinearMatrix Linear(string weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        return Quantized.TryGetValue(weight, out var matrix) ? matrix : new FloatMatrix(Weights, Weights[weight]);
    }

    private static Checkpoint? Read(string folder, CheckpointOptions options, TensorStore? weights, ProblemList problems)
    {
        var configFile = ConfigFile.Open("config.json", problems, required: true);
        var family = configFile is null ? null : VlmFamilies.Find(configFile);
        var beforeConfig = problems.Count;
        var config = family?.ParseConfig(configFile!);
        var quantization = family is null ? null : QuantizationParser.Find(configFile!);

        var sound = config is not null && problems.Count == beforeConfig;
        var generation = GenerationConfig.Read(problems);

        // Newer versions of the transformers library keep the image processor's settings inside those of the whole processor.
        var preprocessorFile = ConfigFile.Open("preprocessor_config.json", problems, required: false)
            ?? ConfigFile.Open("processor_config.json", problems, required: false)?.OptionalObject("image_processor");
        var tokenizer = TokenizerFolder.Open(options.Tokenizer, problems);
        if (!sound)
        {
            return null;
        }

        var (preprocessor, layoutKey) = family!.CreatePreprocessor(config!, preprocessorFile);
        var template = tokenizer is null ? null : family.CreateTemplate(config!, tokenizer, problems);
        config = config! with { ImageTokenId = options.ImageTokenId ?? TokenizerFolder.ImageTokenId(family, config, tokenizer, problems) };
        CheckImageToken(config, problems);
        if (weights is null)
        {
            return null;
        }

        var names = family.Names(config, weights.Contains);
        var stored = config.Language.TiedHead ? StoredHead(family, config, weights) : null;
        var shaped = stored is not null && weights.TryGet(names.Decoder.Embedding, out var embedding) && stored.Shape.SequenceEqual(embedding.Shape);
        var headUntied = shaped && !TensorComparison.Equal(weights, stored!, weights[names.Decoder.Embedding]);
        if (headUntied)
        {
            config = Untied(config);
            names = family.Names(config, weights.Contains);
        }

        var quantized = new Dictionary<string, LinearMatrix>(StringComparer.Ordinal);
        var needed = ExpectedTensors.Decoder(config.Language, names.Decoder).Concat(ExpectedTensors.Vision(config, names.Vision)).ToList();
        var unused = TensorCheck.Check(needed, weights, quantization, quantized, problems).ToArray();
        if (unused.FirstOrDefault(n => family.WhyRefused(n) is not null) is { } foreign)
        {
            problems.Add("*.safetensors", foreign, "no such tensor", "one", family.WhyRefused(foreign));
        }

        return new Checkpoint(folder, config, family, weights, names)
        {
            Quantized = quantized,
            ParameterCount = quantized.Count == 0 ? weights.Entries.Sum(e => e.ElementCount) : needed.DistinctBy(t => t.Name).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)),
            Generation = generation with { StopTokenIds = options.StopTokenIds ?? family.StopTokenIds(config, generation.StopTokenIds, template) },
            Tokenizer = tokenizer,
            Template = template,
            Preprocessor = preprocessor,
            VisualLayoutKey = layoutKey,
            HeadUntied = headUntied,
            UnusedTensors = [.. unused.Where(n => !family.IsKnownUnused(config, n) || (n == stored?.Name && !shaped)).Order(StringComparer.Ordinal)],
        };
    }

    /// <summary>A head in the files of a model whose configuration says that it has none.</summary>
    private static TensorEntry? StoredHead(IVlmFamily family, VlmConfig config, TensorStore weights) =>
        weights.TryGet(family.Names(Untied(config), weights.Contains).Decoder.Head, out var head) ? head : null;

    private static VlmConfig Untied(VlmConfig config) => config with { Language = config.Language with { TiedHead = false } };

    private static void CheckImageToken(VlmConfig config, ProblemList problems)
    {
        if (config.ImageTokenId is { } id && (id < 0 || id >= config.Language.VocabularySize))
        {
            problems.Add("config.json", "image token id", $"an id below vocab_size ({config.Language.VocabularySize})", $"{id}");
        }
    }
}
