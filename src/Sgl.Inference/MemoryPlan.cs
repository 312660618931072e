using System.Globalization;
using Sgl.Guidance;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference;

/// <summary>
/// What a checkpoint takes on GPUs, from its configuration alone: the numbers that the engine takes when it loads. Weights and KV caches are exact; work space is an estimate from above that
/// was held against what the runtime allocates over a stand-in for CUDA (tests/gpu/run). Of a folder that stores its weights in 8 or 4 bits the configuration alone does not say which layers were
/// left out, so that a plan without the files may be too small by those. And <see cref="Reserve"/> is what driver and CUDA libraries are assumed to take, which was not measured.
/// </summary>
public sealed class MemoryPlan
{
    /// <summary>Bytes on each GPU for the driver's context, cuBLAS and cuDNN.</summary>
    public const long Reserve = 1L << 30;

    private const long Half = 2, Single = 4;

    // Rows of the head at once: consistency passes take the most.
    private const int HeadRows = 64;

    // Rows of a question whose attention counts, as far as a chunk has them.
    private const int CountedRows = 128;

    private MemoryPlan(string name, string placement, IReadOnlyList<DevicePlan> devices) => (Name, Placement, Devices) = (name, placement, devices);

    /// <summary>The checkpoint.</summary>
    public string Name { get; }

    /// <summary><see cref="EngineOptions.Placement"/> to use.</summary>
    public string Placement { get; }

    /// <summary>Each GPU.</summary>
    public IReadOnlyList<DevicePlan> Devices { get; }

    /// <summary>Whether weights and work space fit.</summary>
    public bool Fits => Devices.All(d => d.Kv > 0);

    /// <summary>Bytes of weights on all GPUs.</summary>
    public long Weights => Devices.Sum(d => d.Weights);

    /// <summary>Plans for GPUs of equal memory, with the layers cut so that each has as much memory left as can be.</summary>
    /// <param name="shape">The checkpoint.</param>
    /// <param name="gpus">How many.</param>
    /// <param name="bytes">Memory of each.</param>
    /// <param name="options">Weights, batch, chunk, prune layers, importance.</param>
    public static MemoryPlan For(ModelShape shape, int gpus, long bytes, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(options);
        var layers = shape.Config.Language.Layers;
        ArgumentOutOfRangeException.ThrowIfLessThan(gpus, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(gpus, layers);
        // The first GPU also holds the tower, the last one the head, so the middle ones take more layers. What a layer takes does not depend on where it is.
        var layer = LayersOf(shape, new LayerPlacement(0, layers - 1, default), options) / (double)layers;
        double[] extra = [.. Enumerable.Range(0, gpus).Select(g => (double)Fixed(shape, g == 0, g == gpus - 1, gpus, options))];
        var level = (extra.Sum() + (layer * layers)) / gpus;
        var counts = extra.Select(e => Math.Max(1, (int)Math.Round((level - e) / layer))).ToArray();
        for (var difference = layers - counts.Sum(); difference != 0; difference += difference > 0 ? -1 : 1)
        {
            var fill = Enumerable.Range(0, gpus).Select(g => (Gpu: g, Memory: extra[g] + (counts[g] * layer))).Where(g => difference > 0 || counts[g.Gpu] > 1);
            counts[(difference > 0 ? fill.MinBy(g => g.Memory) : fill.MaxBy(g => g.Memory)).Gpu] += Math.Sign(difference);
        }

        var ranges = new List<LayerPlacement>();
        for (var (gpu, first) = (0, 0); gpu < gpus; first += counts[gpu++])
        {
            ranges.Add(new LayerPlacement(first, first + counts[gpu] - 1, new DeviceId("cuda", gpu)));
        }

        return Of(shape, ranges, _ => bytes, options);
    }

    /// <summary>Plans for a placement.</summary>
    /// <param name="shape">The checkpoint.</param>
    /// <param name="placement">The placement, as <see cref="DevicePlacement.Parse"/> gives it.</param>
    /// <param name="bytes">Memory of each GPU.</param>
    /// <param name="options">Weights, batch, chunk, prune layers, importance.</param>
    public static MemoryPlan Of(ModelShape shape, IReadOnlyList<LayerPlacement> placement, Func<DeviceId, long> bytes, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(placement);
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(options);
        var stages = DevicePlacement.Cut(placement, PruneLayersOf(options, shape.Config.Language.Layers));
        var devices = placement.Select(p => p.Device).Where(d => d.IsCuda).Distinct().Select(device => new DevicePlan(
            device,
            [.. stages.Where(s => s.Device == device)],
            shape.Config.Language,
            options.Importance,
            bytes(device),
            WeightsOn(shape, placement, device, options),
            WorkspaceOn(shape, placement[0].Device == device, placement[^1].Device == device, placement.Select(p => p.Device).Distinct().Count(), options))).ToList();
        return new MemoryPlan(
            shape.Name, placement.Count == 1 ? placement[0].Device.ToString() : string.Join(',', placement.Select(p => p.ToString())), devices);
    }

    /// <summary>The prune layers that a setting asks for, or the paper's for this depth and 0.</summary>
    internal static IReadOnlyList<int> PruneLayersOf(EngineOptions options, int layers)
    {
        if (options.PruneLayers.Count > 0)
        {
            var outside = options.PruneLayers.Where(l => l < 0 || l >= layers).ToList();
            return outside.Count == 0
                ? [.. options.PruneLayers.Distinct().Order()]
                : throw new EngineSettingsException($"PruneLayers names {string.Join(", ", outside)}, the checkpoint has layers 0 to {layers - 1}");
        }

        double[] fractions = [0, 0.05, 0.1, 0.2, 0.3, 0.4];
        return [.. fractions.Select(f => PruneSchedule.Layer(layers, f)).Distinct().Order()];
    }

    private static long WeightsOn(ModelShape shape, IReadOnlyList<LayerPlacement> placement, DeviceId device, EngineOptions options) =>
        placement.Where(p => p.Device == device).Sum(p => LayersOf(shape, p, options))
        + (placement[0].Device == device ? Half * shape.VisionParameters : 0)
        + (placement[^1].Device == device ? HeadOf(shape, options) : 0);

    private static long Fixed(ModelShape shape, bool first, bool last, int devices, EngineOptions options) =>
        (first ? Half * shape.VisionParameters : 0) + (last ? HeadOf(shape, options) : 0) + WorkspaceOn(shape, first, last, devices, options);

    private static long LayersOf(ModelShape shape, LayerPlacement placement, EngineOptions options) =>
        Enumerable.Range(placement.First, placement.Count).Sum(i => shape.Layer(i).Sum(t => Bytes(shape, t, LinearPlace.Layer, options)));

    private static long HeadOf(ModelShape shape, EngineOptions options) => shape.Head.Sum(t => Bytes(shape, t, LinearPlace.Head, options));

    private static long Bytes(ModelShape shape, ExpectedTensor tensor, LinearPlace place, EngineOptions options) => tensor.Linear
        ? DeviceFormats.Bytes(Format(shape, tensor, place, options), tensor.Shape[0], tensor.Shape[1])
        : Half * tensor.Shape.Aggregate(1L, (a, b) => a * b);

    private static LinearFormat Format(ModelShape shape, ExpectedTensor tensor, LinearPlace place, EngineOptions options) => DeviceFormats.Of(
        Enum.Parse<WeightPrecision>(options.Weights, ignoreCase: true), place, tensor.Shape[0], tensor.Shape[1], shape.Stored(tensor.Name));

    /// <summary>The largest matrix of few bits: a product of many rows has one unpacked in front of it.</summary>
    private static long UnpackedOn(ModelShape shape, bool last, EngineOptions options)
    {
        // All of a model's layers are alike.
        var tensors = shape.Layer(0).Select(t => (Tensor: t, Place: LinearPlace.Layer)).Concat(last ? shape.Head.Select(t => (Tensor: t, Place: LinearPlace.Head)) : []);
        return tensors.Where(t => t.Tensor.Linear).Max(t => DeviceFormats.Unpacked(Format(shape, t.Tensor, t.Place, options), t.Tensor.Shape[0], t.Tensor.Shape[1]));
    }

    /// <summary>Activations of the largest runs, which share one pool, and of the tower, which has its own.</summary>
    private static long WorkspaceOn(ModelShape shape, bool first, bool last, int devices, EngineOptions options)
    {
        var (language, vision) = (shape.Config.Language, shape.Config.Vision);
        long longest = options.MaxPromptTokens > 0 ? options.MaxPromptTokens : Math.Min(language.MaxPositions, 8192);
        var rows = Math.Max(options.PrefillChunk > 0 ? Math.Min(options.PrefillChunk, longest) : longest, options.MaxBatch);
        var queries = (long)language.Heads * language.HeadDim;
        var keys = (long)language.KvHeads * language.HeadDim;
        var decoder = rows * Half * ((6L * language.HiddenSize) + (4L * language.IntermediateSize) + (3 * (queries + (2 * keys))));
        var importance = options.Importance ? (longest * keys * (Half + Single) * 2) + (3 * Single * language.Heads * Math.Min(rows, CountedRows) * longest) : 0;
        // What waits in front of prune layers, of as many prompts as there are devices, and the rows between stages.
        var waiting = ((devices * longest) + (4 * rows)) * language.HiddenSize * Half;
        var head = last ? HeadRows * (long)language.VocabularySize * Single * 5 : 0;
        // A tower over any grid sees a picture at once, the others so many tiles.
        long tiles = vision.AnyGrid ? 1 : options.VisionBatch, patches = vision.AnyGrid ? 4 * longest : (long)(vision.ImageSize / vision.PatchSize) * (vision.ImageSize / vision.PatchSize) + 1;
        var tower = first ? tiles * patches * ((Half * ((8L * vision.HiddenSize) + (3L * vision.IntermediateSize))) + (2 * Single * vision.HiddenSize)) : 0;
        return decoder + importance + waiting + head + tower + UnpackedOn(shape, last, options);
    }
}

/// <summary>What one GPU holds.</summary>
public sealed class DevicePlan
{
    private readonly LanguageModelConfig _config;
    private readonly bool _importance;

    internal DevicePlan(DeviceId device, IReadOnlyList<LayerPlacement> stages, LanguageModelConfig config, bool importance, long memory, long weights, long workspace)
    {
        (Device, Stages, _config, _importance) = (device, stages, config, importance);
        (Memory, Weights, Workspace) = (memory, weights, workspace);
    }

    /// <summary>The GPU.</summary>
    public DeviceId Device { get; }

    /// <summary>Its stages.</summary>
    public IReadOnlyList<LayerPlacement> Stages { get; }

    /// <summary>Its memory, bytes.</summary>
    public long Memory { get; }

    /// <summary>Weights, bytes.</summary>
    public long Weights { get; }

    /// <summary>Work space, bytes.</summary>
    public long Workspace { get; }

    /// <summary>What is left for KV caches, bytes; negative: so much is missing.</summary>
    public long Kv => Memory - Weights - Workspace - MemoryPlan.Reserve;

    /// <summary>KV memory that a request takes here.</summary>
    /// <param name="text">Tokens of text, those to be generated included.</param>
    /// <param name="visual">Visual tokens.</param>
    /// <param name="layer">Layer in front of which it is pruned.</param>
    /// <param name="ratio">Share of the visual tokens that is kept there.</param>
    public long KvPerRequest(int text, int visual, int layer, double ratio) => Stages.Sum(stage =>
    {
        var entries = text + (stage.First >= layer ? KeepCount.Of(visual, ratio) : visual);
        var shape = new KvShape(stage.Count, _config.KvHeads, DecoderStageGraph.CacheHeadDim(_config), ComputeType.BFloat16, Device) { HasSums = _importance };
        return shape.MemoryPerToken * KvPool.CapacityClass(entries);
    });

    /// <summary>In words.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Device}: {Stages[0].First}-{Stages[^1].Last}, weights {Weights}, work space {Workspace}, KV {Kv}");
}
