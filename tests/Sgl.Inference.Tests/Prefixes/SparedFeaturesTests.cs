using Sgl.Guidance;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests.Prefixes;

/// <summary>Features that nobody kept are not made again where what is kept of the prompt does without them.</summary>
public sealed class SparedFeaturesTests : WarmAndCold
{
    private const int Tiles = 6;

    private static readonly GenerationOptions Small = TestEngine.Tokens(5) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.5 };

    [Theory]
    [InlineData("small", "small")]
    [InlineData("1", "1")]
    [InlineData("1", "3")]
    [InlineData("1", "none")]
    [InlineData("none", "none")]
    [InlineData("small", "none")]
    public async Task GenerateAsync_RowsOfThePictureAreKept_TheTowerDoesNotRun(string first, string second)
    {
        await SameAsync(Question(1), Options(first), encoded: Tiles);
        var result = await SameAsync(Question(2), Options(second), encoded: 0);
        Assert.Equal((Tiles, 0, TimeSpan.Zero), (result.Usage.CachedTiles, result.Usage.LeftOutTiles, result.Timings.Vision));
    }

    [Fact]
    public async Task GenerateAsync_FastV_SparesTheTowerFromTheSecondOneOn()
    {
        var options = TestEngine.Tokens(5) with { FastV = new FastVPruning(2, 0.5) };
        await SameAsync(Question(1), TestEngine.Tokens(5), encoded: Tiles);
        await SameAsync(Question(2), options, encoded: Tiles);
        await SameAsync(Question(3), options, encoded: 0);
    }

    [Theory]
    [InlineData("1", "0")]
    [InlineData("3", "1")]
    [InlineData("1", "small")]
    public async Task GenerateAsync_RowsOfThePictureRun_TheTowerRuns(string first, string second)
    {
        await SameAsync(Question(1), Options(first), encoded: Tiles);
        await SameAsync(Question(2), Options(second), encoded: second == "0" ? Tiles / 2 : Tiles);
    }

    [Fact]
    public async Task GenerateAsync_SamePictureBehindAnotherText_TheTowerRuns()
    {
        await SameAsync(Question(1), Small, encoded: Tiles);
        await SameAsync(Question(1, begin: 20), Small, encoded: Tiles);
        await SameAsync(Question(2, begin: 20), Small, encoded: 0);
        await SameAsync(Question(2, begin: 10), Small, encoded: 0);
    }

    [Fact]
    public async Task EncodeAheadAsync_PictureThatMayNotBeNeeded_WaitsUntilThatIsKnown()
    {
        await SameAsync(Question(1), Options("1"), encoded: Tiles);
        PreparedPrompt known = Question(2), unknown = Question(2, tiles: 5);
        await Warm.EncodeAheadAsync(known, null, CancellationToken.None);
        await Warm.EncodeAheadAsync(unknown, null, CancellationToken.None);

        Assert.Equal((0, 5), (known.EncodedTiles, unknown.EncodedTiles));
        Assert.Equal(0, (await TestEngine.RunAsync(Warm, known, Options("1"))).Usage.EncodedTiles);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task GenerateAsync_ManyAtOnceAndLittleRoom_AllAsAlone(int seed)
    {
        // Room for a few prompts: what was there when a request came is often gone when its turn comes.
        await using var tight = await LoadAsync(1);
        var random = new Random(seed);
        var asked = Enumerable.Range(0, 40)
            .Select(_ => (Number: random.Next(100), Begin: 10 + random.Next(2), Tiles: 200 + random.Next(3), Options: new[] { "small", "1", "3", "none", "0" }[random.Next(5)]))
            .ToList();
        foreach (var group in asked.Chunk(8))
        {
            var results = await Task.WhenAll(group.Select(q => Task.Run(() => TestEngine.RunAsync(tight, Question(q.Number, q.Begin, q.Tiles), Options(q.Options, q.Tiles)))));
            foreach (var (q, result) in group.Zip(results))
            {
                Equal(await TestEngine.RunAsync(Cold, Question(q.Number, q.Begin, q.Tiles), Options(q.Options, q.Tiles)), result);
            }
        }

        Assert.True(tight.Load.PrefixCache is { Hits: > 0, Evictions: > 0 }, tight.Load.PrefixCache.ToString());
        await TestEngine.UntilAsync(() => tight.Load is { Running: 0, Waiting: 0, KvBytesOccupied: 0 }, "release");
    }

    protected override void Configure(EngineOptions options) => (options.VisionCacheMiB, options.PrefillChunk) = (0, 4);

    private static GenerationOptions Options(string role, int tiles = Tiles) => role switch
    {
        "small" => Small,
        "none" => TestEngine.Tokens(5),
        _ => TestEngine.Tokens(5) with { Plan = TestEngine.Plan(tiles, (role[0] - '0', v => v % 2 == 0)) },
    };

    private static PreparedPrompt Question(int number, int begin = 10, int tiles = Tiles)
    {
        var picture = Images.Prompt(tiles);
        var random = new Random(number);
        return new PreparedPrompt([begin, 11, .. picture.Ids[2..^1], .. Enumerable.Range(0, 4).Select(_ => random.Next(4, TestEngine.Shape.Vocabulary))], picture.Spans, picture.Images);
    }

    private async Task<GenerationResult> SameAsync(PreparedPrompt prompt, GenerationOptions options, int encoded)
    {
        var (_, warm) = await BothAsync(prompt, prompt.Again(), options);
        Assert.Equal(encoded, warm.Usage.EncodedTiles);
        return warm;
    }
}
