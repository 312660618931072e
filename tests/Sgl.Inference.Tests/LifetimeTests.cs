using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

public class LifetimeTests
{
    private static readonly PreparedPrompt Short = TestEngine.Prompt(1, 4, 6, 3);

    [Fact]
    public async Task DisposeAsync_WhileSequencesRunAndWait_EndsThemAll()
    {
        var engine = await TestEngine.LoadAsync(o => o.MaxBatch = 2);
        var running = new[] { await TestEngine.StartAsync(engine, Short, TestEngine.Tokens(3900)), await TestEngine.StartAsync(engine, Short, TestEngine.Tokens(3900)) };
        var waiting = Task.Run(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(3)));
        await TestEngine.UntilAsync(() => engine.Load.Waiting == 1, "waiting");
        await engine.DisposeAsync();
        foreach (var end in running.Select(r => r.End).Append(waiting))
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => end.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        await engine.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(3)));
    }

    [Fact]
    public async Task DisposeAsync_AmidstArrivals_LeavesNobodyWaiting()
    {
        for (var round = 0; round < 5; round++)
        {
            var engine = await TestEngine.LoadAsync();
            using var begin = new ManualResetEventSlim();
            var requests = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
            {
                begin.Wait();
                try
                {
                    for (var i = 0; i < 1000; i++)
                    {
                        await TestEngine.RunAsync(engine, Short, TestEngine.Tokens(1));
                    }
                }
                catch (Exception e) when (e is ObjectDisposedException or EngineOverloadedException)
                {
                }
            })).ToList();
            begin.Set();
            await Task.Delay(20 * round);
            await engine.DisposeAsync();
            await Task.WhenAll(requests).WaitAsync(TimeSpan.FromSeconds(60));
        }
    }

    [Fact]
    public async Task DisposeAsync_WhileImagesAreEncoded_WaitsForTheRunAndRefusesTheRest()
    {
        var engine = await TestEngine.LoadAsync();
        var encodings = Enumerable.Range(0, 6).Select(i => Task.Run(() => engine.FeaturesAsync(Images.Prompt(400 + i), CancellationToken.None))).ToList();
        await Task.Delay(5);
        await engine.DisposeAsync();
        foreach (var encoding in encodings)
        {
            var error = await Record.ExceptionAsync(() => encoding.WaitAsync(TimeSpan.FromSeconds(60)));
            Assert.True(error is null or ObjectDisposedException, error?.ToString());
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.FeaturesAsync(Images.Prompt(3), CancellationToken.None));
    }

    [Fact]
    public async Task LoadAsync_SmallestLimits_LoadsAndServes()
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.MaxNewTokens, o.MaxBatch, o.MaxQueue, o.KvBudgetMiB) = (1, 1, 1, 1));
        Assert.Single((await TestEngine.RunAsync(engine, Short, TestEngine.Tokens(1))).TokenIds);
    }

    [Fact]
    public async Task LoadAsync_PruneLayerBehindTheLast_SaysWhichLayersExist()
    {
        var error = await Assert.ThrowsAsync<EngineSettingsException>(() => TestEngine.LoadAsync(o => o.PruneLayers.Add(4)));
        Assert.Contains("0 to 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_Progress_RisesToOne()
    {
        var seen = new List<LoadProgress>();
        var options = new EngineOptions { Checkpoint = TestEngine.Checkpoint, Placement = "cpu*4" };
        await using var engine = await VlmEngine.LoadAsync(options, progress: new Collect(seen));
        Assert.Equal(1, seen[^1].Fraction);
        Assert.Equal(seen.Select(s => s.Fraction).Order(), seen.Select(s => s.Fraction));
        Assert.Equal(4, engine.Model.Stages.Count);
    }

    [Fact]
    public async Task LoadAsync_ProgressOfFewParts_GrowsWithEachMatrix()
    {
        var seen = new List<LoadProgress>();
        await using var engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = TestEngine.Checkpoint }, progress: new Collect(seen));
        var parts = seen.Select(s => s.Phase).Distinct().Count();
        Assert.InRange(seen.Select(s => s.Fraction).Distinct().Count(), 4 * parts, int.MaxValue);
        Assert.All(seen, s => Assert.InRange(s.Fraction, 0, 1));
        Assert.Equal(seen.Select(s => s.Fraction).Order(), seen.Select(s => s.Fraction));
    }

    private sealed class Collect(List<LoadProgress> seen) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => seen.Add(value);
    }
}
