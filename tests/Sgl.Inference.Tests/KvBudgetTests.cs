using System.Collections.Concurrent;
using Sgl.Guidance;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

public class KvBudgetTests
{
    private static readonly PreparedPrompt Short = TestEngine.Prompt(1, 4, 6, 3);

    private static int Capacity => (1 << 20) / TestEngine.BytesPerToken;

    [Fact]
    public async Task GenerateAsync_NeverFits_NamesTheFieldAndServesOthers()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.KvBudgetMiB = 1);
        var error = await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(engine, Short, TestEngine.Tokens(Capacity + 1)));
        Assert.Equal("sampling.max_new_tokens", error.Field);
        Assert.Contains("KvBudgetMiB", error.Message, StringComparison.Ordinal);
        Assert.Equal(4, (await TestEngine.RunAsync(engine, Short, TestEngine.Tokens(4))).TokenIds.Count);
        Assert.Equal(0, engine.Load.Waiting);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task GenerateAsync_NeedsTheWholeBudget_IsServedByAnyNumberOfStages(int stages)
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.KvBudgetMiB, o.Placement) = (1, $"cpu*{stages}"));
        var prompt = TestEngine.Prompt(2, Capacity - 20, 0, 0);
        Assert.Equal(20, (await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(20))).TokenIds.Count);
        Assert.Equal(1 << 20, engine.Load.KvBytesUsed);
    }

    [Fact]
    public async Task GenerateAsync_FitsOnlyAfterOthers_WaitsAndCompletes()
    {
        var time = new ObservedTime();
        await using var engine = await TestEngine.LoadAsync(o => (o.KvBudgetMiB, o.Placement) = (1, "cpu*2"), time);
        var options = TestEngine.Tokens(300);
        var prompt = TestEngine.Prompt(3, (int)(Capacity * 0.6) - 300, 0, 0);
        var alone = await TestEngine.RunAsync(engine, prompt, options);
        var loads = new ConcurrentQueue<EngineLoad>();
        time.Observe = () => loads.Enqueue(engine.Load);
        var all = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => TestEngine.RunAsync(engine, prompt, options))));

        Assert.Equal(1, loads.Max(l => l.Running));
        Assert.All(loads, l => Assert.True(l.KvBytesUsed <= l.KvBytesBudget));
        Assert.All(all, r => Assert.Equal(alone.TokenIds, r.TokenIds));
    }

    [Fact]
    public async Task GenerateAsync_PrunedInFrontOfLayerZero_NeedsMemoryForWhatIsKeptOnly()
    {
        await using var engine = await TestEngine.LoadAsync(o =>
        {
            o.KvBudgetMiB = 1;
            o.PruneLayers.Add(0);
        });
        var visual = 2 * Capacity - 500;
        var prompt = TestEngine.Prompt(4, 5, visual, 5);
        var options = TestEngine.Tokens(10);
        Assert.Equal("sampling.max_new_tokens", (await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(engine, prompt, options))).Field);
        var result = await TestEngine.RunAsync(engine, prompt, options with { Plan = TestEngine.Plan(visual, (0, v => v % 40 == 0)) });
        Assert.Equal(result.Usage.KvLengths.Sum() * (long)TestEngine.BytesPerToken / TestEngine.Shape.Layers, result.Usage.KvBytes);
    }

    [Fact]
    public async Task GenerateAsync_SameLengthAgain_TakesNoNewMemory()
    {
        await using var engine = await TestEngine.LoadAsync();
        await TestEngine.RunAsync(engine, Short, TestEngine.Tokens(100));
        var used = engine.Load.KvBytesUsed;
        for (var i = 0; i < 5; i++)
        {
            await TestEngine.RunAsync(engine, Short, TestEngine.Tokens(100 + i) with { Importance = new ImportanceOptions() });
        }

        Assert.Equal(used, engine.Load.KvBytesUsed);
    }
}
