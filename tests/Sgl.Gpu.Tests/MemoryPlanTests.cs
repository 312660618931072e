using Sgl.Gpu.Tests.Support;
using Sgl.Models;

namespace Sgl.Gpu.Tests;

/// <summary>What a plan says, and what the runtime then takes.</summary>
public sealed class MemoryPlanTests
{
    private const long Gib = 1L << 30;

    [Theory]
    [InlineData("InternVL2-26B", 1, 16)]
    [InlineData("InternVL2-76B", 2, 1)]
    [InlineData("InternVL2-76B", 4, 16)]
    [InlineData("InternVL2-2B", 1, 16)]
    [InlineData("Qwen2-VL-2B", 1, 16)]
    [InlineData("LLaVA-OV-0.5B", 1, 16)]
    public void For_CardsOf80_FitsAndEveryLayerIsPlacedOnce(string name, int cards, int requests)
    {
        using var folder = Shapes.Folder(name);
        var shape = ModelShape.Open(folder.Path);
        var plan = MemoryPlan.For(shape, cards, 80 * Gib, new EngineOptions { Importance = false });
        Assert.True(plan.Fits);
        var placement = DevicePlacement.Parse(plan.Placement, shape.Config.Language.Layers);
        Assert.Equal(cards, placement.Count);
        var (layer, ratio) = Sgl.Guidance.PruneSchedule.ForAverage(shape.Config.Language.Layers, 0.09);
        Assert.All(plan.Devices, d => Assert.InRange(d.Kv / d.KvPerRequest(336, 3328, layer, ratio), requests, long.MaxValue));
        var memory = plan.Devices.Select(d => d.Kv).ToList();
        // No card is left with much less than another: within a layer or two.
        Assert.InRange(memory.Max() - memory.Min(), 0, 2 * 2 * shape.LayerParameters);
    }

    [Fact]
    public void For_OneCardFor76B_SaysThatItDoesNotFit()
    {
        using var folder = Shapes.Folder("InternVL2-76B");
        Assert.False(MemoryPlan.For(ModelShape.Open(folder.Path), 1, 80 * Gib, new EngineOptions()).Fits);
    }

    [SkippableTheory]
    [InlineData("InternVL2-26B", "cuda", 1, false)]
    [InlineData("InternVL2-2B", "cuda", 1, true)]
    [InlineData("InternVL2-76B", "cuda*2", 2, false)]
    [InlineData("InternVL2-2B", "cuda", 1, false, "int8")]
    [InlineData("InternVL2-2B", "cuda", 1, false, "int4")]
    public async Task LoadAsync_AndALongPrompt_TakeWhatThePlanSays(string name, string placement, int cards, bool importance, string bits = "auto")
    {
        Standin.Require(cards);
        using var folder = Shapes.Folder(name);
        var options = Shapes.Options(folder, placement, importance, bits);
        var before = Enumerable.Range(0, cards).Select(c => Standin.Of(c).Used).ToArray();
        Standin.Reset();
        await using var engine = await VlmEngine.LoadAsync(options);
        var shape = ModelShape.Open(folder.Path);
        var plan = MemoryPlan.Of(shape, DevicePlacement.Parse(placement, shape.Config.Language.Layers), _ => 80 * Gib, options);
        Assert.Equal(engine.Model.Weights.Bytes, plan.Weights);
        var prompt = Shapes.Prompt(engine, tiles: 12);
        await foreach (var _ in engine.GenerateAsync(
            prompt, new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 4, StopTokenIds = [] }, Importance = importance ? new Sgl.Guidance.ImportanceOptions() : null }, default))
        {
        }

        var kv = engine.Load.KvBytesUsed / cards;
        for (var card = 0; card < cards; card++)
        {
            var device = plan.Devices[card];
            var taken = Standin.Of(card).Peak - before[card];
            Assert.InRange(taken, 0.95 * (device.Weights + kv), device.Weights + (1.05 * kv) + device.Workspace);
            Assert.InRange(device.Weights + kv + device.Workspace, 0, 1.15 * taken);
        }
    }
}
