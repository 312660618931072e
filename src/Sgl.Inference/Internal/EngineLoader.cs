using Microsoft.Extensions.Logging;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Decoding.Devices;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Prefixes;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal;

/// <summary>From a checkpoint folder to an engine that has answered once.</summary>
internal static partial class EngineLoader
{
    // Engine:KvBudgetMiB of 0 on CPUs.
    private const long CpuKvBytes = 2L << 30;

    // Weights that a processor's caches hold for the most part gain nothing.
    private const long SmallestForLargePages = 256 << 20;

    /// <summary>Opens the checkpoint, builds and loads all graphs, runs a first generation.</summary>
    public static async Task<VlmEngine> LoadAsync(
        EngineOptions options, ILoggerFactory loggers, TimeProvider time, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        OrtHost.EnsureCreated(options.Threads);
        var logger = loggers.CreateLogger<VlmEngine>();
        var start = time.GetTimestamp();
        var checkpoint = Checkpoint.Open(options.Checkpoint, new CheckpointOptions { ImageTokenId = options.ImageTokenId });
        var owned = new Stack<IDisposable>([checkpoint]);
        try
        {
            if (options.RequireTokenizer && checkpoint.Tokenizer is null)
            {
                throw new CheckpointException(
                    checkpoint.Folder, [new CheckpointProblem("tokenizer files", null, "tokenizer.json, tokenizer.model, or vocab.json with merges.txt", "none of them")]);
            }

            var config = checkpoint.Config.Language;
            var placement = DevicePlacement.Parse(options.Placement, config.Layers);
            var pruneLayers = MemoryPlan.PruneLayersOf(options, config.Layers);
            if (options.MaxPromptTokens > config.MaxPositions && config.Rope is not RopeConfig.DynamicNtk)
            {
                LogBeyondTrainedLength(logger, options.MaxPromptTokens, config.MaxPositions);
            }

            var cuts = DevicePlacement.Cut(placement, pruneLayers);
            MemoryPlan? plan = null;
            if (cuts.Select(c => c.Device).Where(d => d.IsCuda).Distinct().ToList() is { Count: > 0 } gpus)
            {
                CudaLibraries.Require(gpus);
                WarnOfDevices(logger, gpus);
                plan = MemoryPlan.Of(ModelShape.Of(checkpoint), placement, d => CudaRuntime.Memory(d.Index).Free, options);
                RequireMemory(plan, options);
            }

            var weights = new WeightProvider(checkpoint, WeightPlan.Of(options.Weights, checkpoint, cuts.Any(c => !c.Device.IsCuda)) with { Emulates = options.Emulates });
            owned.Push(weights);
            var budgets = new KvBudgets(cuts.Select(c => c.Device), device => KvBytes(device, plan, options));
            var parts = new LoadedParts(weights, options, progress);
            owned.Push(parts);

            // Parts share no weights that are packed, so each core makes one of its own.
            var vision = parts.Add("vision tower", Size(checkpoint.Config.Vision), s => new VisionEncoder(checkpoint, cuts[0].Device, s, TypeFor(checkpoint, cuts[0].Device, options), options.VisionBatch, new VisionCache((long)options.VisionCacheMiB << 20)));
            var choosable = checkpoint.Tokenizer?.VocabularySize ?? config.VocabularySize;
            var head = parts.Add("head", (long)config.VocabularySize * config.HiddenSize, HeadOn(cuts[^1].Device));
            var stages = cuts
                .Select(cut => parts.Add(
                    $"layers {cut.First}-{cut.Last} on {cut.Device}",
                    cut.Count * Size(config),
                    StageOn(cut)))
                .ToList();
            // What goes to a GPU is read once, tensor by tensor; the whole file may be more than this machine has memory.
            Func<SessionFactory, IHead> HeadOn(DeviceId device) => device.IsCuda
                ? s => new DeviceHead(config, checkpoint.Decoder, device, s, TypeFor(checkpoint, device, options), Math.Min(choosable, config.VocabularySize))
                : s => new Head(config, checkpoint.Decoder, device, s, TypeFor(checkpoint, device, options));
            Func<SessionFactory, IStage> StageOn(LayerPlacement cut) => cut.Device.IsCuda
                ? s => new DeviceStage(config, checkpoint.Decoder, cut, s, budgets.Of(cut.Device), options.Importance, TypeFor(checkpoint, cut.Device, options))
                : s => new DecoderStage(config, checkpoint.Decoder, cut, s, budgets.Of(cut.Device), options.Importance, TypeFor(checkpoint, cut.Device, options));
            var reading = cuts.All(c => c.Device.IsCuda) ? Task.CompletedTask : Task.Run(weights.Prefetch, CancellationToken.None);
            try
            {
                await parts.LoadAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                // It looks at mapped memory, which must not be unmapped meanwhile.
                await reading.ConfigureAwait(false);
            }

            var model = Describe(checkpoint, options, cuts, pruneLayers, weights.Summary(TypeFor(checkpoint, cuts[^1].Device, options)));
            var decoder = new Decoder(config, [.. stages.Select(s => s.Value)], head.Value, new EmbeddingTable(checkpoint.Weights, checkpoint.Decoder.Embedding, config.HiddenSize), time, options.Cuda.Graphs);
            var engine = new VlmEngine(options, checkpoint, weights, vision.Value, decoder, budgets, model, time, logger);
            owned.Clear();
            progress?.Report(new LoadProgress("warm-up", parts.Fraction));
            try
            {
                await engine.WarmUpAsync(picture: cuts.Any(c => c.Device.IsCuda), cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await engine.DisposeAsync().ConfigureAwait(false);
                throw;
            }

            weights.DiscardUnusedPages();
            // What loading left behind would stay resident for as long as the service runs.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            MemoryPages.TrimHeap();
            if (model.Weights.Bytes >= SmallestForLargePages)
            {
                // Decoding gains, and nobody has to wait for it. It is safe at any time, also when the engine is gone again.
                _ = Task.Run(HugePages.JoinResident, CancellationToken.None);
            }

            progress?.Report(new LoadProgress("ready", 1));
            if (logger.IsEnabled(LogLevel.Information))
            {
                LogLoaded(logger, model.Name, model.Family, model.ParameterCount, model.Layers, string.Join(", ", model.Stages), time.GetElapsedTime(start));
                LogWeights(logger, model.Name, model.Weights);
            }

            if (model.PrefixCacheOff is { } reason)
            {
                LogPrefixCacheOff(logger, model.Name, reason);
            }

            return engine;
        }
        finally
        {
            while (owned.TryPop(out var disposable))
            {
                disposable.Dispose();
            }
        }
    }

    /// <summary>Refuses before anything is read what certainly does not fit: weights and the KV budget.</summary>
    private static void RequireMemory(MemoryPlan plan, EngineOptions options)
    {
        foreach (var device in plan.Devices)
        {
            var needed = device.Weights + ((long)options.KvBudgetMiB << 20);
            var total = CudaRuntime.Memory(device.Device.Index).Total;
            if (needed > device.Memory)
            {
                throw new DeviceMemoryException(
                    device.Device, $"layers {device.Stages[0].First}-{device.Stages[^1].Last} (weights, what of tower and head is there, and Engine:KvBudgetMiB)", needed, device.Memory, total);
            }

            if (options.KvBudgetMiB == 0 && device.Kv <= 0)
            {
                throw new DeviceMemoryException(
                    device.Device, $"layers {device.Stages[0].First}-{device.Stages[^1].Last}, work space and any KV cache", device.Weights + device.Workspace + MemoryPlan.Reserve, device.Memory, total);
            }
        }
    }

    /// <summary>The setting, or what a plan leaves on a GPU.</summary>
    private static long KvBytes(DeviceId device, MemoryPlan? plan, EngineOptions options) =>
        options.KvBudgetMiB > 0 ? (long)options.KvBudgetMiB << 20
        : device.IsCuda ? plan!.Devices.Single(d => d.Device == device).Kv
        : CpuKvBytes;

    private static void WarnOfDevices(ILogger logger, IReadOnlyList<DeviceId> gpus)
    {
        foreach (var gpu in gpus)
        {
            var capability = CudaRuntime.ComputeCapability(gpu.Index);
            if (!CudaLibraries.HasCodeFor(capability))
            {
                LogNoCode(logger, gpu, $"{capability.Major}.{capability.Minor}");
            }
        }
    }

    /// <summary>Parameters of a layer's matrices.</summary>
    private static long Size(LanguageModelConfig config) =>
        (long)config.HiddenSize * ((2L * (config.Heads + config.KvHeads) * config.HeadDim) + (3L * config.IntermediateSize));

    /// <summary>Parameters of the tower's matrices.</summary>
    private static long Size(VisionConfig config) => config.Layers * (long)config.HiddenSize * ((4L * config.HiddenSize) + (2L * config.IntermediateSize));

    private static ModelDescription Describe(Checkpoint checkpoint, EngineOptions options, IReadOnlyList<LayerPlacement> stages, IReadOnlyList<int> pruneLayers, WeightSummary weights) => new()
    {
        Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint.Folder))),
        Family = checkpoint.Family.ModelTypes[0],
        Layers = checkpoint.Config.Language.Layers,
        HiddenSize = checkpoint.Config.Language.HiddenSize,
        VocabularySize = checkpoint.Config.Language.VocabularySize,
        ParameterCount = checkpoint.ParameterCount,
        VisualLayoutKey = checkpoint.VisualLayoutKey,
        KnownImageLimits = checkpoint.Preprocessor.KnownLimits,
        TokenizerDigest = checkpoint.TokenizerDigest,
        WeightsDigest = WeightsDigest.Of(checkpoint.Folder),
        Weights = weights,
        Vocabulary = checkpoint.Vocabulary is { } vocabulary ? (vocabulary.OrdinaryDigest, vocabulary.AddedTokens) : ("", new Dictionary<int, string>()),
        CutsTiles = checkpoint.Config.Vision.Architecture is VisionArchitecture.InternVit or VisionArchitecture.SigLip,
        PruneLayers = pruneLayers,
        Stages = [.. stages.Select(s => s.ToString())],
        PrefixCacheOff = PrefixReuse.WhyOff(options.PrefixCacheMiB, stages),
        MaxSequenceTokens = options.MaxPromptTokens > 0 ? options.MaxPromptTokens : checkpoint.Config.Language.MaxPositions,
    };

    private static ComputeType TypeFor(Checkpoint checkpoint, DeviceId device, EngineOptions options) =>
        !device.IsCuda ? ComputeType.Float32
        : Enum.TryParse<ComputeType>(options.Cuda.ComputeType, ignoreCase: true, out var type) ? type
        : checkpoint.Config.TorchDtype == "float16" ? ComputeType.Float16
        : ComputeType.BFloat16;

    [LoggerMessage(EventId = 2, EventName = "BeyondTrainedLength", Level = LogLevel.Warning, Message = "MaxPromptTokens is {Limit}, the checkpoint was trained on at most {Trained} positions: longer prompts get worse answers.")]
    private static partial void LogBeyondTrainedLength(ILogger logger, int limit, int trained);

    [LoggerMessage(EventId = 4, EventName = "NoCodeForDevice", Level = LogLevel.Warning, Message = "{Device} is of compute capability {Capability}, for which ONNX Runtime's package seems to have no code: expect its first run to fail.")]
    private static partial void LogNoCode(ILogger logger, DeviceId device, string capability);

    [LoggerMessage(EventId = 5, EventName = "PrefixCacheOff", Level = LogLevel.Information, Message = "{Name} keeps no beginnings of prompts, each prompt runs whole: {Reason}.")]
    private static partial void LogPrefixCacheOff(ILogger logger, string name, string reason);

    [LoggerMessage(EventId = 3, EventName = "WeightsChosen", Level = LogLevel.Information, Message = "Weights of {Name} are {Weights}.")]
    private static partial void LogWeights(ILogger logger, string name, WeightSummary weights);

    [LoggerMessage(EventId = 1, EventName = "ModelLoaded", Level = LogLevel.Information, Message = "Loaded {Name} ({Family}, {Parameters} parameters, {Layers} layers) as {Stages} in {Elapsed}.")]
    private static partial void LogLoaded(ILogger logger, string name, string family, long parameters, int layers, string stages, TimeSpan elapsed);
}
