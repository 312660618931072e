using Sgl.Inference;
using Sgl.Models;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Bench;

/// <summary>A prompt with its number of visual tokens.</summary>
internal sealed record BenchPrompt(string Name, PreparedPrompt Prompt);

/// <summary>What is measured: a model in the small role and one in the large role, which may be the same.</summary>
internal sealed class Subject : IAsyncDisposable
{
    // InternVL2's system text, and a question with the benchmark's suffix.
    private const int TextBefore = 40;
    private const int TextAfter = 40;

    private readonly BenchOptions _options;
    private readonly Func<VlmEngine, IReadOnlyList<BenchPrompt>>? _prompts;
    private readonly string _smallFolder;
    private readonly string _largeFolder;
    private VlmEngine? _engine;
    private bool _engineIsLarge;

    private Subject(string description, string smallFolder, string largeFolder, BenchOptions options, Func<VlmEngine, IReadOnlyList<BenchPrompt>>? prompts)
    {
        Description = description;
        _smallFolder = smallFolder;
        _largeFolder = largeFolder;
        _options = options;
        _prompts = prompts;
    }

    public string Description { get; }

    /// <summary>Its name on the command line.</summary>
    public required string Target { get; init; }

    /// <summary>The small model's checkpoint folder.</summary>
    public string Folder => _smallFolder;

    /// <summary>The small model's folder with a tokenizer: it takes chats.</summary>
    public string SmallServed => _prompts is null ? _smallFolder : WideFolder.Served(_smallFolder);

    /// <summary>The large model's.</summary>
    public string LargeServed => _prompts is null ? _largeFolder : WideFolder.Served(_largeFolder);

    /// <summary>Columns and rows of pictures; those of random weights are seven tiles, six and the overview.</summary>
    public IReadOnlyList<(int Width, int Height)> PictureSizes => _prompts is null ? [(448, 336)] : [(1344, 896)];

    /// <summary>An engine of the small model that the caller disposes, with weights of a kind.</summary>
    public Task<VlmEngine> OwnEngineAsync(string weights) =>
        VlmEngine.LoadAsync(new EngineOptions { Checkpoint = _smallFolder, ImageTokenId = _prompts is null ? null : 3, KvBudgetMiB = 1024, VisionCacheMiB = 0, PrefixCacheMiB = 0, Weights = weights });

    /// <summary>An engine of the small model that the caller disposes, with settings of its own.</summary>
    public Task<VlmEngine> OwnEngineAsync(EngineOptions settings)
    {
        settings.Checkpoint = _smallFolder;
        settings.ImageTokenId = _prompts is null ? null : 3;
        settings.Weights = _options.Weights;
        return VlmEngine.LoadAsync(settings);
    }

    public static Task<Subject> LoadAsync(string target, BenchOptions options)
    {
        if (target == "demo")
        {
            var models = Repository.Path("models");
            return Task.FromResult(new Subject("the demo pair", Path.Combine(models, "sgl-demo-small"), Path.Combine(models, "sgl-demo-large"), options, null) { Target = target });
        }

        var shape = target == "1b" ? RealShapes.OneB : RealShapes.TwoB;
        var folder = WideFolder.Weights(target, options.Cache);
        var description = $"a language model of InternVL2-{target.ToUpperInvariant()}'s shape ({shape.Layers} layers, {shape.Hidden} wide, {shape.Heads} heads, {shape.KvHeads} key heads, "
            + $"inner {shape.Inner}, vocabulary {shape.Vocabulary}), random weights; visual features are random too";
        return Task.FromResult(new Subject(description + ". The vision tower is InternViT-300M's shape and is run only where a table says so", folder, folder, options, engine => [.. options.Visual.Select(n => Random(engine, shape, n))]) { Target = target });
    }

    /// <summary>The engine of a role; the other role's is unloaded first, so that both never share the memory.</summary>
    public async Task<VlmEngine> EngineAsync(bool large)
    {
        if (_engine is not null && (_engineIsLarge == large || _smallFolder == _largeFolder))
        {
            return _engine;
        }

        if (_engine is not null)
        {
            await _engine.DisposeAsync();
        }

        _engineIsLarge = large;
        Console.WriteLine("loading ...");
        // Without a prune layer list the engine is cut at the paper's layers, as the large service runs it.
        return _engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = large ? _largeFolder : _smallFolder, ImageTokenId = _prompts is null ? null : 3, KvBudgetMiB = 4096, VisionCacheMiB = 0, PrefixCacheMiB = 0, PrepackWeights = _options.Prepack, Weights = _options.Weights });
    }

    public LanguageModelConfig Config(bool large)
    {
        using var checkpoint = Checkpoint.Open(large ? _largeFolder : _smallFolder);
        return checkpoint.Config.Language;
    }

    public async Task<IReadOnlyList<BenchPrompt>> PromptsAsync(bool large, VlmEngine? own = null)
    {
        var engine = own ?? await EngineAsync(large);
        if (_prompts is not null)
        {
            return _prompts(engine);
        }

        var prompts = new List<BenchPrompt>();
        foreach (var (width, height) in _options.Full ? new[] { (112, 112), (336, 224), (448, 336) } : [(336, 224)])
        {
            var noise = new byte[width * height * 3];
            new Random(1).NextBytes(noise);
            var chat = new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("What is the code in the red box?")]);
            var prompt = await engine.PrepareAsync(new PromptInput { Images = [new RgbImage(width, height, noise)], Messages = [chat] }, CancellationToken.None);
            await engine.EncodeAsync(prompt, CancellationToken.None);
            prompts.Add(new BenchPrompt($"{prompt.VisualTokenCount} visual of {prompt.Ids.Length}", prompt));
        }

        return prompts;
    }

    /// <summary>A prompt of one tile of noise, never encoded before.</summary>
    public PreparedPrompt Tile()
    {
        using var checkpoint = Checkpoint.Open(_smallFolder);
        int side = checkpoint.Config.TileSize, tokens = checkpoint.Config.TokensPerTile, rows = (int)Math.Sqrt(tokens);
        var pixels = new float[3 * side * side];
        var random = new Random(7);
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = random.NextSingle() - 0.5f;
        }

        var layout = new VisualLayout(side, side, [new VisualTile(0, TileKind.Tile, 0, rows, rows, 0, 0, side, side)]);
        return new PreparedPrompt([.. Enumerable.Repeat(3, tokens)], [new ImageSpan(0, 0, tokens)], [new VisualInput { PixelValues = pixels, Shape = [1, 3, side, side], Layout = layout }]);
    }

    public async ValueTask DisposeAsync()
    {
        if (_engine is not null)
        {
            await _engine.DisposeAsync();
        }
    }

    private static BenchPrompt Random(VlmEngine engine, CheckpointShape shape, int visual)
    {
        var random = new Random(visual);
        IEnumerable<int> Text(int count) => Enumerable.Range(0, count).Select(_ => random.Next(10, engine.Model.VocabularySize));
        int[] ids = [.. Text(TextBefore), .. Enumerable.Repeat(3, visual), .. Text(TextAfter)];
        float[] features = [.. Enumerable.Range(0, visual * shape.Hidden).Select(_ => random.NextSingle() - 0.5f)];
        return new BenchPrompt($"{visual} visual of {ids.Length}", PreparedPrompt.FromFeatures(ids, [new ImageSpan(0, TextBefore, visual)], features));
    }
}
