using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sgl.Guidance;
using Sgl.Inference.Internal;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Prefixes;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Scheduling;
using Sgl.Inference.Internal.Tracing;
using Sgl.Models;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference;

/// <summary>
/// A loaded vision-language model: prepares prompts, encodes images, generates answers with importance and exit scores (small role)
/// or with pruned visual tokens (large role). Safe for concurrent use; concurrent generations share decode steps.
/// </summary>
public sealed class VlmEngine : IAsyncDisposable
{
    // Layouts and digests of some thousand pictures.
    private const long PictureBytes = 4 << 20;

    private readonly EngineOptions _options;
    private readonly Checkpoint _checkpoint;
    private readonly WeightProvider _weights;
    private readonly VisionEncoder _vision;
    private readonly Decoder _decoder;
    private readonly Scheduler _scheduler;
    private readonly KvBudgets _budgets;
    private readonly PictureCache _pictures = new(PictureBytes);
    private readonly PrefixStore? _prefixes;
    private readonly PrefixReuse? _reuse;
    private readonly TimeProvider _time;
    private readonly GenerationRules _rules;
    private readonly GrammarTable _grammars;
    private long _recalled;

    internal VlmEngine(
        EngineOptions options, Checkpoint checkpoint, WeightProvider weights, VisionEncoder vision, Decoder decoder, KvBudgets budgets, ModelDescription model, TimeProvider time, ILogger logger)
    {
        _options = options;
        _checkpoint = checkpoint;
        _weights = weights;
        _vision = vision;
        _decoder = decoder;
        _budgets = budgets;
        _time = time;
        Model = model;
        _rules = new GenerationRules(options, model);
        IReadOnlyList<int> StopIds(Sequence sequence) => sequence.Options.Sampling.StopTokenIds ?? checkpoint.Generation.StopTokenIds;
        var vocabulary = checkpoint.Config.Language.VocabularySize;
        var choosable = checkpoint.Tokenizer?.VocabularySize ?? vocabulary;
        var buffers = new SamplingBuffers(vocabulary);
        var grammars = _grammars = new GrammarTable(checkpoint.Tokenizer);
        TokenChooser Chooser(Sequence sequence) => new(
            sequence.Options.Sampling, StopIds(sequence), vocabulary, choosable, buffers, sequence.Options.Grammar is { } grammar ? grammars.Begin(grammar) : null);
        var emitter = new TokenEmitter(decoder, checkpoint.Tokenizer, StopIds, Chooser);
        if (model.PrefixCacheOff is null)
        {
            _prefixes = new PrefixStore((long)options.PrefixCacheMiB << 20, decoder.Stages.Count, checkpoint.Config.Language.HiddenSize, decoder.RotatesAlike);
            _reuse = new PrefixReuse(_prefixes, decoder, checkpoint.Config.Language.Layers, checkpoint.Config.Language.HiddenSize);
        }

        _scheduler = new Scheduler(
            decoder, new Admission(decoder, budgets, options.MaxBatch), emitter, new ResultBuilder(decoder, _reuse, vocabulary, options.PrefillChunk, time), _reuse, options, time, logger);
    }

    /// <summary>What was loaded.</summary>
    public ModelDescription Model { get; }

    /// <summary>H, query heads of the decoder.</summary>
    public int AttentionHeads => _checkpoint.Config.Language.Heads;

    /// <summary>Current load.</summary>
    public EngineLoad Load => new(_scheduler.Running, _scheduler.Waiting, _budgets.Used, _budgets.Bytes) { KvBytesOccupied = _budgets.Occupied, PromptRowsWaiting = _scheduler.RowsLeft, VisionCacheBytes = _vision.CacheBytes, RecalledPictures = Interlocked.Read(ref _recalled), PrefixCache = _reuse?.Load ?? default, Devices = _decoder.Load };

    /// <summary>Opens a checkpoint folder, builds its graphs, creates the sessions and runs a first generation.</summary>
    /// <exception cref="CheckpointException">The folder is incomplete, inconsistent or of an unknown kind.</exception>
    /// <exception cref="EngineSettingsException">The placement setting does not fit the checkpoint.</exception>
    public static Task<VlmEngine> LoadAsync(
        EngineOptions options,
        ILoggerFactory? loggers = null,
        TimeProvider? time = null,
        IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Task.Run(() => EngineLoader.LoadAsync(options, loggers ?? NullLoggerFactory.Instance, time ?? TimeProvider.System, progress, cancellationToken), cancellationToken);

    /// <summary>Tokenises the chat and preprocesses its images.</summary>
    /// <exception cref="EngineRequestException">The chat or an image cannot be used.</exception>
    public Task<PreparedPrompt> PrepareAsync(PromptInput input, CancellationToken cancellationToken) =>
        Task.Run(() => Prepare(input, cancellationToken), cancellationToken);

    /// <summary>
    /// Prepares a prompt about pictures that were seen lately as <see cref="PrepareAsync"/> would, from <see cref="PromptInput.Digests"/>: nothing is decoded or resized, and
    /// their features are taken out of the cache.
    /// </summary>
    /// <returns>Null where a picture, or the features of one of its tiles, are not known any more: then <see cref="PrepareAsync"/> makes them.</returns>
    /// <exception cref="EngineRequestException">The chat cannot be used.</exception>
    public Task<PreparedPrompt?> RecallAsync(PromptInput input, CancellationToken cancellationToken) => Task.Run(() => Recall(input), cancellationToken);

    /// <summary>What <see cref="PrepareAsync"/> will take for images of these sizes, the images themselves not counted. Looks at no pixel.</summary>
    /// <param name="sizes">Columns and rows of all images of the prompt.</param>
    /// <param name="limits">Per-request limits of tiles or pixels; null takes the checkpoint's.</param>
    /// <returns>One for each image.</returns>
    /// <exception cref="EngineRequestException">An image cannot be used, or all of them have more visual tokens than a sequence may.</exception>
    public IReadOnlyList<ProcessingCost> EstimateProcessing(IReadOnlyList<(int Width, int Height)> sizes, ImageLimits? limits)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        var preprocessor = _checkpoint.Preprocessor.ForImages(sizes.Count);
        var costs = new ProcessingCost[sizes.Count];
        long tokens = 0;
        for (var i = 0; i < costs.Length; i++)
        {
            var (width, height) = sizes[i];
            tokens += Usable(i, () => preprocessor.Plan(width, height, limits)).TokenCount;
            costs[i] = Usable(i, () => preprocessor.Cost(width, height, limits));
        }

        return tokens <= Model.MaxSequenceTokens
            ? costs
            : throw new EngineRequestException("messages", $"the prompt has {tokens} visual tokens, at most {Model.MaxSequenceTokens} of all kinds are allowed") { Problem = RequestProblem.PromptTooLong };
    }

    /// <summary>Preprocesses one image as <see cref="PrepareAsync"/> does.</summary>
    /// <exception cref="ImageException">The image is outside the family's limits.</exception>
    public VisualInput Preprocess(RgbImage image, ImageLimits? limits = null) => _checkpoint.Preprocessor.Process(image, limits);

    /// <summary>Runs the vision tower over the prompt's images. Calling again, also concurrently, is free.</summary>
    public Task EncodeAsync(PreparedPrompt prompt, CancellationToken cancellationToken) => EncodeAsync(prompt, tokens: null, cancellationToken);

    /// <summary>Runs the vision tower over those tiles of the prompt's images that some visual tokens are made from, as far as it has not run yet.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="tokens">The visual tokens that will be needed; null: all.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public async Task EncodeAsync(PreparedPrompt prompt, KeepMask? tokens, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        await prompt.Features.EnsureAsync(prompt.Tiles.TilesFor(tokens), tiles => TimedEncodeAsync(prompt, tiles, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (prompt.Features.IsComplete)
        {
            prompt.LetPixelsGo();
        }
    }

    /// <summary>
    /// Runs the vision tower as <see cref="EncodeAsync(PreparedPrompt, KeepMask?, CancellationToken)"/> does before it is known what will be asked for, unless so much is kept of the
    /// prompt's images that its features may not be needed at all.
    /// </summary>
    public Task EncodeAheadAsync(PreparedPrompt prompt, KeepMask? tokens, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return prompt.ImageKeys() is { } keys && _reuse?.MayCover(keys) == true ? Task.CompletedTask : EncodeAsync(prompt, tokens, cancellationToken);
    }

    /// <summary>
    /// Visual features of a prompt, [N_I, <see cref="VlmConfig.FeatureWidth"/>]: per token what replaces its embedding, and what is added behind the first
    /// layers (DeepStack); computed once.
    /// </summary>
    public async Task<float[]> FeaturesAsync(PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        await EncodeAsync(prompt, cancellationToken).ConfigureAwait(false);
        return prompt.Features.Values;
    }

    /// <summary>Output of the vision tower before the projector, per run of the tower; for verification.</summary>
    public Task<IReadOnlyList<float[]>> VisionLastHiddenAsync(PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return _vision.LastHiddenAsync(prompt.Images, cancellationToken);
    }

    /// <summary>Generates an answer.</summary>
    /// <param name="prompt">From <see cref="PrepareAsync"/>.</param>
    /// <param name="options">Sampling, importance, pruning.</param>
    /// <param name="cancellationToken">Ends the work and frees its memory.</param>
    /// <exception cref="EngineRequestException">The options do not fit this engine or prompt.</exception>
    /// <exception cref="EngineOverloadedException">The queue is full.</exception>
    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(
        PreparedPrompt prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _rules.Check(prompt, options);
        if (options.Grammar is not null)
        {
            _grammars.Prepare();
        }

        var submitted = _time.GetTimestamp();
        // Verification wants to see all rows.
        var keys = _reuse is null || options.Trace is not null ? null : prompt.ImageKeys();
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var wake = gone.Token.Register(_scheduler.Wake);
        try
        {
            Sequence? sequence = null;
            if (keys is not null && !prompt.Features.IsComplete && _reuse!.MayCover(keys))
            {
                sequence = NewSequence(prompt, [], options, keys, submitted, gone.Token);
                _scheduler.Submit(sequence);
            }

            if (sequence is null || !await sequence.Begun.Task.ConfigureAwait(false))
            {
                var waited = sequence is null ? 0 : _time.GetTimestamp() - sequence.QueuedAt;

                // What layer 0 does not see is never looked at.
                await EncodeAsync(prompt, options.Plan.MaskAt(0), cancellationToken).ConfigureAwait(false);
                prompt.LetPixelsGo();
                var before = sequence;
                sequence = NewSequence(prompt, FeaturesOf(prompt), options, keys, submitted, gone.Token, before, waited);
                _scheduler.Submit(sequence, again: before is not null);
            }
            else
            {
                prompt.LetPixelsGo();
            }

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

    private float[] FeaturesOf(PreparedPrompt prompt)
    {
        prompt.Features.Allocate(_checkpoint.Config.FeatureWidth);
        var features = prompt.Features.Values;
        return features.LongLength == (long)prompt.VisualTokenCount * _checkpoint.Config.FeatureWidth
            ? features
            : throw new ArgumentException($"{prompt.VisualTokenCount} visual tokens of this model have {_checkpoint.Config.FeatureWidth} numbers each.", nameof(prompt));
    }

    private Sequence NewSequence(PreparedPrompt prompt, float[] features, GenerationOptions options, VisionKey[]? keys, long submitted, CancellationToken cancellationToken, Sequence? before = null, long waited = 0) =>
        new(prompt, features, PromptPositions.Of(prompt, _checkpoint), options, _checkpoint.Config.Language.Layers, cancellationToken)
        {
            SubmittedAt = submitted,
            ImageKeys = keys,
            QueuedAt = _time.GetTimestamp() - waited,
            ComesFirst = before is { HadItsTurn: true },
            Parent = EngineActivity.Parent,
        };

    /// <summary>Ends all work and frees models and memory.</summary>
    public ValueTask DisposeAsync()
    {
        _scheduler.Dispose();
        _prefixes?.Dispose();
        _decoder.Dispose();
        _vision.Dispose();
        _weights.Dispose();
        _checkpoint.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The first run of a session is several times slower than the second, and a model that cannot run should be known before it serves.</summary>
    /// <param name="picture">
    /// Whether the tower runs too. On a CPU a picture would take as long as making all sessions, and its first run differs from later ones by the memory it takes.
    /// </param>
    /// <param name="cancellationToken">Ends it.</param>
    internal async Task WarmUpAsync(bool picture, CancellationToken cancellationToken)
    {
        // A step is captured when it comes the second time, and launched as a whole the third.
        var tokens = Math.Min(_options.Cuda.Graphs ? 4 : 2, _options.MaxNewTokens);
        var options = new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = tokens, MinNewTokens = _options.Cuda.Graphs ? tokens : 1 } };
        PreparedPrompt prompt;
        if (_checkpoint.Template is null)
        {
            if (picture)
            {
                // Nobody can write a prompt with a picture in it, but the tower should have run.
                await _vision.LastHiddenAsync([Preprocess(Blank())], cancellationToken).ConfigureAwait(false);
            }

            prompt = new PreparedPrompt([0, 0], [], []) { CacheScope = "" };
        }
        else
        {
            IReadOnlyList<RgbImage> images = picture ? [Blank()] : [];
            var messages = new[] { new ChatMessage(ChatRole.User, [.. images.Select((_, i) => new ChatPart.Image(i)), new ChatPart.Text("?")]) };
            prompt = Prepare(new PromptInput { Images = images, Messages = messages, CacheScope = "" }, cancellationToken);
            if (_options.Importance && picture)
            {
                options = options with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 };
            }
        }

        await foreach (var _ in GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
        {
        }

        if (_decoder.CaptureFailure is { } failure)
        {
            throw new EngineSettingsException($"a decode step could not be captured: {failure.Message}. Turn Engine:Cuda:Graphs off", failure);
        }
    }

    private RgbImage Blank()
    {
        var side = Math.Max(56, _checkpoint.Config.TileSize);
        return new RgbImage(side, side, new byte[side * side * 3]);
    }

    private PreparedPrompt Prepare(PromptInput input, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();

        // The prompt first: one that is too long is refused before a pixel is touched.
        var preprocessor = _checkpoint.Preprocessor.ForImages(input.Images.Count);
        var (ids, spans) = Tokenize(input, input.Images.Count, i => Usable(i, () => preprocessor.Plan(input.Images[i].Width, input.Images[i].Height, input.ImageLimits)));
        var inputs = new VisualInput[input.Images.Count];
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i] = Usable(i, () => preprocessor.Process(input.Images[i], input.ImageLimits, cancellationToken));
        }

        VisionKey[][] tiles = [.. inputs.Select(image => VisionKey.OfTiles(image, input.CacheScope))];
        for (var i = 0; i < inputs.Length && input.Digests.Count == inputs.Length && input.CacheScope is not ""; i++)
        {
            _pictures.Add(KeyOf(input, i), inputs[i], tiles[i]);
        }

        return new PreparedPrompt(ids, spans, [.. spans.Select(s => inputs[s.ImageIndex])], [.. spans.SelectMany(s => tiles[s.ImageIndex])])
        {
            PreprocessTime = _time.GetElapsedTime(start),
            CacheScope = input.CacheScope,
            DropsPixels = input.DropPixels,
        };
    }

    private PreparedPrompt? Recall(PromptInput input)
    {
        var start = _time.GetTimestamp();
        var pictures = new KnownPicture[input.Digests.Count];
        for (var i = 0; i < pictures.Length; i++)
        {
            if (input.CacheScope is "" || _pictures.Find(KeyOf(input, i)) is not { } picture || !_vision.Knows(picture.Tiles))
            {
                return null;
            }

            pictures[i] = picture;
        }

        if (pictures.Length == 0)
        {
            return null;
        }

        var (ids, spans) = Tokenize(input, pictures.Length, i => pictures[i].Input.Layout);
        VisualInput[] images = [.. spans.Select(s => pictures[s.ImageIndex].Input)];
        VisionKey[] keys = [.. spans.SelectMany(s => pictures[s.ImageIndex].Tiles)];
        var prompt = new PreparedPrompt(ids, spans, images, keys) { CacheScope = input.CacheScope, DropsPixels = true, PreprocessTime = _time.GetElapsedTime(start) };
        if (!_vision.TryRecall(prompt.Features, images, keys))
        {
            return null;
        }

        Interlocked.Add(ref _recalled, pictures.Length);
        return prompt;
    }

    private static PictureKey KeyOf(PromptInput input, int image) => new(input.CacheScope, input.Digests[image], input.ImageLimits, input.Digests.Count == 1);

    /// <summary>The prompt's ids, and where its images stand in it, in its order.</summary>
    private (int[] Ids, List<ImageSpan> Spans) Tokenize(PromptInput input, int images, Func<int, VisualLayout> layout)
    {
        if (_checkpoint.Template is not { } template)
        {
            throw new EngineRequestException("messages", $"{Model.Name} has no tokenizer files, so it takes token ids only");
        }

        if (images > _options.MaxImages)
        {
            throw new EngineRequestException("images", $"has {images} images, at most {_options.MaxImages} are allowed");
        }

        int[] tokenCounts = [.. Enumerable.Range(0, images).Select(i => layout(i).TokenCount)];
        TokenizedPrompt tokenized;
        try
        {
            tokenized = template.Build(new PromptRequest(input.Messages, tokenCounts) { AllowSpecialTokensInText = input.AllowSpecialTokens, KeepPartOrder = input.KeepPartOrder });
        }
        catch (PromptException e)
        {
            throw new EngineRequestException(e.Field, e.Reason, e) { Problem = e.InnerException is TextTooLongException ? RequestProblem.PromptTooLong : RequestProblem.Other };
        }
        catch (TextTooLongException e)
        {
            throw new EngineRequestException("messages", e.Message, e) { Problem = RequestProblem.PromptTooLong };
        }

        if (tokenized.Ids.Length > Model.MaxSequenceTokens)
        {
            throw new EngineRequestException(
                "messages", $"the prompt has {tokenized.Ids.Length} tokens ({tokenCounts.Sum()} of them visual), at most {Model.MaxSequenceTokens} are allowed")
            { Problem = RequestProblem.PromptTooLong };
        }

        // All images' features lie in one array.
        if (tokenCounts.Sum(c => (long)c) * _checkpoint.Config.FeatureWidth > Array.MaxLength)
        {
            throw new EngineRequestException("images", $"have {tokenCounts.Sum()} visual tokens, at most {Array.MaxLength / _checkpoint.Config.FeatureWidth} can be encoded for one prompt") { Problem = RequestProblem.PromptTooLong };
        }

        return (tokenized.Ids, [.. tokenized.Images.OrderBy(s => s.Start)]);
    }

    private static T Usable<T>(int image, Func<T> use)
    {
        try
        {
            return use();
        }
        catch (ImageException e)
        {
            throw new EngineRequestException($"images[{image}]", e.Message, e) { Problem = RequestProblem.BadImage };
        }
    }

    private async Task TimedEncodeAsync(PreparedPrompt prompt, int[] tiles, CancellationToken cancellationToken)
    {
        if (prompt.Images.Any(i => i.PixelValues.Length == 0))
        {
            throw new InvalidOperationException("The pixels of this prompt were let go before all its tiles were encoded.");
        }

        var start = _time.GetTimestamp();
        using var span = EngineActivity.Vision(prompt, tiles.Length);
        try
        {
            await _vision.EncodeAsync(prompt.Features, prompt.Images, tiles, prompt.TileKeys(), prompt.CacheScope is not "", cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            prompt.VisionTime += _time.GetElapsedTime(start);
        }
    }
}
