using Sgl.Guidance;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

/// <summary>A prefill in pieces gives what it gives in one, and lets others' tokens through.</summary>
public class PrefillChunkTests
{
    private const int Visual = 40;

    public static TheoryData<int, string> Chunks => new() { { 1, "cpu" }, { 3, "cpu*3" }, { 16, "cpu" }, { 17, "cpu*4" }, { 50, "cpu" } };

    [Theory]
    [MemberData(nameof(Chunks))]
    public async Task GenerateAsync_AnyChunk_EqualsOnePiece(int chunk, string placement)
    {
        await using var whole = await LoadAsync(0, "cpu");
        await using var pieces = await LoadAsync(chunk, placement);
        foreach (var (name, prompt, options) in await RequestsAsync(whole))
        {
            var (before, after) = (Trace(), Trace());
            var expected = await TestEngine.RunAsync(whole, prompt, options with { Trace = before });
            var actual = await TestEngine.RunAsync(pieces, prompt, options with { Trace = after });

            Assert.True(expected.TokenIds.SequenceEqual(actual.TokenIds), name);
            Assert.Equal(expected.Usage.KvLengths, actual.Usage.KvLengths);
            Assert.Equal(expected.Usage.KeptVisualTokens, actual.Usage.KeptVisualTokens);
            Assert.Equal(expected.Usage.AcceptedDraftTokens, actual.Usage.AcceptedDraftTokens);
            Assert.InRange(actual.Usage.PrefillChunks, (prompt.Ids.Length + actual.Usage.DraftTokens - 1) / chunk / 2, int.MaxValue);
            Assert.Equal(before.KvLengthsAfterPrefill, after.KvLengthsAfterPrefill);
            Assert.Equal(before.DecodePositions, after.DecodePositions);
            Assert.Equal(before.InputEmbeddings, after.InputEmbeddings);
            foreach (var (layer, positions) in before.StagePositions)
            {
                Assert.Equal(positions, after.StagePositions[layer]);
            }

            Close(name, before.StepLogits, after.StepLogits);
            Close(name, [expected.Importance ?? []], [actual.Importance ?? []]);
            Close(name, [.. before.ImportanceByLayer.SelectMany(l => l)], [.. after.ImportanceByLayer.SelectMany(l => l)]);
            Assert.Equal(before.Consistency.Count, after.Consistency.Count);
            foreach (var (one, other) in before.Consistency.Zip(after.Consistency))
            {
                Assert.Equal(one.Kept, other.Kept);
                Assert.Equal(one.Positions, other.Positions);
                Close(name, [one.Logits], [other.Logits]);
            }

            Assert.Equal(expected.Scores?.LengthNormalisedConsistency ?? 0, actual.Scores?.LengthNormalisedConsistency ?? 0, 1e-4);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(100)]
    public async Task GenerateAsync_LongPromptBesideARunningAnswer_HoldsItUpByAChunk(int chunk)
    {
        const int Rows = 460;
        await using var engine = await LoadAsync(chunk, "cpu");
        var held = 0;
        // The answer may be over before the long prompt comes: then once more.
        for (var round = 0; held == 0 && round < 30; round++)
        {
            var running = await TestEngine.StartAsync(engine, TestEngine.Prompt(round, 4, 0, 4), TestEngine.Tokens(2000));
            var long1 = await TestEngine.RunAsync(engine, TestEngine.Prompt(round + 50, 30, 400, 30), TestEngine.Tokens(2));
            Assert.Equal(chunk == 0 ? 1 : (Rows + chunk - 1) / chunk, long1.Usage.PrefillChunks);
            held = (await running.End).Usage.RowsBetweenTokens;
        }

        // In one piece it waits for all of them; in pieces, which are of about the same size, a token comes after each.
        var (least, most) = chunk == 0 ? (Rows, Rows) : (chunk * 9 / 10, chunk);
        Assert.InRange(held, least, most);
    }

    [Fact]
    public async Task GenerateAsync_ShortPromptsBesideARunningAnswer_ShareAChunk()
    {
        await using var engine = await LoadAsync(100, "cpu");
        var results = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() =>
            TestEngine.RunAsync(engine, TestEngine.Prompt(i, 10, 20, 5), TestEngine.Tokens(10 + i)))));
        Assert.All(results, r => Assert.Equal(1, r.Usage.PrefillChunks));
        Assert.All(results, r => Assert.InRange(r.Usage.RowsBetweenTokens, 0, 100 + 16));
    }

    [Fact]
    public async Task GenerateAsync_ShortPromptBehindALongOne_IsAnsweredFirstAndBothAsAlone()
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.PrefillChunk, o.PrefixCacheMiB) = (4, 0));
        PreparedPrompt page = TestEngine.Prompt(1, 1500, 1000, 500), question = TestEngine.Prompt(2, 4, 20, 4);
        var options = TestEngine.Tokens(3);
        var alone = (await TestEngine.RunAsync(engine, page, options)).TokenIds;
        var expected = (await TestEngine.RunAsync(engine, question, options)).TokenIds;
        var passed = false;
        // The long prompt may be over before the short one comes: then once more.
        for (var round = 0; !passed && round < 30; round++)
        {
            var running = TestEngine.RunAsync(engine, page, options);
            await TestEngine.UntilAsync(() => engine.Load.PromptRowsWaiting > 1000 || running.IsCompleted, "the long prompt");
            var answer = await TestEngine.RunAsync(engine, question, options);
            passed = !running.IsCompleted;
            Assert.Equal(expected, answer.TokenIds);
            Assert.Equal(alone, (await running).TokenIds);
        }

        Assert.True(passed);
        await TestEngine.UntilAsync(() => engine.Load.PromptRowsWaiting == 0, "an empty queue");
    }

    [Fact]
    public async Task GenerateAsync_CallerGoesAwayDuringItsPrefill_StopsBetweenPiecesAndFreesItsMemory()
    {
        await using var engine = await LoadAsync(1, "cpu");
        var running = await TestEngine.StartAsync(engine, TestEngine.Prompt(1, 4, 8, 4), TestEngine.Tokens(300));
        for (var round = 0; round < 5; round++)
        {
            using var gone = new CancellationTokenSource();
            // Thousands of pieces: whether it is the first of them or a later one, it is not the last.
            var call = TestEngine.RunAsync(engine, TestEngine.Prompt(2, 1500, 1000, 500), TestEngine.Tokens(2) with { Plan = TestEngine.Plan(1000, (2, v => v % 2 == 0)) }, gone.Token);
            await TestEngine.UntilAsync(() => engine.Load.Running >= 1 && engine.Load.Waiting == 0, "admission");
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        var alone = await TestEngine.RunAsync(engine, TestEngine.Prompt(1, 4, 8, 4), TestEngine.Tokens(300));
        Assert.Equal(alone.TokenIds, (await running.End).TokenIds);
        await TestEngine.UntilAsync(() => engine.Load is { Running: 0, KvBytesOccupied: 0 }, "release");
    }

    [Fact]
    public async Task GenerateAsync_ConsistencyPassThatFillsItsSlots_LeavesNeighboursAlone()
    {
        await using var engine = await LoadAsync(7, "cpu");
        // 40 rows and 24 tokens fill a slot of 64 entries exactly; those with one token more or less are their neighbours in the same memory.
        var requests = Enumerable.Range(0, 8)
            .Select(i => (
                Prompt: TestEngine.Prompt(500 + i, 5, 24, 11),
                Options: TestEngine.Tokens(24) with { Importance = new ImportanceOptions(), ConsistencyRatio = i % 2 }))
            .ToList();
        var alone = new List<GenerationResult>();
        foreach (var (prompt, options) in requests)
        {
            alone.Add(await TestEngine.RunAsync(engine, prompt, options));
        }

        for (var round = 0; round < 6; round++)
        {
            var together = await Task.WhenAll(requests.Select(r => Task.Run(() => TestEngine.RunAsync(engine, r.Prompt, r.Options))));
            foreach (var (one, other) in alone.Zip(together))
            {
                Assert.Equal(one.TokenIds, other.TokenIds);
                Assert.Equal(one.Scores!.LengthNormalisedConsistency, other.Scores!.LengthNormalisedConsistency, 1e-4);
                Close("importance", [one.Importance!], [other.Importance!]);
            }
        }
    }

    [Theory]
    [InlineData(3, "cpu")]
    [InlineData(20, "cpu*3")]
    public async Task GenerateAsync_AllKindsAtOnceAndCallersThatLeave_OthersAreAsAloneAndNothingStays(int chunk, string placement)
    {
        await using var engine = await LoadAsync(chunk, placement);
        var requests = await RequestsAsync(engine);
        var alone = new List<GenerationResult>();
        foreach (var (_, prompt, options) in requests)
        {
            alone.Add(await TestEngine.RunAsync(engine, prompt, options));
        }

        await Task.WhenAll(Enumerable.Range(0, 70).Select(i => Task.Run(async () =>
        {
            var (name, prompt, options) = requests[i % requests.Count];
            using var gone = new CancellationTokenSource();
            // Every third caller leaves: at once, with its first token, or somewhere behind it.
            var leaves = i % 3 == 0 ? i / 3 % 9 : -1;
            if (leaves == 0)
            {
                await gone.CancelAsync();
            }

            var tokens = 0;
            GenerationResult? result = null;
            try
            {
                await foreach (var generated in engine.GenerateAsync(prompt, options, gone.Token))
                {
                    result = (generated as GenerationEvent.Completed)?.Result;
                    if (++tokens == leaves)
                    {
                        await gone.CancelAsync();
                    }
                }
            }
            catch (OperationCanceledException) when (leaves >= 0)
            {
                return;
            }

            var expected = alone[i % requests.Count];
            Assert.True(expected.TokenIds.SequenceEqual(result!.TokenIds), name);
            Assert.Equal(expected.Usage.KvLengths, result.Usage.KvLengths);
            Assert.Equal(expected.Usage.AcceptedDraftTokens, result.Usage.AcceptedDraftTokens);
            Close(name, [expected.Importance ?? []], [result.Importance ?? []]);
            Assert.Equal(expected.Scores?.LengthNormalisedConsistency ?? 0, result.Scores?.LengthNormalisedConsistency ?? 0, 1e-4);
        })));
        await TestEngine.UntilAsync(() => engine.Load is { Running: 0, Waiting: 0, KvBytesOccupied: 0 }, "release");
    }

    private static Task<VlmEngine> LoadAsync(int chunk, string placement) => TestEngine.LoadAsync(o =>
    {
        o.PrefillChunk = chunk;
        o.Placement = placement;
        foreach (var layer in new[] { 0, 1, 2, 3 })
        {
            o.PruneLayers.Add(layer);
        }
    });

    private static async Task<List<(string Name, PreparedPrompt Prompt, GenerationOptions Options)>> RequestsAsync(VlmEngine engine)
    {
        var prompt = TestEngine.Prompt(7, 9, Visual, 12);
        var tokens = TestEngine.Tokens(20);
        GenerationOptions Pruned(params (int Layer, Func<int, bool> Keep)[] steps) => tokens with { Plan = TestEngine.Plan(Visual, steps) };
        var answer = (await TestEngine.RunAsync(engine, prompt, tokens)).TokenIds;
        var pruned = Pruned((2, v => v % 3 == 0));
        var prunedAnswer = (await TestEngine.RunAsync(engine, prompt, pruned)).TokenIds;
        return
        [
            ("plain", prompt, tokens),
            ("one id", TestEngine.Prompt(8, 1, 0, 0), tokens),
            ("text", TestEngine.Prompt(9, 60, 0, 0), tokens),
            ("text, FastV", TestEngine.Prompt(9, 60, 0, 0), tokens with { FastV = new FastVPruning(2, 0.2) }),
            ("image first", TestEngine.Prompt(10, 0, Visual, 3), tokens with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.2 }),
            ("image last", TestEngine.Prompt(11, 20, Visual, 0), tokens with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.2 }),
            ("importance", prompt, tokens with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 }),
            ("everything consistent", prompt, tokens with { Importance = new ImportanceOptions(), ConsistencyRatio = 1 }),
            ("paper's rows, half of the layers", prompt, tokens with { Importance = new ImportanceOptions { Variant = ImportanceVariant.Paper, LayerFraction = 0.5 } }),
            ("last row of a layer", prompt, tokens with { Importance = new ImportanceOptions { Source = ImportanceSource.LastPrompt, SingleLayer = 1 } }),
            ("layer 0", prompt, Pruned((0, v => v % 4 == 1))),
            ("three steps", prompt, Pruned((0, v => v % 2 == 0), (1, v => v % 4 == 0), (3, v => v % 8 == 0))),
            ("nothing kept", prompt, Pruned((2, _ => false))),
            ("all kept", prompt, Pruned((1, _ => true))),
            ("FastV", prompt, tokens with { FastV = new FastVPruning(2, 0.3) }),
            ("FastV keeps nothing", prompt, tokens with { FastV = new FastVPruning(1, 0) }),
            ("draft", prompt, tokens with { Draft = answer }),
            ("draft of another answer", prompt, pruned with { Draft = answer }),
            ("pruned draft", prompt, pruned with { Draft = prunedAnswer }),
            ("draft wrong at the end", prompt, pruned with { Draft = [.. prunedAnswer.Take(17), (prunedAnswer[17] + 1) % TestEngine.Shape.Vocabulary, 5] }),
        ];
    }

    private static GenerationTrace Trace() => new() { ConsistencyRatios = [0.3, 1] };

    private static void Close(string name, IList<float[]> expected, IList<float[]> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].Length, actual[i].Length);
            for (var j = 0; j < expected[i].Length; j++)
            {
                Assert.True(Math.Abs(expected[i][j] - actual[i][j]) <= 2e-4 * Math.Max(1, Math.Abs(expected[i][j])), $"{name} [{i}][{j}]: expected {expected[i][j]}, found {actual[i][j]}");
            }
        }
    }
}
