using Sgl.Guidance;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests.Lanes;

/// <summary>An engine whose stages work at different requests at the same time gives what one device gives, and ends as cleanly.</summary>
public class SeveralDevicesTests
{
    private const int Visual = 40;

    public static TheoryData<string, int> Placements => new() { { "cpu*2", 16 }, { "cpu*3", 7 }, { "cpu*4", 0 }, { "0-0:cpu,1-2:cpu:1,3-3:cpu", 16 } };

    [Theory]
    [MemberData(nameof(Placements))]
    public async Task GenerateAsync_AllKindsAtOnce_GiveWhatOneDeviceGives(string placement, int chunk)
    {
        await using var one = await LoadAsync("cpu", chunk);
        await using var several = await LoadAsync(placement, chunk);
        Assert.True(several.Load.Devices.Count > 1);
        var requests = Requests();
        var expected = new List<GenerationResult>();
        foreach (var (_, prompt, options) in requests)
        {
            expected.Add(await TestEngine.RunAsync(one, prompt, options));
        }

        for (var round = 0; round < 3; round++)
        {
            var actual = await Task.WhenAll(requests.Select(r => Task.Run(() => TestEngine.RunAsync(several, r.Prompt, r.Options))));
            for (var i = 0; i < requests.Count; i++)
            {
                Same(requests[i].Name, expected[i], actual[i]);
            }
        }

        await EmptyAsync(several);
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public async Task GenerateAsync_OneAfterTheOther_IsTheSameToTheLastBit(string placement, int chunk)
    {
        await using var one = await LoadAsync("cpu", chunk);
        await using var several = await LoadAsync(placement, chunk);
        foreach (var (name, prompt, options) in Requests())
        {
            var (expected, actual) = (await TestEngine.RunAsync(one, prompt, options), await TestEngine.RunAsync(several, prompt, options));
            Same(name, expected, actual);
            Assert.Equal(expected.Importance, actual.Importance);
            Assert.Equal(expected.Scores, actual.Scores);
            Assert.Equal(expected.Usage.PrefillChunks, actual.Usage.PrefillChunks);
        }
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public async Task GenerateAsync_CallersThatLeaveInTheMiddle_OthersAreAsAloneAndNothingStays(string placement, int chunk)
    {
        await using var engine = await LoadAsync(placement, chunk);
        var requests = Requests();
        var alone = new List<GenerationResult>();
        foreach (var (_, prompt, options) in requests)
        {
            alone.Add(await TestEngine.RunAsync(engine, prompt, options));
        }

        await Task.WhenAll(Enumerable.Range(0, 5 * requests.Count).Select(i => Task.Run(async () =>
        {
            var (name, prompt, options) = requests[i % requests.Count];
            using var gone = new CancellationTokenSource();
            // Every second caller leaves: after some time, so anywhere in its prompt, or with one of its tokens.
            var leaves = i % 2 == 0;
            if (leaves && i % 4 == 0)
            {
                gone.CancelAfter(TimeSpan.FromMilliseconds(i % 23));
            }

            var tokens = 0;
            try
            {
                await foreach (var generated in engine.GenerateAsync(prompt, options, gone.Token))
                {
                    if (generated is GenerationEvent.Completed { Result: var result })
                    {
                        Same(name, alone[i % requests.Count], result);
                    }
                    else if (leaves && ++tokens == 1 + (i % 5))
                    {
                        await gone.CancelAsync();
                    }
                }
            }
            catch (OperationCanceledException) when (leaves)
            {
            }
        })));
        await EmptyAsync(engine);
    }

    [Theory]
    [InlineData("cpu*2")]
    [InlineData("cpu*4")]
    public async Task GenerateAsync_BeginningsThatAreKept_AreReusedBesideRunningAnswersAndChangeNothing(string placement)
    {
        await using var one = await LoadAsync("cpu", 16, prefixMiB: 0);
        await using var several = await LoadAsync(placement, 16, prefixMiB: 64);
        var (system, page) = (Chats.Text(0, 9), Chats.Picture(0, Visual));
        var requests = Enumerable.Range(0, 24).Select(i => (
            Name: $"question {i}",
            Prompt: Chats.Prompt(system, page, Chats.Text(100 + (i % 12), 4 + (i % 5))),
            Options: (i % 3) switch
            {
                0 => TestEngine.Tokens(12) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.2 },
                1 => TestEngine.Tokens(30) with { Plan = TestEngine.Plan(Visual, (2, v => v % 3 == 0)) },
                _ => TestEngine.Tokens(20),
            })).ToList();
        var expected = new List<GenerationResult>();
        foreach (var (_, prompt, options) in requests)
        {
            expected.Add(await TestEngine.RunAsync(one, prompt, options));
        }

        // Answers that run all the time, in the same slabs.
        var running = new[] { await TestEngine.StartAsync(several, TestEngine.Prompt(1, 4, 20, 4), TestEngine.Tokens(60)), await TestEngine.StartAsync(several, TestEngine.Prompt(2, 4, 20, 4), TestEngine.Tokens(60)) };
        for (var round = 0; round < 3; round++)
        {
            var actual = await Task.WhenAll(requests.Select(r => Task.Run(() => TestEngine.RunAsync(several, r.Prompt, r.Options))));
            for (var i = 0; i < requests.Count; i++)
            {
                Same(requests[i].Name, expected[i], actual[i]);
            }
        }

        Assert.True(several.Load.PrefixCache.Hits >= 48);
        foreach (var (seed, generation) in new[] { 1, 2 }.Zip(running))
        {
            Assert.Equal((await TestEngine.RunAsync(one, TestEngine.Prompt(seed, 4, 20, 4), TestEngine.Tokens(60))).TokenIds, (await generation.End).TokenIds);
        }

        await EmptyAsync(several);
    }

    [Fact]
    public async Task DisposeAsync_AmidstWorkOnAllDevices_LeavesNobodyWaiting()
    {
        for (var round = 0; round < 6; round++)
        {
            var engine = await LoadAsync("cpu*3", 8);
            var calls = Requests().SelectMany(r => Enumerable.Repeat(r, 3)).Select(r => Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        await TestEngine.RunAsync(engine, r.Prompt, r.Options);
                    }
                }
                catch (Exception e) when (e is ObjectDisposedException or EngineOverloadedException)
                {
                }
            })).ToList();
            await Task.Delay(10 + (30 * round));
            await engine.DisposeAsync();
            await Task.WhenAll(calls).WaitAsync(TimeSpan.FromSeconds(60));
        }
    }

    [Fact]
    public async Task Load_BehindAnAnswer_TellsThatEachDeviceWasBusyAndHasNothingToDo()
    {
        await using var engine = await LoadAsync("cpu*2", 16);
        await TestEngine.RunAsync(engine, TestEngine.Prompt(1, 4, 20, 4), TestEngine.Tokens(20));
        await EmptyAsync(engine);
        Assert.Equal(["cpu", "cpu:1"], engine.Load.Devices.Select(d => d.Device));
        Assert.All(engine.Load.Devices, d => Assert.True(d.Busy > TimeSpan.Zero));
    }

    private static Task<VlmEngine> LoadAsync(string placement, int chunk, int prefixMiB = 0) => TestEngine.LoadAsync(o =>
    {
        (o.Placement, o.PrefillChunk, o.PrefixCacheMiB, o.MaxBatch) = (placement, chunk, prefixMiB, 8);
        foreach (var layer in new[] { 0, 1, 2, 3 })
        {
            o.PruneLayers.Add(layer);
        }
    });

    private static async Task EmptyAsync(VlmEngine engine)
    {
        await TestEngine.UntilAsync(() => engine.Load is { Running: 0, Waiting: 0, KvBytesOccupied: 0 }, "release");
        await TestEngine.UntilAsync(() => engine.Load.Devices.All(d => d.Jobs == 0), "nothing to do");
    }

    private static List<(string Name, PreparedPrompt Prompt, GenerationOptions Options)> Requests()
    {
        var prompt = TestEngine.Prompt(7, 9, Visual, 12);
        var tokens = TestEngine.Tokens(20);
        GenerationOptions Sampled(ulong seed, GenerationOptions options) =>
            options with { Sampling = options.Sampling with { Temperature = 0.8f, TopP = 0.9f, TopK = 40, Seed = seed } };
        GenerationOptions Pruned(params (int Layer, Func<int, bool> Keep)[] steps) => tokens with { Plan = TestEngine.Plan(Visual, steps) };
        return
        [
            ("plain", prompt, tokens),
            ("sampled", prompt, Sampled(5, tokens)),
            ("one id", TestEngine.Prompt(8, 1, 0, 0), tokens),
            ("long text", TestEngine.Prompt(9, 160, 0, 0), TestEngine.Tokens(9)),
            ("importance", prompt, tokens with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.2 }),
            ("everything consistent", prompt, TestEngine.Tokens(24) with { Importance = new ImportanceOptions(), ConsistencyRatio = 1 }),
            ("pruned at 0", prompt, Pruned((0, v => v % 4 == 1))),
            ("pruned at 3", prompt, Pruned((3, v => v % 5 == 1))),
            ("pruned at 2, sampled", prompt, Sampled(6, Pruned((2, v => v % 3 == 0)))),
            ("three steps", prompt, Pruned((0, v => v % 2 == 0), (1, v => v % 4 == 0), (3, v => v % 8 == 0))),
            ("FastV", prompt, tokens with { FastV = new FastVPruning(2, 0.3) }),
            ("draft", prompt, Pruned((2, v => v % 3 == 0)) with { Draft = [.. Enumerable.Range(5, 19)] }),
        ];
    }

    private static void Same(string name, GenerationResult expected, GenerationResult actual)
    {
        Assert.True(expected.TokenIds.SequenceEqual(actual.TokenIds), name);
        Assert.Equal(expected.Usage.KvLengths, actual.Usage.KvLengths);
        Assert.Equal((expected.Usage.KeptVisualTokens, expected.Usage.AcceptedDraftTokens), (actual.Usage.KeptVisualTokens, actual.Usage.AcceptedDraftTokens));
        Assert.Equal(expected.Importance?.Length, actual.Importance?.Length);
        for (var i = 0; i < expected.Importance?.Length; i++)
        {
            Assert.True(Math.Abs(expected.Importance[i] - actual.Importance![i]) <= 1e-3, $"{name}, token {i}: {expected.Importance[i]} and {actual.Importance[i]}");
        }

        Assert.Equal(expected.Scores?.LengthNormalisedConsistency ?? 0, actual.Scores?.LengthNormalisedConsistency ?? 0, 1e-4);
    }
}
