using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Sgl.Evaluation;
using Sgl.Experiments.Internal;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Experiments;

/// <summary>A pair of checkpoints in this process, as the subject of an evaluation: every method, greedy.</summary>
/// <remarks>
/// The vision tower runs once per question and model, not once per method, since no method changes what it sees before it; its
/// measured time is part of every answer's time all the same. In batches (see <see cref="LoadAsync"/>) everything that answers have in common is
/// computed once, and no answer has a time.
/// </remarks>
public sealed class EngineSubject : IEvaluationSubject, IAsyncDisposable
{
    private const double ConsistencyRatio = 0.05;

    private readonly VlmEngine _small;
    private readonly VlmEngine _large;
    private readonly ImageDecoder _decoder;
    private readonly RecentPrompts _smallPrompts;
    private readonly RecentPrompts _largePrompts;
    private readonly bool _isShared;
    private readonly ConcurrentDictionary<int, ImportanceTrend> _trends = [];

    private EngineSubject(VlmEngine small, VlmEngine large, ImageDecoderOptions pictures, int batch)
    {
        _isShared = batch > 1;
        _smallPrompts = new RecentPrompts(Math.Max(8, 2 * batch));
        _largePrompts = new RecentPrompts(Math.Max(8, 2 * batch));
        _decoder = new ImageDecoder(pictures);
        _small = small;
        _large = large;
        Description = new SubjectDescription(
            small.Model.Name,
            large.Model.Name,
            small.Model.Layers,
            large.Model.Layers,
            $"{string.Join(", ", large.Model.Stages)}; {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}")
        {
            SmallWeights = WeightsOf(small.Model),
            LargeWeights = WeightsOf(large.Model),
        };
    }

    /// <inheritdoc/>
    public SubjectDescription Description { get; }

    /// <summary>Loads both checkpoints.</summary>
    /// <param name="small">Options of the small model.</param>
    /// <param name="large">Options of the large model; its prune layers must hold every layer that a method prunes at.</param>
    /// <param name="progress">Progress of both, one after the other.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <param name="pictures">How both see images; null: upright and on white.</param>
    /// <param name="batch">Questions that will be in flight. Above 1 they share features, beginnings and steps as far as the options' caches allow, and answers have no times.</param>
    /// <exception cref="EvaluationException">The two lay out an image in different visual tokens.</exception>
    public static async Task<EngineSubject> LoadAsync(
        EngineOptions small, EngineOptions large, IProgress<LoadProgress>? progress, CancellationToken cancellationToken, ImageDecoderOptions? pictures = null, int batch = 1)
    {
        ArgumentNullException.ThrowIfNull(small);
        ArgumentNullException.ThrowIfNull(large);
        var smallEngine = await VlmEngine.LoadAsync(small, progress: progress, cancellationToken: cancellationToken).ConfigureAwait(false);
        try
        {
            var largeEngine = await VlmEngine.LoadAsync(large, progress: progress, cancellationToken: cancellationToken).ConfigureAwait(false);
            if (largeEngine.Model.VisualLayoutKey == smallEngine.Model.VisualLayoutKey)
            {
                return new EngineSubject(smallEngine, largeEngine, pictures ?? new ImageDecoderOptions(), batch);
            }

            await largeEngine.DisposeAsync().ConfigureAwait(false);
            throw new EvaluationException(
                $"{smallEngine.Model.Name} and {largeEngine.Model.Name} cannot be paired: their visual layouts are '{smallEngine.Model.VisualLayoutKey}' and '{largeEngine.Model.VisualLayoutKey}'");
        }
        catch
        {
            await smallEngine.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<SmallAnswer> AnswerSmallAsync(EvaluationQuestion question, IReadOnlyList<ImportanceOptions> importances, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(importances);
        var (prompt, decoding) = await PromptAsync(_small, _smallPrompts, question, cancellation).ConfigureAwait(false);
        var options = new GenerationOptions { Sampling = Sampling(question), Importance = new ImportanceOptions(), ConsistencyRatio = ConsistencyRatio };
        var result = await GenerateAsync(_small, prompt, options, cancellation).ConfigureAwait(false);
        var vectors = new List<float[]>(importances.Count);
        foreach (var wanted in importances)
        {
            // Other rows are another prefill; the ids are the same, so only the vector is of interest.
            vectors.Add(wanted == options.Importance
                ? result.Importance!
                : (await GenerateAsync(_small, prompt, options with { Importance = wanted, ConsistencyRatio = null }, cancellation).ConfigureAwait(false)).Importance!);
        }

        return new SmallAnswer(
            result.Text, result.TokenIds.Count, prompt.VisualTokenCount, result.Scores!, vectors, _isShared ? null : Timings(result, prompt, decoding), PeakMemory(_small, result));
    }

    /// <inheritdoc/>
    public async Task<LargeAnswer> AnswerLargeAsync(
        EvaluationQuestion question, int index, MethodConfiguration method, float[]? importance, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(method);
        var timed = await PromptAsync(_large, _largePrompts, question, cancellation).ConfigureAwait(false);
        var (whole, before) = timed;
        if (method.Method == PruningMethod.GuidedTiles)
        {
            // The only method that changes what the tower sees: it runs anew, for its tiles alone.
            whole = whole.Again();
        }
        else if (whole.EncodedTiles == 0)
        {
            var started = Environment.CpuUsage.TotalTime;
            await _large.EncodeAsync(whole, cancellation).ConfigureAwait(false);
            timed.Processor += Environment.CpuUsage.TotalTime - started;
        }

        var prompt = whole;
        var visual = whole.VisualTokenCount;
        var layers = _large.Model.Layers;
        var layer = method.Layer(layers);
        var options = new GenerationOptions { Sampling = Sampling(question) };
        switch (method.Method)
        {
            case PruningMethod.None:
                break;
            case PruningMethod.TokenMerging:
                var start = Stopwatch.GetTimestamp();
                prompt = await MergeAsync(whole, method.KeepRatio, cancellation).ConfigureAwait(false);
                before += Stopwatch.GetElapsedTime(start);
                break;
            case PruningMethod.FastV:
                options = options with { FastV = new FastVPruning(layer, method.KeepRatio) };
                break;
            case PruningMethod.GuidedTiles:
                var stays = TileSelection.Guided(importance, whole.Tiles, method.TileThreshold);
                options = options with { Plan = TilePlan.Create(Ranking.Descending(importance), whole.Tiles, stays, [(layer, method.KeepRatio)], layers) };
                break;
            case PruningMethod.Sgp when method.Rule is { } rule:
                options = options with { Plan = await PlanAsync(rule, rule.Points(layer, method.KeepRatio, layers), importance!, prompt, cancellation).ConfigureAwait(false) };
                break;
            default:
                var ranking = method.Method == PruningMethod.FastVOracle
                    ? (await GenerateAsync(_large, prompt, options with { Importance = method.Importance }, cancellation).ConfigureAwait(false)).Importance
                    : importance;
                var mask = method.Mask(visual, ranking, index)!;
                options = layer < layers
                    ? options with { Plan = PrunePlan.Create([new PruneStep(layer, mask)], layers, visual) }
                    : options;
                break;
        }

        var processor = Environment.CpuUsage.TotalTime;
        var result = await GenerateAsync(_large, prompt, options, cancellation).ConfigureAwait(false);
        processor = Environment.CpuUsage.TotalTime - processor;
        if (method.Method != PruningMethod.GuidedTiles)
        {
            processor += timed.Processor;
        }

        var share = visual == 0 ? 1
            : (double)(method.Method == PruningMethod.TokenMerging ? prompt.VisualTokenCount : result.Usage.KeptVisualTokens) / visual;
        var retention = method.Method switch
        {
            PruningMethod.TokenMerging => share,
            PruningMethod.GuidedTiles => options.Plan.AverageRetention(layers),
            PruningMethod.Sgp when method.Rule is not null => options.Plan.AverageRetention(layers),
            _ => PruneSchedule.AverageRetention(layer, share, layers),
        };
        var timings = _isShared ? null : Timings(result, whole, before) with { Processor = processor.TotalSeconds };
        return new LargeAnswer(result.Text, result.TokenIds.Count, visual, retention, timings, PeakMemory(_large, result))
        {
            Tiles = whole.Tiles.TileCount,
            // A tile that another answer paid for is needed all the same.
            EncodedTiles = whole.EncodedTiles + (_isShared ? whole.CachedTiles : 0),
        };
    }

    /// <summary>Learns what the small model looks at when it is asked nothing, for <see cref="GuidanceRuleKind.Debiased"/>.</summary>
    /// <param name="questions">Their pictures are looked at; each picture once.</param>
    /// <param name="places">Places along the visual tokens that are told apart.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task LearnTrendAsync(IEnumerable<EvaluationQuestion> questions, int places, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(questions);
        var samples = new List<float[]>();
        foreach (var question in questions.DistinctBy(q => q.Image.Name))
        {
            var (prompt, _) = await PromptAsync(_small, new RecentPrompts(), question with { Text = "" }, cancellation).ConfigureAwait(false);
            var options = new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 1 }, Importance = new ImportanceOptions { Source = ImportanceSource.Prompt } };
            samples.Add((await GenerateAsync(_small, prompt, options, cancellation).ConfigureAwait(false)).Importance!);
        }

        _trends[places] = ImportanceTrend.Fit(samples, places);
    }

    /// <summary>What the small model looks at in the image of a question.</summary>
    public async Task<TokenImportance> LookAsync(EvaluationQuestion question, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(question);
        var (prompt, _) = await PromptAsync(_small, _smallPrompts, question, cancellation).ConfigureAwait(false);
        var result = await GenerateAsync(
            _small, prompt, new GenerationOptions { Sampling = Sampling(question), Importance = new ImportanceOptions() }, cancellation).ConfigureAwait(false);
        var pixels = _decoder.Decode(await question.Image.ReadAsync(cancellation).ConfigureAwait(false), cancellation);
        return new TokenImportance(pixels, prompt.Images[0].Layout, result.Importance!, result.Text);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _small.DisposeAsync().ConfigureAwait(false);
        await _large.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<PrunePlan> PlanAsync(
        GuidanceRule rule, IReadOnlyList<(int Layer, double KeepRatio)> points, float[] importance, PreparedPrompt prompt, CancellationToken cancellation)
    {
        var features = rule.Kind is GuidanceRuleKind.Determinantal or GuidanceRuleKind.MaxMin ? await _large.FeaturesAsync(prompt, cancellation).ConfigureAwait(false) : [];
        return rule.Plan(importance, points, _large.Model.Layers, features, _trends.GetValueOrDefault((int)rule.Parameter));
    }

    private Task<TimedPrompt> PromptAsync(VlmEngine engine, RecentPrompts recent, EvaluationQuestion question, CancellationToken cancellation) =>
        recent.GetAsync(question, async () =>
        {
            var bytes = await question.Image.ReadAsync(cancellation).ConfigureAwait(false);
            var start = Stopwatch.GetTimestamp();
            var image = _decoder.Decode(bytes);
            var decoding = Stopwatch.GetElapsedTime(start);
            var input = new PromptInput
            {
                Images = [image],
                // A question without words is one about the picture alone.
                Messages = [new ChatMessage(ChatRole.User, [question.Text.Length == 0 ? new ChatPart.Image(0) : new ChatPart.Text(question.Text)])],
                // Unless in batches, every answer is charged with its vision tower, so no earlier one may have paid for it.
                CacheScope = _isShared ? "eval" : "",
                ImageLimits = question.MaxTiles > 0 ? new ImageLimits { MaxTiles = question.MaxTiles } : null,
            };
            return new TimedPrompt(await engine.PrepareAsync(input, cancellation).ConfigureAwait(false), decoding);
        });

    /// <summary>ToMe: similar visual features are averaged before the language model, which then sees a shorter prompt.</summary>
    private async Task<PreparedPrompt> MergeAsync(PreparedPrompt prompt, double ratio, CancellationToken cancellation)
    {
        if (prompt.Images.Any(image => image.Grid is not null))
        {
            throw new EvaluationException("merging before the language model is not defined for models that number visual tokens by row and column (M-RoPE)");
        }

        var features = await _large.FeaturesAsync(prompt, cancellation).ConfigureAwait(false);
        var merged = TokenMerging.Merge(features, _large.Model.HiddenSize, Math.Max(1, KeepCount.Of(prompt.VisualTokenCount, ratio)));
        var positions = prompt.VisualPositions();
        var dropped = positions.ToHashSet();
        var representatives = merged.Representatives.ToHashSet();
        foreach (var token in representatives)
        {
            dropped.Remove(positions[token]);
        }

        var spans = new List<ImageSpan>();
        var first = 0;
        foreach (var span in prompt.Spans)
        {
            var left = Enumerable.Range(first, span.Count).Count(representatives.Contains);
            var before = dropped.Count(p => p < span.Start);
            spans.Add(new ImageSpan(span.ImageIndex, span.Start - before, left));
            first += span.Count;
        }

        return PreparedPrompt.FromFeatures([.. prompt.Ids.Where((_, i) => !dropped.Contains(i))], spans, merged.Features);
    }

    /// <summary>Fingerprint of the weights as computed with: results of 8 bits are not continued in float32.</summary>
    private static string WeightsOf(ModelDescription model) =>
        model.Weights is { RowWise8: 0, Blocks4: 0 } ? model.WeightsDigest : $"{model.WeightsDigest} as {model.Weights.Kind} of {model.Weights.Bits} bits";

    private static async Task<GenerationResult> GenerateAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options, CancellationToken cancellation)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, cancellation).ConfigureAwait(false))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }

    private static SamplingOptions Sampling(EvaluationQuestion question) => new()
    {
        MaxNewTokens = question.MaxNewTokens,
        MinNewTokens = question.MinNewTokens,
    };

    private static AnswerTimings Timings(GenerationResult result, PreparedPrompt prompt, TimeSpan before)
    {
        var t = result.Timings;
        var vision = before + prompt.PreprocessTime + prompt.VisionTime;
        return new AnswerTimings(
            (vision + t.Prefill + t.Decode + t.Consistency).TotalSeconds,
            vision.TotalSeconds,
            t.Prefill.TotalSeconds,
            t.Decode.TotalSeconds,
            t.Consistency.TotalSeconds);
    }

    /// <summary>Weights in compute precision and the sequence's KV cache: what a deployment has to hold, without the runtime's work space.</summary>
    private static long PeakMemory(VlmEngine engine, GenerationResult result) =>
        (engine.Model.Weights is { RowWise8: 0, Blocks4: 0 } ? engine.Model.ParameterCount * sizeof(float) : engine.Model.Weights.Bytes) + result.Usage.KvBytes;
}

/// <summary>An image with its visual tokens' importance.</summary>
/// <param name="Pixels">The image.</param>
/// <param name="Layout">Its tokens.</param>
/// <param name="Importance">One number per visual token.</param>
/// <param name="Answer">The small model's answer.</param>
public sealed record TokenImportance(RgbImage Pixels, VisualLayout Layout, float[] Importance, string Answer);
