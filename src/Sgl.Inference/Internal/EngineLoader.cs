using Microsoft.Extensions.Logging;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal;

/// <summary>From a checkpoint folder to an engine that has answered once.</summary>
internal static partial class EngineLoader
{
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
            var pruneLayers = PruneLayers(options, config.Layers);
            if (options.MaxPromptTokens > config.MaxPositions && config.Rope is not RopeConfig.DynamicNtk)
            {
                LogBeyondTrainedLength(logger, options.MaxPromptTokens, config.MaxPositions);
            }

            var cuts = DevicePlacement.Cut(placement, pruneLayers);
            var weights = new WeightProvider(checkpoint, WeightPlan.Of(options.Weights, checkpoint, cuts.Any(c => !c.Device.IsCuda)));
            owned.Push(weights);
            var budget = new KvBudget((long)options.KvBudgetMiB << 20);
            var parts = new LoadedParts(weights, options.PrepackWeights, progress);
            owned.Push(parts);

            // Parts share no weights that are packed, so each core makes one of its own.
            var vision = parts.Add("vision tower", Size(checkpoint.Config.Vision), s => new VisionEncoder(checkpoint, cuts[0].Device, s, TypeFor(checkpoint, cuts[0].Device), options.VisionBatch, new VisionCache((long)options.VisionCacheMiB << 20)));
            var head = parts.Add("head", (long)config.VocabularySize * config.HiddenSize, s => new Head(config, checkpoint.Decoder, cuts[^1].Device, s, TypeFor(checkpoint, cuts[^1].Device)));
            var stages = cuts
                .Select(cut => parts.Add(
                    $"layers {cut.First}-{cut.Last} on {cut.Device}",
                    cut.Count * Size(config),
                    s => new DecoderStage(config, checkpoint.Decoder, cut, s, budget, options.Importance, TypeFor(checkpoint, cut.Device))))
                .ToList();
            var reading = Task.Run(weights.Prefetch, CancellationToken.None);
            try
            {
                await parts.LoadAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                // It looks at mapped memory, which must not be unmapped meanwhile.
                await reading.ConfigureAwait(false);
            }

            var decoder = new Decoder(config, [.. stages.Select(s => s.Value)], head.Value, new EmbeddingTable(checkpoint.Weights, checkpoint.Decoder.Embedding, config.HiddenSize));
            var model = Describe(checkpoint, options, cuts, pruneLayers, weights.Summary(TypeFor(checkpoint, cuts[^1].Device)));
            var engine = new VlmEngine(options, checkpoint, weights, vision.Value, decoder, budget, model, time, logger);
            owned.Clear();
            progress?.Report(new LoadProgress("warm-up", parts.Fraction));
            try
            {
                await engine.WarmUpAsync(cancellationToken).ConfigureAwait(false);
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

    /// <summary>Parameters of a layer's matrices.</summary>
    private static long Size(LanguageModelConfig config) =>
        (long)config.HiddenSize * ((2L * (config.Heads + config.KvHeads) * config.HeadDim) + (3L * config.IntermediateSize));

    /// <summary>Parameters of the tower's matrices.</summary>
    private static long Size(VisionConfig config) => config.Layers * (long)config.HiddenSize * ((4L * config.HiddenSize) + (2L * config.IntermediateSize));

    private static List<int> PruneLayers(EngineOptions options, int layers)
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
        MaxSequenceTokens = options.MaxPromptTokens > 0 ? options.MaxPromptTokens : checkpoint.Config.Language.MaxPositions,
    };

    private static ComputeType TypeFor(Checkpoint checkpoint, DeviceId device) =>
        !device.IsCuda ? ComputeType.Float32
        : checkpoint.Config.TorchDtype == "float16" ? ComputeType.Float16
        : ComputeType.BFloat16;

    [LoggerMessage(EventId = 2, EventName = "BeyondTrainedLength", Level = LogLevel.Warning, Message = "MaxPromptTokens is {Limit}, the checkpoint was trained on at most {Trained} positions: longer prompts get worse answers.")]
    private static partial void LogBeyondTrainedLength(ILogger logger, int limit, int trained);

    [LoggerMessage(EventId = 3, EventName = "WeightsChosen", Level = LogLevel.Information, Message = "Weights of {Name} are {Weights}.")]
    private static partial void LogWeights(ILogger logger, string name, WeightSummary weights);

    [LoggerMessage(EventId = 1, EventName = "ModelLoaded", Level = LogLevel.Information, Message = "Loaded {Name} ({Family}, {Parameters} parameters, {Layers} layers) as {Stages} in {Elapsed}.")]
    private static partial void LogLoaded(ILogger logger, string name, string family, long parameters, int layers, string stages, TimeSpan elapsed);
}
