using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Scheduling;
using Sgl.Models;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference;

/// <summary>
/// A loaded vision-language model: prepares prompts, encodes images, generates answers with importance and exit scores (small role)
/// or with pruned visual tokens (large role). Safe for concurrent use; concurrent generations share decode steps.
/// </summary>
public sealed partial class VlmEngine : IAsyncDisposable
{
    private readonly EngineOptions _options;
    private readonly Checkpoint _checkpoint;
    private readonly WeightProvider _weights;
    private readonly VisionEncoder _vision;
    private readonly Decoder _decoder;
    private readonly Scheduler _scheduler;
    private readonly KvBudget _budget;
    private readonly TimeProvider _time;

    private VlmEngine(
        EngineOptions options, Checkpoint checkpoint, WeightProvider weights, VisionEncoder vision, Decoder decoder, KvBudget budget, ModelDescription model, TimeProvider time, ILogger logger)
    {
        _options = options;
        _checkpoint = checkpoint;
        _weights = weights;
        _vision = vision;
        _decoder = decoder;
        _budget = budget;
        _time = time;
        Model = model;
        IReadOnlyList<int> StopIds(Sequence sequence) => sequence.Options.Sampling.StopTokenIds ?? checkpoint.Generation.StopTokenIds;
        var vocabulary = checkpoint.Config.Language.VocabularySize;
        var choosable = checkpoint.Tokenizer?.VocabularySize ?? vocabulary;
        _scheduler = new Scheduler(
            decoder,
            budget,
            options,
            StopIds,
            vocabulary,
            sequence => new TokenChooser(sequence.Options.Sampling, StopIds(sequence), vocabulary, choosable),
            sequence => checkpoint.Tokenizer is { } tokenizer ? new StreamingDetokenizer(tokenizer, sequence.Options.Sampling.StopStrings) : null,
            time,
            logger);
    }

    /// <summary>What was loaded.</summary>
    public ModelDescription Model { get; }

    /// <summary>H, query heads of the decoder.</summary>
    public int AttentionHeads => _checkpoint.Config.Language.Heads;

    /// <summary>Current load.</summary>
    public EngineLoad Load => new(_scheduler.Running, _scheduler.Waiting, _budget.Used, _budget.Bytes);

    /// <summary>Opens a checkpoint folder, builds its graphs, creates the sessions and runs a first generation.</summary>
    /// <exception cref="CheckpointException">The folder is incomplete, inconsistent or of an unknown kind.</exception>
    /// <exception cref="FormatException">The placement setting does not fit the checkpoint.</exception>
    public static Task<VlmEngine> LoadAsync(
        EngineOptions options,
        ILoggerFactory? loggers = null,
        TimeProvider? time = null,
        IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Task.Run(() => LoadCoreAsync(options, loggers ?? NullLoggerFactory.Instance, time ?? TimeProvider.System, progress, cancellationToken), cancellationToken);

    /// <summary>Tokenises the chat and preprocesses its images.</summary>
    /// <exception cref="RequestException">The chat or an image cannot be used.</exception>
    public Task<PreparedPrompt> PrepareAsync(PromptInput input, CancellationToken cancellationToken) =>
        Task.Run(() => Prepare(input, cancellationToken), cancellationToken);

    /// <summary>Preprocesses one image as <see cref="PrepareAsync"/> does.</summary>
    /// <exception cref="ImageException">The image is outside the family's limits.</exception>
    public VisualInput Preprocess(RgbImage image, ImageLimits? limits = null) => _checkpoint.Preprocessor.Process(image, limits);

    /// <summary>Runs the vision tower over the prompt's images. Calling again, also concurrently, is free.</summary>
    public async Task EncodeAsync(PreparedPrompt prompt, CancellationToken cancellationToken) =>
        await FeaturesAsync(prompt, cancellationToken).ConfigureAwait(false);

    /// <summary>Visual features of a prompt, [N_I, hidden]; computed once.</summary>
    public Task<float[]> FeaturesAsync(PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return prompt.VisualTokenCount == 0 ? Task.FromResult(Array.Empty<float>()) : EncodeCoreAsync();

        async Task<float[]> EncodeCoreAsync()
        {
            while (true)
            {
                try
                {
                    var features = prompt.FeaturesOnce(() => TimedEncodeAsync(prompt, cancellationToken));
                    return await features.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
                {
                    // Whoever began the encoding went away; this caller did not, and begins it anew.
                }
            }
        }
    }

    /// <summary>Output of the vision tower before the projector, per run of the tower; for verification.</summary>
    public async Task<IReadOnlyList<float[]>> VisionLastHiddenAsync(PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        var runs = new List<float[]>();
        await _vision.EncodeAsync(prompt.Images, runs, cancellationToken).ConfigureAwait(false);
        return runs;
    }

    /// <summary>Generates an answer.</summary>
    /// <param name="prompt">From <see cref="PrepareAsync"/>.</param>
    /// <param name="options">Sampling, importance, pruning.</param>
    /// <param name="cancellationToken">Ends the work and frees its memory.</param>
    /// <exception cref="RequestException">The options do not fit this engine or prompt.</exception>
    /// <exception cref="EngineOverloadedException">The queue is full.</exception>
    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(
        PreparedPrompt prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Validate(prompt, options);
        var submitted = _time.GetTimestamp();
        var features = await FeaturesAsync(prompt, cancellationToken).ConfigureAwait(false);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sequence = new Sequence(prompt, features, PromptPositions.Of(prompt, _checkpoint), options, _checkpoint.Config.Language.Layers, gone.Token)
        {
            SubmittedAt = submitted,
        };
        _scheduler.Submit(sequence);
        using var wake = gone.Token.Register(_scheduler.Wake);
        try
        {
            await foreach (var generated in sequence.Events.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return generated;
            }
        }
        finally
        {
            // A caller that stops reading must not keep its sequence running.
            await gone.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends all work and frees models and memory.</summary>
    public ValueTask DisposeAsync()
    {
        _scheduler.Dispose();
        _decoder.Dispose();
        _vision.Dispose();
        _weights.Dispose();
        _checkpoint.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task<VlmEngine> LoadCoreAsync(
        EngineOptions options, ILoggerFactory loggers, TimeProvider time, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        OrtHost.EnsureCreated(options.Threads);
        var logger = loggers.CreateLogger<VlmEngine>();
        var start = time.GetTimestamp();
        var checkpoint = Checkpoint.Open(options.Checkpoint, new CheckpointOptions { ImageTokenId = options.ImageTokenId });
        var weights = new WeightProvider(checkpoint.Weights);
        var owned = new Stack<IDisposable>([checkpoint, weights]);
        try
        {
            var config = checkpoint.Config.Language;
            var placement = DevicePlacement.Parse(options.Placement, config.Layers);
            var pruneLayers = PruneLayers(options, config.Layers);
            var cuts = DevicePlacement.Cut(placement, pruneLayers);
            var sessions = new SessionFactory(weights, options.PrepackWeights);
            var budget = new KvBudget((long)options.KvBudgetMiB << 20);
            var total = cuts.Count + 3.0;

            progress?.Report(new LoadProgress("vision tower", 0));
            var vision = new VisionEncoder(checkpoint, cuts[0].Device, sessions, TypeFor(checkpoint, cuts[0].Device), options.VisionBatch);
            owned.Push(vision);
            var stages = new List<DecoderStage>();
            foreach (var cut in cuts)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new LoadProgress($"layers {cut.First}-{cut.Last} on {cut.Device}", (1 + stages.Count) / total));
                var stage = new DecoderStage(config, checkpoint.Decoder, cut, sessions, budget, options.Importance, TypeFor(checkpoint, cut.Device));
                stages.Add(stage);
                owned.Push(stage);
            }

            progress?.Report(new LoadProgress("head", (total - 2) / total));
            var head = new Head(config, checkpoint.Decoder, cuts[^1].Device, sessions, TypeFor(checkpoint, cuts[^1].Device));
            owned.Push(head);
            var decoder = new Decoder(config, stages, head, new EmbeddingTable(checkpoint.Weights, checkpoint.Decoder.Embedding, config.HiddenSize));
            var model = Describe(checkpoint, options, cuts, pruneLayers);
            var engine = new VlmEngine(options, checkpoint, weights, vision, decoder, budget, model, time, logger);
            owned.Clear();
            progress?.Report(new LoadProgress("warm-up", (total - 1) / total));
            await engine.WarmUpAsync(cancellationToken).ConfigureAwait(false);
            progress?.Report(new LoadProgress("ready", 1));
            if (logger.IsEnabled(LogLevel.Information))
            {
                LogLoaded(logger, model.Name, model.Family, model.ParameterCount, model.Layers, string.Join(", ", model.Stages), time.GetElapsedTime(start));
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

    /// <summary>The first run of a session is several times slower than the second, and a model that cannot run should be known before it serves.</summary>
    private async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        var options = new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = Math.Min(2, _options.MaxNewTokens) } };
        PreparedPrompt prompt;
        if (_checkpoint.Template is null)
        {
            prompt = new PreparedPrompt([0, 0], [], []);
        }
        else
        {
            var side = Math.Max(56, _checkpoint.Config.TileSize);
            var messages = new[] { new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("?")]) };
            prompt = Prepare(new PromptInput { Images = [new RgbImage(side, side, new byte[side * side * 3])], Messages = messages }, cancellationToken);
            options = options with
            {
                Importance = _options.Importance ? new ImportanceOptions() : null,
                ConsistencyRatio = _options.Importance ? 0.05 : null,
            };
        }

        await foreach (var _ in GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
        {
        }
    }

    private PreparedPrompt Prepare(PromptInput input, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        if (_checkpoint.Template is not { } template)
        {
            throw new RequestException("messages", $"{Model.Name} has no tokenizer files, so it takes token ids only");
        }

        if (input.Images.Count > _options.MaxImages)
        {
            throw new RequestException("images", $"has {input.Images.Count} images, at most {_options.MaxImages} are allowed");
        }

        var preprocessor = _checkpoint.Preprocessor.ForImages(input.Images.Count);
        var inputs = new VisualInput[input.Images.Count];
        for (var i = 0; i < inputs.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                inputs[i] = preprocessor.Process(input.Images[i], input.ImageLimits);
            }
            catch (ImageException e)
            {
                throw new RequestException($"images[{i}]", e.Message, e);
            }
        }

        TokenizedPrompt tokenized;
        try
        {
            tokenized = template.Build(new PromptRequest(input.Messages, [.. inputs.Select(i => i.Layout.TokenCount)]) { AllowSpecialTokensInText = input.AllowSpecialTokens });
        }
        catch (PromptException e)
        {
            throw new RequestException(e.Field, e.Reason, e);
        }
        catch (TextTooLongException e)
        {
            throw new RequestException("messages", e.Message, e);
        }

        var ordered = tokenized.Images.OrderBy(s => s.Start).ToList();
        var prompt = new PreparedPrompt(tokenized.Ids, ordered, [.. ordered.Select(s => inputs[s.ImageIndex])]) { PreprocessTime = _time.GetElapsedTime(start) };
        return prompt.Ids.Length <= Model.MaxSequenceTokens
            ? prompt
            : throw new RequestException("messages", $"the prompt has {prompt.Ids.Length} tokens ({prompt.VisualTokenCount} of them visual), at most {Model.MaxSequenceTokens} are allowed");
    }

    private async Task<float[]> TimedEncodeAsync(PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        var features = await _vision.EncodeAsync(prompt.Images, lastHidden: null, cancellationToken).ConfigureAwait(false);
        prompt.VisionTime = _time.GetElapsedTime(start);
        return features;
    }

    private void Validate(PreparedPrompt prompt, GenerationOptions options)
    {
        var outside = Array.FindIndex(prompt.Ids, id => id < 0 || id >= Model.VocabularySize);
        if (prompt.Ids.Length == 0 || outside >= 0)
        {
            throw new RequestException("messages", outside < 0 ? "the prompt is empty" : $"id {prompt.Ids[outside]} at {outside} is not in the vocabulary of {Model.VocabularySize}");
        }

        var sampling = options.Sampling;
        if (sampling.MaxNewTokens < 1 || sampling.MaxNewTokens > _options.MaxNewTokens)
        {
            throw new RequestException("sampling.max_new_tokens", $"must be between 1 and {_options.MaxNewTokens}, was {sampling.MaxNewTokens}");
        }

        if (sampling.MinNewTokens < 0 || sampling.MinNewTokens > sampling.MaxNewTokens)
        {
            throw new RequestException("sampling.min_new_tokens", $"must be between 0 and max_new_tokens ({sampling.MaxNewTokens}), was {sampling.MinNewTokens}");
        }

        if (!(sampling.Temperature >= 0) || !float.IsFinite(sampling.Temperature))
        {
            throw new RequestException("sampling.temperature", $"must be a number of at least 0, was {sampling.Temperature}");
        }

        if (!(sampling.TopP is > 0 and <= 1))
        {
            throw new RequestException("sampling.top_p", $"must be above 0 and at most 1, was {sampling.TopP}");
        }

        if (sampling.TopK < 0)
        {
            throw new RequestException("sampling.top_k", $"must be at least 0, was {sampling.TopK}");
        }

        if (prompt.Ids.Length + sampling.MaxNewTokens > Model.MaxSequenceTokens)
        {
            throw new RequestException(
                "sampling.max_new_tokens", $"prompt ({prompt.Ids.Length} tokens) and new tokens ({sampling.MaxNewTokens}) exceed {Model.MaxSequenceTokens}");
        }

        if (options.Importance is { } importance)
        {
            if (!_options.Importance)
            {
                throw new RequestException("importance", "this engine was loaded without importance (Engine:Importance)");
            }

            try
            {
                _ = importance.Layers(Model.Layers);
            }
            catch (GuidanceException e)
            {
                throw new RequestException(e.Field, e.Message, e);
            }
        }

        if (options.ConsistencyRatio is { } ratio && (!(ratio is >= 0 and <= 1) || (options.Importance is null && prompt.VisualTokenCount > 0)))
        {
            throw new RequestException("consistency_ratio", $"must be between 0 and 1 and needs importance, was {ratio}");
        }

        if (options.FastV is { } own)
        {
            ValidateFastV(own, options);
        }

        if (options.Plan.Steps.Count == 0)
        {
            return;
        }

        if (options.ConsistencyRatio is not null || options.Importance is not null)
        {
            throw new RequestException("importance", "importance and consistency speak about all visual tokens and cannot be combined with a prune plan");
        }

        if (options.Importance is not null)
        {
            throw new RequestException("importance", "cannot be combined with a prune plan");
        }

        foreach (var step in options.Plan.Steps)
        {
            if (!Model.PruneLayers.Contains(step.Layer))
            {
                throw new RequestException("guidance.prune_layer", $"{step.Layer} is not a prune layer of this model; allowed: {string.Join(", ", Model.PruneLayers)}");
            }

            if (step.Mask.Length != prompt.VisualTokenCount)
            {
                throw new RequestException("guidance.mask", $"has {step.Mask.Length} bits, the prompt has {prompt.VisualTokenCount} visual tokens");
            }
        }
    }

    private void ValidateFastV(FastVPruning own, GenerationOptions options)
    {
        if (!_options.Importance || options.Importance is not null || options.Plan.Steps.Count > 0 || options.ConsistencyRatio is not null)
        {
            throw new RequestException("fastv", "needs an engine with importance (Engine:Importance) and excludes importance, consistency and a prune plan");
        }

        if (own.Layer < 1 || !Model.PruneLayers.Contains(own.Layer))
        {
            throw new RequestException("fastv.layer", $"{own.Layer} is not a prune layer of this model; allowed: {string.Join(", ", Model.PruneLayers.Where(l => l > 0))}");
        }

        if (!(own.Ratio is >= 0 and <= 1))
        {
            throw new RequestException("fastv.ratio", $"must be between 0 and 1, was {own.Ratio}");
        }
    }

    private static List<int> PruneLayers(EngineOptions options, int layers)
    {
        if (options.PruneLayers.Count > 0)
        {
            var outside = options.PruneLayers.Where(l => l < 0 || l >= layers).ToList();
            return outside.Count == 0
                ? [.. options.PruneLayers.Distinct().Order()]
                : throw new FormatException($"PruneLayers names {string.Join(", ", outside)}, the checkpoint has layers 0 to {layers - 1}");
        }

        double[] fractions = [0, 0.05, 0.1, 0.2, 0.3, 0.4];
        return [.. fractions.Select(f => PruneSchedule.Layer(layers, f)).Distinct().Order()];
    }

    private static ModelDescription Describe(Checkpoint checkpoint, EngineOptions options, IReadOnlyList<LayerPlacement> stages, IReadOnlyList<int> pruneLayers) => new()
    {
        Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint.Folder))),
        Family = checkpoint.Family.ModelTypes[0],
        Layers = checkpoint.Config.Language.Layers,
        HiddenSize = checkpoint.Config.Language.HiddenSize,
        VocabularySize = checkpoint.Config.Language.VocabularySize,
        ParameterCount = checkpoint.Weights.Entries.Sum(e => e.ElementCount),
        VisualLayoutKey = checkpoint.VisualLayoutKey,
        TokenizerDigest = checkpoint.TokenizerDigest,
        PruneLayers = pruneLayers,
        Stages = [.. stages.Select(s => s.ToString())],
        MaxSequenceTokens = options.MaxPromptTokens > 0 ? Math.Min(options.MaxPromptTokens, checkpoint.Config.Language.MaxPositions) : checkpoint.Config.Language.MaxPositions,
    };

    private static ComputeType TypeFor(Checkpoint checkpoint, DeviceId device) =>
        !device.IsCuda ? ComputeType.Float32
        : checkpoint.Config.TorchDtype == "float16" ? ComputeType.Float16
        : ComputeType.BFloat16;

    [LoggerMessage(EventId = 1, EventName = "ModelLoaded", Level = LogLevel.Information, Message = "Loaded {Name} ({Family}, {Parameters} parameters, {Layers} layers) as {Stages} in {Elapsed}.")]
    private static partial void LogLoaded(ILogger logger, string name, string family, long parameters, int layers, string stages, TimeSpan elapsed);
}
