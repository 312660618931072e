using Sgl.Guidance;
using Sgl.Inference.Tests.Support;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference.Tests;

/// <summary>Tiles of which layer 0 sees no token: one visual token per tile here.</summary>
public class LeftOutTilesTests
{
    [Fact]
    public async Task GenerateAsync_Layer0SeesSomeTiles_EncodesTheseAndAnswersAsWithAllEncoded()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.VisionCacheMiB = 0);
        var options = Keep(7, 1, 2, 5);
        var whole = Images.Prompt(7);
        await engine.EncodeAsync(whole, default);
        var expected = await TestEngine.RunAsync(engine, whole, options);
        Assert.Equal((7, 7, 0), Tiles(expected));

        var few = await TestEngine.RunAsync(engine, Images.Prompt(7), options);

        Assert.Equal((7, 3, 4), Tiles(few));
        Assert.Equal(expected.TokenIds, few.TokenIds);
        Assert.Equal(expected.Usage.KvLengths, few.Usage.KvLengths);
        Assert.Equal(3, few.Usage.KeptVisualTokens);
    }

    [Fact]
    public async Task GenerateAsync_LeftOutTilesAreNotNumbers_SameTokensAndProbabilities()
    {
        await using var engine = await TestEngine.LoadAsync();
        var good = new GenerationTrace();
        var bad = new GenerationTrace();
        var expected = await TestEngine.RunAsync(engine, Images.Prompt(6), Keep(6, 0, 3) with { Trace = good });
        var spoilt = Images.Prompt(6);
        var pixels = spoilt.Images[0].PixelValues;
        foreach (var tile in new[] { 1, 2, 4, 5 })
        {
            pixels.AsSpan(tile * pixels.Length / 6, pixels.Length / 6).Fill(float.NaN);
        }

        var result = await TestEngine.RunAsync(engine, spoilt, Keep(6, 0, 3) with { Trace = bad });

        Assert.Equal(expected.TokenIds, result.TokenIds);
        Assert.Equal(good.StepLogits.SelectMany(l => l), bad.StepLogits.SelectMany(l => l));
        Assert.All(bad.StepLogits, logits => Assert.All(logits, l => Assert.True(float.IsFinite(l))));
    }

    [Fact]
    public async Task GenerateAsync_LaterStepsToo_PositionsStayTheOriginalOnes()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.PruneLayers.Add(2));
        var trace = new GenerationTrace();
        var options = TestEngine.Tokens(3) with { Plan = TestEngine.Plan(5, (0, i => i is 1 or 3 or 4), (2, i => i == 3)), Trace = trace };

        var result = await TestEngine.RunAsync(engine, Images.Prompt(5), options);

        Assert.Equal((5, 3, 2), Tiles(result));
        Assert.Equal([0, 1, 3, 5, 6, 7], trace.StagePositions[0][0]);
        Assert.Equal([0, 1, 5, 7], trace.StagePositions[2][0]);
    }

    [Fact]
    public async Task GenerateAsync_OtherTilesLater_OnlyTheMissingOnesAreEncoded()
    {
        await using var engine = await TestEngine.LoadAsync();
        var results = new List<(int, int, int, int)>();
        foreach (var keep in new int[][] { [0, 1], [1, 4], [0, 1, 2, 3, 4, 5], [5, 2] })
        {
            var usage = (await TestEngine.RunAsync(engine, Images.Prompt(6), Keep(6, keep))).Usage;
            results.Add((usage.EncodedTiles, usage.CachedTiles, usage.LeftOutTiles, usage.CachedVisualTokens));
        }

        Assert.Equal([(2, 0, 4, 0), (1, 1, 4, 1), (3, 3, 0, 3), (0, 2, 4, 2)], results);
    }

    [Fact]
    public async Task GenerateAsync_TilesFromCacheAndTower_SameFeaturesAsAtOnce()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.VisionBatch = 3);
        await using var cold = await TestEngine.LoadAsync(o => (o.VisionBatch, o.VisionCacheMiB) = (3, 0));
        await TestEngine.RunAsync(engine, Images.Prompt(8), Keep(8, 1, 2, 6));

        Assert.Equal(await cold.FeaturesAsync(Images.Prompt(8), default), await engine.FeaturesAsync(Images.Prompt(8), default));
    }

    [Fact]
    public async Task EncodeAsync_SomeTilesAheadAtTheSameTime_EachIsEncodedOnce()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.VisionCacheMiB = 0);
        var prompt = Images.Prompt(9);

        await Task.WhenAll(
            engine.EncodeAsync(prompt, KeepMask.FromIndices(9, [8]), default),
            engine.EncodeAsync(prompt, KeepMask.FromIndices(9, [2, 8]), default),
            TestEngine.RunAsync(engine, prompt, Keep(9, 2, 3, 8)));

        var result = await TestEngine.RunAsync(engine, prompt, Keep(9, 8));
        Assert.Equal((9, 3, 6), Tiles(result));
        Assert.Equal(await engine.FeaturesAsync(Images.Prompt(9), default), await engine.FeaturesAsync(prompt, default));
    }

    [Fact]
    public async Task GenerateAsync_NoVisualTokenStays_TheTowerDoesNotRun()
    {
        await using var engine = await TestEngine.LoadAsync();
        var result = await TestEngine.RunAsync(engine, Images.Prompt(3), Keep(3));
        Assert.Equal((3, 0, 3), Tiles(result));
        Assert.Equal(TimeSpan.Zero, result.Timings.Vision);
    }

    [Fact]
    public async Task GenerateAsync_PixelsAreDropped_TheyGoThoughTilesWereLeftOut()
    {
        await using var engine = await TestEngine.LoadAsync();
        var made = Images.Prompt(4);
        var prompt = new PreparedPrompt(made.Ids, made.Spans, made.Images) { DropsPixels = true };
        await engine.EncodeAsync(prompt, KeepMask.FromIndices(4, [3]), default);
        Assert.NotEmpty(prompt.Images[0].PixelValues);

        await TestEngine.RunAsync(engine, prompt, Keep(4, 0, 3));

        Assert.Empty(prompt.Images[0].PixelValues);
        await Assert.ThrowsAsync<InvalidOperationException>(() => TestEngine.RunAsync(engine, prompt, Keep(4, 1)));
        Assert.Equal((4, 2, 2), Tiles(await TestEngine.RunAsync(engine, prompt, Keep(4, 0))));
    }

    [Fact]
    public async Task GenerateAsync_SameTileInAnotherImage_IsFoundInTheCache()
    {
        await using var engine = await TestEngine.LoadAsync();
        var prompt = Images.Prompt(3);
        await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(2));
        var image = prompt.Images[0];
        var half = image.PixelValues.Length / 3;
        var other = image with
        {
            PixelValues = [.. image.PixelValues[half..(2 * half)], .. Images.Prompt(44).Images[0].PixelValues[..half]],
            Shape = [2, .. image.Shape[1..]],
            Layout = new VisualLayout(1, 2, [.. image.Layout.Tiles.Take(2)]),
        };

        var result = await TestEngine.RunAsync(engine, new PreparedPrompt([10, 3, 3, 12], [new ImageSpan(0, 1, 2)], [other]), TestEngine.Tokens(2));

        Assert.Equal((1, 1, 1), (result.Usage.EncodedTiles, result.Usage.CachedTiles, result.Usage.CachedVisualTokens));
    }

    [Fact]
    public async Task EncodeAsync_CancelledBetweenRuns_WhatWasEncodedStays()
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.VisionBatch, o.VisionCacheMiB) = (1, 0));
        var prompt = Images.Prompt(200);
        using var source = new CancellationTokenSource();
        var encoding = engine.EncodeAsync(prompt, source.Token);
        await TestEngine.UntilAsync(() => prompt.EncodedTiles > 0 || encoding.IsCompleted, "the first tile");
        await source.CancelAsync();
        await encoding.ContinueWith(_ => { }, TaskScheduler.Default);
        var before = prompt.EncodedTiles;

        var features = await engine.FeaturesAsync(prompt, default);

        Assert.True(before > 0);
        Assert.Equal(200, prompt.EncodedTiles);
        Assert.Equal(await engine.FeaturesAsync(Images.Prompt(200), default), features);
    }

    private static GenerationOptions Keep(int tiles, params int[] kept) => TestEngine.Tokens(4) with { Plan = TestEngine.Plan(tiles, (0, kept.Contains)) };

    private static (int All, int Encoded, int LeftOut) Tiles(GenerationResult result) => (result.Usage.Tiles, result.Usage.EncodedTiles, result.Usage.LeftOutTiles);
}
