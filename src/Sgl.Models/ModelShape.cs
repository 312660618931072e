using Sgl.Models.Internal;

namespace Sgl.Models;

/// <summary>What <c>config.json</c> alone says of a checkpoint: configuration, and the parameters of each part. No file of weights is needed.</summary>
public sealed class ModelShape
{
    // Any block divides it.
    private const int WholeRow = 1 << 20;

    private readonly IReadOnlyList<ExpectedTensor> _decoder;
    private readonly IReadOnlyList<ExpectedTensor[]> _layers;
    private readonly DecoderNames _names;

    private ModelShape(string name, VlmConfig config, ModelNames names)
    {
        Name = name;
        Config = config;
        _names = names.Decoder;
        _decoder = [.. ExpectedTensors.Decoder(config.Language, names.Decoder)];
        ExpectedTensor[] inLayers = [.. _decoder.Where(t => t.Name != _names.Embedding && t.Name != _names.FinalNorm && t.Name != _names.Head)];
        _layers = [.. inLayers.Chunk(inLayers.Length / config.Language.Layers)];
        VisionParameters = ExpectedTensors.Vision(config, names.Vision).Sum(Size);
    }

    /// <summary>Name of the folder.</summary>
    public string Name { get; }

    /// <summary>The configuration.</summary>
    public VlmConfig Config { get; }

    /// <summary>
    /// How the files hold a linear layer's matrix in whole numbers, by the name of its weight; null: they do not. A configuration alone says so of all of the decoder's layers, whichever of them a
    /// tool left out.
    /// </summary>
    public Func<string, StoredLinear?> Stored { get; private set; } = _ => null;

    /// <summary>Parameters of vision tower and projector.</summary>
    public long VisionParameters { get; }

    /// <summary>Parameters of head and final norm, as a device holds them; a tied head is the embedding table once more.</summary>
    public long HeadParameters => Sum(t => t.Name == _names.FinalNorm || t.Name == _names.Head);

    /// <summary>All parameters.</summary>
    public long Parameters => VisionParameters + _decoder.Sum(Size);

    /// <summary>Reads a folder's <c>config.json</c>.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="CheckpointException">It is missing, wrong, or of an unknown kind.</exception>
    public static ModelShape Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var problems = new ProblemList(folder);
        var file = ConfigFile.Open("config.json", problems, required: true);
        var family = file is null ? null : VlmFamilies.Find(file);
        var config = family?.ParseConfig(file!);
        problems.ThrowIfAny();
        // Which of a family's names a folder uses makes no difference to shapes.
        var shape = new ModelShape(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), config!, family!.Names(config!, _ => false));
        if (QuantizationParser.Find(file!) is { Bits: { } bits } quantization)
        {
            var stored = new StoredLinear(bits, quantization.GroupSize ?? WholeRow, Reordered: false);
            var matrices = shape._layers.SelectMany(l => l).Where(t => t.Linear).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
            shape.Stored = name => matrices.Contains(name) ? stored : null;
        }

        problems.ThrowIfAny();
        return shape;
    }

    /// <summary>The shape of a checkpoint that is open.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static ModelShape Of(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return new ModelShape(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint.Folder))), checkpoint.Config, new ModelNames(checkpoint.Decoder, checkpoint.Vision))
        {
            Stored = name => checkpoint.Quantized.TryGetValue(name, out var matrix) ? StoredLinear.Of(matrix) : null,
        };
    }

    /// <summary>Parameters of one decoder layer; all of a model's layers are alike.</summary>
    public long LayerParameters => _layers[0].Sum(Size);

    /// <summary>Tensors of a decoder layer.</summary>
    /// <param name="layer">Its number.</param>
    public IReadOnlyList<ExpectedTensor> Layer(int layer) => _layers[layer];

    /// <summary>Tensors of head and final norm, as a device holds them; a tied head is a linear layer of its own.</summary>
    public IReadOnlyList<ExpectedTensor> Head =>
        [.. _decoder.Where(t => t.Name == _names.FinalNorm), new ExpectedTensor(_names.Head, [Config.Language.VocabularySize, Config.Language.HiddenSize]) { Linear = true }];

    private static long Size(ExpectedTensor tensor) => tensor.Shape.Aggregate(1L, (a, b) => a * b);

    private long Sum(Func<ExpectedTensor, bool> of) => _decoder.Where(of).Sum(Size);
}
