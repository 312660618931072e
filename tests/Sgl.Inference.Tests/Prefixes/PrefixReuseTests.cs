using Sgl.Guidance;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests.Prefixes;

/// <summary>A prompt that begins like an earlier one gets the answer that it would get alone, and does not run what is known.</summary>
public sealed class PrefixReuseTests : WarmAndCold
{
    private const int Visual = 40;

    private static readonly Chats.Part System = Chats.Text(0, 9);
    private static readonly Chats.Part Page = Chats.Picture(0, Visual);
    private static readonly GenerationOptions Small = TestEngine.Tokens(6) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.1 };

    [Theory]
    [InlineData(ImportanceVariant.Reference, ImportanceSource.PromptAndGenerated, 9 + Visual - 1)]
    [InlineData(ImportanceVariant.Paper, ImportanceSource.PromptAndGenerated, 9 + Visual)]
    [InlineData(ImportanceVariant.Reference, ImportanceSource.LastPrompt, 9 + Visual + 2)]
    [InlineData(ImportanceVariant.Reference, ImportanceSource.Generated, 9 + Visual + 2)]
    public async Task GenerateAsync_SecondQuestionWithImportance_OnlyRowsThatCountRunAgain(ImportanceVariant variant, ImportanceSource source, int cached)
    {
        var options = Small with { Importance = new ImportanceOptions { Variant = variant, Source = source } };
        var common = Chats.Text(7, 2);
        await SameAsync(Chats.Prompt(System, Page, common, Chats.Text(1, 5)), options, 0);

        await SameAsync(Chats.Prompt(System, Page, common, Chats.Text(2, 7)), options, cached);
    }

    [Fact]
    public async Task GenerateAsync_SameQuestionAgain_ScoresAreTheSameToTheLastBit()
    {
        var first = await TestEngine.RunAsync(Warm, Chats.Prompt(System, Page, Chats.Text(1, 5)), Small);
        var second = await TestEngine.RunAsync(Warm, Chats.Prompt(System, Page, Chats.Text(1, 5)), Small);

        Assert.Equal((0, 9 + Visual - 1), (first.Usage.CachedPromptTokens, second.Usage.CachedPromptTokens));
        Assert.Equal(first.Importance, second.Importance);
        Assert.Equal(first.Scores, second.Scores);
    }

    [Theory]
    [InlineData(1, 0.2, 2)]
    [InlineData(2, 0.2, 2)]
    [InlineData(3, 0, 3)]
    [InlineData(2, 1, 2)]
    public async Task GenerateAsync_SecondQuestionWithAnotherMask_OnlyNewRowsRunInFrontOfThePruneLayer(int layer, double first, int draft)
    {
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Pruned(Visual, (layer, first)), 0);

        foreach (var ratio in new[] { 0.5, 0.05, 0, 1 })
        {
            var options = Pruned(Visual, (layer, ratio)) with { Draft = [.. Enumerable.Range(5, draft)] };
            await SameAsync(Chats.Prompt(System, Page, Chats.Text(2 + (int)(100 * ratio), 4)), options, 9 + Visual);
        }
    }

    [Fact]
    public async Task GenerateAsync_PrunedInFrontOfAllLayers_OnlyTheTextInFrontOfThePictureIsKept()
    {
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Pruned(Visual, (0, 0.3)), 0);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Pruned(Visual, (0, 0.3)), 9);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Pruned(Visual, (2, 0.3)), 9);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Pruned(Visual, (0, 0.3), (2, 0.1)), 9);
    }

    [Fact]
    public async Task GenerateAsync_OtherPruneLayers_WhatIsValidIsReused()
    {
        Chats.Part[] begin = [System, Page];
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(1, 5)]), Pruned(Visual, (2, 0.3)), 0);

        // In front of layer 1 nothing is known of the pruned rows' state; behind layer 2 no keys are, so that all run from there.
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(2, 5)]), Pruned(Visual, (1, 0.3)), 9);
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(3, 5)]), TestEngine.Tokens(6), 9);

        Assert.Equal(Visual, Warm.Load.PrefixCache.ContinuedTokens);

        // Now all of it is.
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(4, 5)]), Pruned(Visual, (1, 0.6)), 9 + Visual);
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(5, 5)]), Pruned(Visual, (2, 0.6), (3, 0.2)), 9 + Visual);
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(6, 5)]), TestEngine.Tokens(6), 9 + Visual);
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(7, 5)]), Small, 9 + Visual - 1);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(1, 3)]
    [InlineData(2, 3)]
    [InlineData(1, 4)]
    [InlineData(3, 4)]
    public async Task GenerateAsync_KeptAtAnEarlierPruneLayer_GoesOnFromThere(int kept, int asked)
    {
        Chats.Part[] begin = [System, Page];
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(1, 5)]), Pruned(Visual, (kept, 0.3)), 0);

        // The layers in front of the earlier one do not run, those up to the later one do; 4 is no pruning.
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(2, 5)]), Behind(0.6), 9);
        Assert.Equal(Visual, Warm.Load.PrefixCache.ContinuedTokens);

        // What ran is kept.
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(3, 7)]), Behind(0.2), 9 + Visual);
        await SameAsync(Chats.Prompt([.. begin, Chats.Text(4, 7)]), Pruned(Visual, (kept, 0.1)), 9 + Visual);
        Assert.Equal(Visual, Warm.Load.PrefixCache.ContinuedTokens);

        GenerationOptions Behind(double ratio) => asked == 4 ? TestEngine.Tokens(6) : Pruned(Visual, (asked, ratio)) with { Draft = [7, 8, 9] };
    }

    [Fact]
    public async Task GenerateAsync_FastVBehindAnEarlierPruneLayer_KeepsTheSameTokens()
    {
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Pruned(Visual, (1, 0.3)), 0);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(2, 6)), TestEngine.Tokens(6) with { FastV = new FastVPruning(3, 0.3) }, 9);
        Assert.Equal(Visual, Warm.Load.PrefixCache.ContinuedTokens);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task GenerateAsync_FastVBehindAKnownPicture_KeepsTheSameTokens(int layer)
    {
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), TestEngine.Tokens(6) with { FastV = new FastVPruning(layer, 0.3) }, 0);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(2, 6)), TestEngine.Tokens(6) with { FastV = new FastVPruning(layer, 0.2) }, 9 + Visual);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(3, 6)), Pruned(Visual, (layer, 0.4)), 9 + Visual);
    }

    [Fact]
    public async Task GenerateAsync_SeveralPictures_TheLongestSharedBeginning()
    {
        Chats.Part a = Chats.Picture(1, 20), b = Chats.Picture(2, 16), c = Chats.Picture(3, 16);
        Chats.Part between = Chats.Text(5, 3), question = Chats.Text(6, 4);
        await SameAsync(Chats.Prompt(System, a, between, b, question), Small, 0);

        await SameAsync(Chats.Prompt(System, a, between, c, question), Small, 9 + 20 + 3);
        await SameAsync(Chats.Prompt(System, a, between, b, c, question), Small, 9 + 20 + 3 + 16);
        await SameAsync(Chats.Prompt(System, b, between, a, question), Small, 9);
        await SameAsync(Chats.Prompt(System, a, question), Small, 9 + 20 - 1);
        await SameAsync(Chats.Prompt(a, between, b, question), Small, 0);

        // The question in front of the picture: everything behind it is another prompt's.
        await SameAsync(Chats.Prompt(System, question, a, between), Small, 9);
        await SameAsync(Chats.Prompt(System, question, a, between), Pruned(20, (1, 0.2)), 9 + 4);
        await SameAsync(Chats.Prompt(System, question, a, between), Pruned(20, (1, 0.3)), 9 + 4 + 20 + 2);
    }

    [Fact]
    public async Task GenerateAsync_NextTurnsOfAChat_EarlierTurnsAreCountedButNotRun()
    {
        List<Chats.Part> chat = [System, Page];
        var known = 0;
        for (var turn = 0; turn < 4; turn++)
        {
            chat.Add(Chats.Text(10 + turn, 5));
            var answer = await SameAsync(Chats.Prompt(chat), Small, known);
            known = chat.Sum(p => p.Ids.Length) + answer.TokenIds.Count - 1;
            chat.Add(Chats.Text(answer.TokenIds));
        }

        // An answer that was put down differently is another one from there on; the question in front of it was counted.
        var rewritten = chat[..3];
        await SameAsync(Chats.Prompt([.. rewritten, Chats.Text(99, 6)]), Small, rewritten.Sum(p => p.Ids.Length));

        // A new picture: rows in front of it do not count any more.
        await SameAsync(Chats.Prompt([.. chat, Chats.Picture(9, 12), Chats.Text(20, 3)]), Small, known);

        // That prompt had the answer's last token too, which is never run where it is generated.
        await SameAsync(Chats.Prompt([.. chat, Chats.Text(20, 3)]), TestEngine.Tokens(6), known + 1);
    }

    [Fact]
    public async Task GenerateAsync_NextTurnOfAPrunedChat_TheAnswerRunsAgain()
    {
        var question = Chats.Text(1, 5);
        var answer = await SameAsync(Chats.Prompt(System, Page, question), Pruned(Visual, (2, 0.2)), 0);
        await SameAsync(Chats.Prompt(System, Page, question, Chats.Text(answer.TokenIds), Chats.Text(2, 4)), Pruned(Visual, (2, 0.4)), 9 + Visual + 5);
    }

    [Fact]
    public async Task GenerateAsync_TextAlone_ReusedToo()
    {
        await SameAsync(Chats.Prompt(System, Chats.Text(1, 30)), TestEngine.Tokens(4), 0);
        await SameAsync(Chats.Prompt(System, Chats.Text(1, 30), Chats.Text(2, 3)), TestEngine.Tokens(4), 39);
        await SameAsync(Chats.Prompt(System, Chats.Text(1, 30)), TestEngine.Tokens(4), 38);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 30)), Pruned(Visual, (1, 0.2)), 9);
    }

    [Fact]
    public async Task GenerateAsync_OtherScopes_FindNothingOfEachOther()
    {
        var counts = new List<int>();
        foreach (var scope in new[] { "a", "b", "a", null, "", "", "b", null, "ab" })
        {
            counts.Add((await TestEngine.RunAsync(Warm, Chats.Prompt(scope, [System, Page, Chats.Text(counts.Count, 3)]), TestEngine.Tokens(2))).Usage.CachedPromptTokens);
        }

        Assert.Equal([0, 0, 49, 0, 0, 0, 49, 49, 0], counts);
        Assert.Equal((3, 4, 3 * 49), (Warm.Load.PrefixCache.Hits, Warm.Load.PrefixCache.Misses, Warm.Load.PrefixCache.SavedTokens));
    }

    [Fact]
    public async Task GenerateAsync_ManyAtOnceAboutOnePage_ThePageRunsOnce()
    {
        var prompts = Enumerable.Range(0, 12).Select(i => Chats.Prompt(System, Page, Chats.Text(i, 4 + i))).ToList();
        var results = await Task.WhenAll(prompts.Select(p => Task.Run(() => TestEngine.RunAsync(Warm, p, Small))));

        Assert.Equal(11, results.Count(r => r.Usage.CachedPromptTokens >= 9 + Visual - 1));
        for (var i = 0; i < prompts.Count; i++)
        {
            Equal(await TestEngine.RunAsync(Cold, prompts[i], Small), results[i]);
        }
    }

    [Fact]
    public async Task GenerateAsync_CancelledInThePrefill_LeavesNothingWrong()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TestEngine.RunAsync(Warm, Chats.Prompt(System, Page, Chats.Text(1, 5)), Small, gone.Token));
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(1, 5)), Small, 0);
        await SameAsync(Chats.Prompt(System, Page, Chats.Text(2, 5)), Small, 9 + Visual - 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task GenerateAsync_AnythingBehindAnything_TheSameAsAlone(int seed)
    {
        // A budget for a handful of prompts: what is found is always another part of what was asked.
        await using var tight = await LoadAsync(1, chunk: seed * 7);
        var random = new Random(seed);
        for (var i = 0; i < 60; i++)
        {
            List<Chats.Part> parts = [Chats.Text(random.Next(2), 4 + random.Next(3))];
            var visual = 0;
            for (var p = random.Next(3); p > 0; p--)
            {
                parts.Add(Chats.Picture(random.Next(4), 80));
                parts.Add(Chats.Text(random.Next(2), 2));
                visual += 80;
            }

            parts.Add(Chats.Text(random.Next(3), 1 + random.Next(4)));
            var options = random.Next(4) switch
            {
                0 => Small with { Importance = new ImportanceOptions { Variant = (ImportanceVariant)random.Next(2), LayerFraction = random.Next(2) == 0 ? 1 : 0.5 } },
                1 => Pruned(visual, (random.Next(4), random.NextDouble())) with { Draft = [.. Enumerable.Range(5, random.Next(3))] },
                2 => TestEngine.Tokens(4) with { FastV = new FastVPruning(1 + random.Next(3), random.NextDouble()) },
                _ => TestEngine.Tokens(4),
            };
            var prompt = Chats.Prompt(parts);
            Equal(await TestEngine.RunAsync(Cold, prompt, options), await TestEngine.RunAsync(tight, prompt, options));
            Assert.InRange(tight.Load.PrefixCache.Bytes, 0, tight.Load.PrefixCache.BudgetBytes);
        }

        Assert.True(tight.Load.PrefixCache is { Hits: > 0, Evictions: > 0 }, tight.Load.PrefixCache.ToString());
    }

    protected override void Configure(EngineOptions options) => options.PrefillChunk = 16;

    private static GenerationOptions Pruned(int visual, params (int Layer, double Ratio)[] steps)
    {
        // Of every token a number that says how long it stays.
        var order = new Random(steps.Length + visual);
        var rank = Enumerable.Range(0, visual).Select(_ => order.NextDouble()).ToArray();
        return TestEngine.Tokens(6) with { Plan = TestEngine.Plan(visual, [.. steps.Select(s => (s.Layer, new Func<int, bool>(v => rank[v] < s.Ratio)))]) };
    }

    /// <summary>Asks both engines.</summary>
    private async Task<GenerationResult> SameAsync(PreparedPrompt prompt, GenerationOptions options, int cached)
    {
        var (cold, warm) = await BothAsync(prompt, prompt, options);
        Assert.Equal((0, cached), (cold.Usage.CachedPromptTokens, warm.Usage.CachedPromptTokens));
        return warm;
    }
}
