using Sgl.Gpu.Tests.Support;

namespace Sgl.Gpu.Tests;

/// <summary>Several cards at work at the same time. Kernels of the stand-in take a while here, so that it can be seen when each card has something to run.</summary>
public sealed class LanesTests : IDisposable
{
    // Long against what asking for a kernel takes, also on a busy machine.
    private static readonly TimeSpan Kernel = TimeSpan.FromMicroseconds(500);

    public void Dispose()
    {
        if (Standin.Missing is null)
        {
            Standin.Pace(TimeSpan.Zero);
        }
    }

    [SkippableTheory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task GenerateAsync_EightAnswersAtOnce_EveryCardHasWorkAllTheTime(int cards)
    {
        const int Before = 2, Steps = 12;
        Standin.Require(cards);
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, $"cuda*{cards}"));
        Standin.Pace(Kernel);
        var tokens = new int[8];
        using var enough = new CancellationTokenSource();
        var answers = Enumerable.Range(0, tokens.Length).Select(i => Task.Run(async () =>
        {
            try
            {
                await foreach (var generated in engine.GenerateAsync(Text(30 + i), Tokens(500), enough.Token))
                {
                    Interlocked.Increment(ref tokens[i]);
                }
            }
            catch (OperationCanceledException)
            {
            }
        })).ToList();
        await UntilAsync(() => tokens.Min() > Before);
        Standin.Reset();
        await UntilAsync(() => tokens.Min() > Before + Steps);
        var times = Enumerable.Range(0, cards).Select(Standin.BusyTimes).ToList();
        var counts = Enumerable.Range(0, cards).Select(Standin.Of).ToList();
        await enough.CancelAsync();
        await Task.WhenAll(answers);
        Standin.Print($"eight answers on {cards} cards, shares {string.Join(", ", Shares(times).Select(s => s.ToString("P0", System.Globalization.CultureInfo.InvariantCulture)))}");
        // One after the other, each card would have something to do for a share of 1 / cards.
        Assert.All(Shares(times), share => Assert.InRange(share, cards == 2 ? 0.7 : 0.5, 1));
        Assert.InRange(AllAtOnce(times), 0.25, 1);
        // Each step ran on each card.
        Assert.All(counts, c => Assert.InRange(c.Launches, counts.Max(o => o.Launches) / 2, long.MaxValue));
    }

    [SkippableTheory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task GenerateAsync_OneLongPrompt_ItsChunksAreOnAllCardsAtOnce(int cards)
    {
        Standin.Require(cards);
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, $"cuda*{cards}"));
        var prompt = Text(4000);
        Standin.Pace(Kernel);
        Standin.Reset();
        await ResultAsync(engine, prompt, Tokens(1));
        var times = Enumerable.Range(0, cards).Select(Standin.BusyTimes).ToList();
        Standin.Print($"a prompt of {prompt.Ids.Length} rows on {cards} cards, shares {string.Join(", ", Shares(times).Select(s => s.ToString("P0", System.Globalization.CultureInfo.InvariantCulture)))}");
        // The first chunk comes to the last card when it has been through the others, so not quite all.
        Assert.All(Shares(times), share => Assert.InRange(share, cards == 2 ? 0.6 : 0.4, 1));
    }

    [SkippableFact]
    public async Task GenerateAsync_DecodeStepOnTwoCards_WaitsOnceForEach()
    {
        const int Few = 2, Many = 10;
        Standin.Require(cards: 2);
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda*2"));
        async Task<Counts[]> Counts(int tokens)
        {
            Standin.Reset();
            await ResultAsync(engine, Text(50), Tokens(tokens));
            return [Standin.Of(0), Standin.Of(1)];
        }

        await Counts(Few);
        var (few, many) = (await Counts(Few), await Counts(Many));
        for (var card = 0; card < 2; card++)
        {
            Assert.Equal(Many - Few, many[card].Syncs - few[card].Syncs);
            Assert.InRange(many[card].Copies - few[card].Copies, 1, 3 * (Many - Few));
        }
    }

    [SkippableFact]
    public async Task GenerateAsync_AStepFailsOnOneCard_OnlyItsSequencesEndAndTheRestIsServed()
    {
        Standin.Require(cards: 2);
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda*2"));
        Standin.Pace(TimeSpan.FromMicroseconds(50));
        var tokens = new int[8];
        var answers = Enumerable.Range(0, tokens.Length).Select(i => Task.Run(async () =>
        {
            await foreach (var _ in engine.GenerateAsync(Text(30 + i), Tokens(60), default))
            {
                Interlocked.Increment(ref tokens[i]);
            }
        })).ToList();
        await UntilAsync(() => tokens.Min() > 2);
        Standin.FailNext(1);
        var ends = await Task.WhenAll(answers.Select(a => Record.ExceptionAsync(() => a)));
        Assert.InRange(ends.Count(e => e is not null), 1, 4);
        Assert.All(ends.Where(e => e is not null), e => Assert.Contains("unspecified launch failure", e!.Message, StringComparison.Ordinal));
        Assert.Equal(5, (await ResultAsync(engine, Text(20), Tokens(5))).TokenIds.Count);
        await UntilAsync(() => engine.Load is { Running: 0, KvBytesOccupied: 0 });
    }

    [SkippableFact]
    public async Task GenerateAsync_AChunkFailsWhileOthersOfItsPromptAreUnderWay_ThePromptEndsAndTheRestIsServed()
    {
        Standin.Require(cards: 2);
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda*2"));
        Standin.Pace(TimeSpan.FromMicroseconds(50));
        for (var round = 0; round < 5; round++)
        {
            Standin.Reset();
            var prompt = Task.Run(() => ResultAsync(engine, Text(4000), Tokens(2)));
            // Its first chunks have come to the second card.
            await UntilAsync(() => Standin.Of(1).ToDevice > round);
            Standin.FailNext(1);
            var error = await Assert.ThrowsAnyAsync<Exception>(() => prompt);
            Assert.Contains("unspecified launch failure", error.Message, StringComparison.Ordinal);
            Assert.Equal(3, (await ResultAsync(engine, Text(300), Tokens(3))).TokenIds.Count);
            await UntilAsync(() => engine.Load is { Running: 0, KvBytesOccupied: 0 });
        }
    }

    [SkippableFact]
    public async Task GenerateAsync_HundredsOfRequestsAndCallersThatLeave_CardsHoldWhatTheyHeld()
    {
        Standin.Require(cards: 2);
        using var folder = Shapes.Folder("InternVL2-2B");
        var options = Shapes.Options(folder, "cuda*2", importance: true);
        options.PruneLayers.Add(0);
        await using var engine = await VlmEngine.LoadAsync(options);
        await RunAsync(100);
        var before = (Standin.Of(0).Used, Standin.Of(1).Used);
        await RunAsync(300);
        Assert.Equal(before, (Standin.Of(0).Used, Standin.Of(1).Used));

        Task RunAsync(int requests) => Parallel.ForEachAsync(Enumerable.Range(0, requests), new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (i, cancelled) =>
        {
            var left = i % 5 == 0;
            await foreach (var _ in engine.GenerateAsync(Text(20 + (i % 30)), Tokens(3), cancelled))
            {
                if (left)
                {
                    break;
                }
            }
        });
    }

    /// <summary>For each card the share of the time, from the first kernel on any of them to the last, in which it had kernels to run.</summary>
    private static IReadOnlyList<double> Shares(List<IReadOnlyList<(long From, long To)>> times)
    {
        var all = times.SelectMany(t => t).ToList();
        var length = (double)(all.Max(t => t.To) - all.Min(t => t.From));
        return [.. times.Select(t => t.Sum(i => i.To - i.From) / length)];
    }

    /// <summary>The share of the time in which all of them had.</summary>
    private static double AllAtOnce(List<IReadOnlyList<(long From, long To)>> times)
    {
        var edges = times.SelectMany(t => t).SelectMany(i => new[] { (At: i.From, Step: 1), (At: i.To, Step: -1) }).OrderBy(e => e.At).ThenBy(e => e.Step).ToList();
        long together = 0;
        for (var (i, busy) = (0, 0); i + 1 < edges.Count; i++)
        {
            busy += edges[i].Step;
            together += busy == times.Count ? edges[i + 1].At - edges[i].At : 0;
        }

        return together / (double)(edges[^1].At - edges[0].At);
    }

    private static PreparedPrompt Text(int rows) => new([.. Enumerable.Repeat(5, rows)], [], []) { CacheScope = "" };

    private static GenerationOptions Tokens(int count) => new() { Sampling = new SamplingOptions { MaxNewTokens = count, StopTokenIds = [] } };

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 24_000, "it did not come to that within two minutes");
            await Task.Delay(5);
        }
    }

    private static async Task<GenerationResult> ResultAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, default))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("no result");
    }
}
