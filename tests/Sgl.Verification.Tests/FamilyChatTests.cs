using System.Text.Json;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Verification.Tests;

/// <summary>Chats with several images and turns, from text to answer, for every family: the tiny checkpoints get a byte-level tokenizer.</summary>
public sealed class FamilyChatTests
{
    /// <summary>Checkpoint folder and, for those without tokenizer files, the added tokens by id.</summary>
    public static TheoryData<string, string> Families => new()
    {
        { "qwen2vl", "499:<|endoftext|> 500:<|im_start|> 501:<|im_end|> 502:<|vision_start|> 503:<|vision_end|> 505:<|image_pad|> 506:<|video_pad|>" },
        { "llavaov", "499:<|endoftext|> 500:<|im_start|> 501:<|im_end|> 505:<image>" },
        { "internvl", "" },
        { "qwen25vl", "499:<|endoftext|> 500:<|im_start|> 501:<|im_end|> 502:<|vision_start|> 503:<|vision_end|> 505:<|image_pad|> 506:<|video_pad|>" },
        { "qwen3vl", "499:<|endoftext|> 500:<|im_start|> 501:<|im_end|> 502:<|vision_start|> 503:<|vision_end|> 505:<|image_pad|> 506:<|video_pad|>" },
        { "internvl3hf", "499:<|endoftext|> 500:<|im_start|> 501:<|im_end|> 503:<img> 504:</img> 505:<IMG_CONTEXT>" },
        { "internvl35", "499:<|endoftext|> 500:<|im_start|> 501:<|im_end|> 503:<img> 504:</img> 505:<IMG_CONTEXT>" },
    };

    [Theory]
    [MemberData(nameof(Families))]
    public async Task GenerateAsync_TwoImagesAndThreeTurns_EveryImageHasItsOwnTokensAndImportance(string family, string addedTokens)
    {
        using var folder = new TemporaryFolder();
        await using var engine = await LoadAsync(family, addedTokens, folder.Path);
        var prompt = await engine.PrepareAsync(Chat(), CancellationToken.None);

        Assert.Equal(2, prompt.Spans.Count);
        Assert.Equal([0, 1], prompt.Spans.Select(s => s.ImageIndex));
        Assert.Equal(prompt.Spans.Select(s => s.Count), prompt.Images.Select(i => i.Layout.TokenCount));
        Assert.True(prompt.Spans[0].Start + prompt.Spans[0].Count <= prompt.Spans[1].Start);

        var options = new GenerationOptions
        {
            Sampling = new SamplingOptions { MaxNewTokens = 6 },
            Importance = new ImportanceOptions(),
            ConsistencyRatio = 0.1,
        };
        var result = await RunAsync(engine, prompt, options);

        Assert.Equal(prompt.VisualTokenCount, result.Importance!.Length);
        Assert.All(result.Importance, a => Assert.True(a > 0 && float.IsFinite(a)));
        Assert.InRange(result.Scores!.Confidence, 0, 1);
        Assert.InRange(result.Scores.Consistency, 0, 1);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public async Task GenerateAsync_AllKeptMaskOverTwoImages_SameAnswerAsUnpruned(string family, string addedTokens)
    {
        using var folder = new TemporaryFolder();
        await using var engine = await LoadAsync(family, addedTokens, folder.Path);
        var prompt = await engine.PrepareAsync(Chat(), CancellationToken.None);
        var layers = engine.Model.Layers;
        var options = new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 6 } };

        var unpruned = await RunAsync(engine, prompt, options);
        var all = PrunePlan.Create([new PruneStep(engine.Model.PruneLayers[^1], KeepMask.All(prompt.VisualTokenCount))], layers, prompt.VisualTokenCount);
        var kept = await RunAsync(engine, prompt, options with { Plan = all });
        var second = KeepMask.FromIndices(prompt.VisualTokenCount, [.. Enumerable.Range(prompt.Spans[0].Count, prompt.Spans[1].Count)]);
        var onlySecond = await RunAsync(engine, prompt, options with { Plan = PrunePlan.Create([new PruneStep(0, second)], layers, prompt.VisualTokenCount) });

        Assert.Equal(unpruned.TokenIds, kept.TokenIds);
        Assert.Equal(prompt.Spans[1].Count, onlySecond.Usage.KeptVisualTokens);
        Assert.Equal(prompt.Ids.Length - prompt.Spans[0].Count + onlySecond.TokenIds.Count - 1, onlySecond.Usage.KvLengths[0]);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public async Task GenerateAsync_NoImage_AnswersWithoutImportance(string family, string addedTokens)
    {
        using var folder = new TemporaryFolder();
        await using var engine = await LoadAsync(family, addedTokens, folder.Path);
        var input = new PromptInput { Images = [], Messages = [new ChatMessage(ChatRole.User, [new ChatPart.Text("hello")])] };
        var prompt = await engine.PrepareAsync(input, CancellationToken.None);

        var result = await RunAsync(engine, prompt, new GenerationOptions
        {
            Sampling = new SamplingOptions { MaxNewTokens = 3 },
            Importance = new ImportanceOptions(),
            ConsistencyRatio = 0.1,
        });

        Assert.Null(result.Importance);
        Assert.Equal(0, result.Usage.VisualTokens);
        Assert.InRange(result.Scores!.Decision, 0, 1);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public async Task GenerateAsync_TilesLeftOut_NothingOfThemIsSeen(string family, string addedTokens)
    {
        using var folder = new TemporaryFolder();
        await using var engine = await LoadAsync(family, addedTokens, folder.Path);
        var input = new PromptInput { Images = [Picture(230, 170, 5)], Messages = [new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("What is this?")])], CacheScope = "" };
        var prompt = await engine.PrepareAsync(input, CancellationToken.None);
        var tiles = prompt.Tiles;
        Assert.Equal(prompt.VisualTokenCount, tiles.TokenCount);
        Assert.Equal((engine.Model.CutsTiles, !family.StartsWith("qwen", StringComparison.Ordinal)), (tiles.Overviews().Contains(false), engine.Model.CutsTiles));
        bool[] stays = [.. Enumerable.Range(0, tiles.TileCount).Select(t => tiles.IsOverview(t) || t % 3 == 1)];
        var plan = TilePlan.Create([.. Enumerable.Range(0, tiles.TokenCount)], tiles, stays, [(engine.Model.PruneLayers[^1], 0.2)], engine.Model.Layers);
        var (whole, partial) = (new GenerationTrace(), new GenerationTrace());
        var options = new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 4 }, Plan = plan };

        var fresh = prompt.Again();
        await engine.EncodeAsync(prompt, CancellationToken.None);
        var expected = await RunAsync(engine, prompt, options with { Trace = whole });
        var pixels = prompt.Images[0].PixelValues;
        for (var tile = 0; tile < stays.Length; tile++)
        {
            if (!stays[tile])
            {
                pixels.AsSpan(tile * (pixels.Length / stays.Length), pixels.Length / stays.Length).Fill(float.NaN);
            }
        }

        var result = await RunAsync(engine, fresh, options with { Trace = partial });

        Assert.Equal((tiles.TileCount, stays.Count(s => s)), (expected.Usage.EncodedTiles, result.Usage.EncodedTiles));
        Assert.Equal(expected.TokenIds, result.TokenIds);
        Assert.Equal(whole.StagePositions.Values.SelectMany(axes => axes.SelectMany(a => a)), partial.StagePositions.Values.SelectMany(axes => axes.SelectMany(a => a)));
        var (a, b) = (whole.StepLogits.SelectMany(l => l).ToArray(), partial.StepLogits.SelectMany(l => l).ToArray());
        Assert.All(a.Zip(b), pair => Assert.InRange(pair.Second, pair.First - 1e-4f, pair.First + 1e-4f));
    }

    private static RgbImage Picture(int width, int height, int seed)
    {
        var pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    private static PromptInput Chat()
    {
        return new PromptInput
        {
            Images = [Picture(150, 97, 1), Picture(70, 120, 2)],
            Messages =
            [
                new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("What is this?")]),
                new ChatMessage(ChatRole.Assistant, [new ChatPart.Text("A page.")]),
                new ChatMessage(ChatRole.User, [new ChatPart.Image(1), new ChatPart.Text("And this one?")]),
            ],
        };
    }

    private static async Task<VlmEngine> LoadAsync(string family, string addedTokens, string folder)
    {
        if (family == "internvl")
        {
            return await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = Path.Combine(SharedData.RepositoryRoot, "models", "sgl-demo-small") });
        }

        var source = Path.Combine(AppContext.BaseDirectory, "Data", "goldens", "checkpoints", "small-" + family);
        foreach (var file in Directory.EnumerateFiles(source))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        WriteTokenizer(folder, addedTokens);
        return await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = folder });
    }

    /// <summary>A byte-level tokenizer without merges: one token per byte.</summary>
    private static void WriteTokenizer(string folder, string addedTokens)
    {
        var vocabulary = new Dictionary<string, int>();
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            vocabulary.Add(((char)(printable ? b : next++)).ToString(), b);
        }

        var added = addedTokens.Split(' ').Select(entry => entry.Split(':', 2)).ToDictionary(
            parts => parts[0],
            parts => (object)new Dictionary<string, object> { ["content"] = parts[1], ["special"] = true, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["single_word"] = false });
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(vocabulary));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
        File.WriteAllText(
            Path.Combine(folder, "tokenizer_config.json"),
            JsonSerializer.Serialize(new Dictionary<string, object> { ["tokenizer_class"] = "Qwen2Tokenizer", ["added_tokens_decoder"] = added }));
    }

    private static async Task<GenerationResult> RunAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("no result");
    }
}
