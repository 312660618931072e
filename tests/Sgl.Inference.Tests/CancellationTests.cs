using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

public class CancellationTests
{
    private static readonly PreparedPrompt Short = TestEngine.Prompt(1, 4, 6, 3);

    [Fact]
    public async Task GenerateAsync_Cancelled_FreesItsSlot()
    {
        // One MiB holds one such request only.
        var tokens = (int)((1 << 20) * 0.7 / TestEngine.BytesPerToken);
        await using var engine = await TestEngine.LoadAsync(o => o.KvBudgetMiB = 1);
        for (var i = 0; i < 5; i++)
        {
            var running = await TestEngine.StartAsync(engine, Short, TestEngine.Tokens(tokens));
            Assert.Equal(1, engine.Load.Running);
            await running.CancelAsync();
            await TestEngine.UntilAsync(() => engine.Load.Running == 0, "the end of a cancelled sequence");
            Assert.True(engine.Load.KvBytesUsed <= engine.Load.KvBytesBudget);
        }

        var result = await TestEngine.RunAsync(engine, Short, TestEngine.Tokens(5));
        Assert.Equal(5, result.TokenIds.Count);
    }

    [Fact]
    public async Task GenerateAsync_ReaderStops_FreesItsSlot()
    {
        await using var engine = await TestEngine.LoadAsync();
        await foreach (var _ in engine.GenerateAsync(Short, TestEngine.Tokens(3000), CancellationToken.None))
        {
            break;
        }

        await TestEngine.UntilAsync(() => engine.Load.Running == 0, "the end of an abandoned sequence");
    }

    [Fact]
    public async Task GenerateAsync_CancelledWhileWaiting_LeavesTheQueue()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.MaxBatch = 1);
        var running = await TestEngine.StartAsync(engine, Short, TestEngine.Tokens(3000));
        using var source = new CancellationTokenSource();
        var waiting = Task.Run(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(3), source.Token));
        await TestEngine.UntilAsync(() => engine.Load.Waiting == 1, "waiting");
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await TestEngine.UntilAsync(() => engine.Load.Waiting == 0, "leaving the queue");
        Assert.Equal(1, engine.Load.Running);
        await running.CancelAsync();
    }

    [Fact]
    public async Task GenerateAsync_CancelledBeforehand_DoesNothing()
    {
        await using var engine = await TestEngine.LoadAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(3), new CancellationToken(true)));
        await TestEngine.UntilAsync(() => engine.Load is { Running: 0, Waiting: 0 }, "an empty engine");
    }

    [Fact]
    public async Task GenerateAsync_FullQueue_IsRefusedAndSaysWhenToRetry()
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.MaxBatch, o.MaxQueue) = (1, 2));
        var running = await TestEngine.StartAsync(engine, Short, TestEngine.Tokens(3000));
        var waiting = Enumerable.Range(0, 2).Select(_ => Task.Run(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(3)))).ToList();
        await TestEngine.UntilAsync(() => engine.Load.Waiting == 2, "a full queue");
        var error = await Assert.ThrowsAsync<EngineOverloadedException>(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(3)));
        Assert.True(error.RetryAfter > TimeSpan.Zero);
        Assert.Equal(2, engine.Load.Waiting);
        await running.CancelAsync();
        Assert.All(await Task.WhenAll(waiting), r => Assert.Equal(3, r.TokenIds.Count));
    }

    [Fact]
    public async Task FeaturesAsync_FirstCallerGoesAway_OthersStillGetThem()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.VisionBatch = 1);
        var expected = await engine.FeaturesAsync(Images.Prompt(300), CancellationToken.None);
        for (var round = 0; round < 10; round++)
        {
            var prompt = Images.Prompt(300);
            using var source = new CancellationTokenSource();
            var first = Task.Run(() => engine.FeaturesAsync(prompt, source.Token));
            var second = Task.Run(() => engine.FeaturesAsync(prompt, CancellationToken.None));
            await Task.Delay(round);
            await source.CancelAsync();
            Assert.Equal(expected, await second);
            await first.ContinueWith(t => Assert.True(t.IsCanceled || t.IsCompletedSuccessfully), TaskScheduler.Default);
        }
    }
}
