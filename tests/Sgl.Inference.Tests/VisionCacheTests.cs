using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Tests.Support;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference.Tests;

public class VisionCacheTests
{
    [Fact]
    public async Task GenerateAsync_ImageSeenBefore_SameFeaturesAndAnswerWithoutTheTower()
    {
        await using var engine = await TestEngine.LoadAsync();
        var first = Images.Prompt([1, 2]);
        var again = Images.Prompt([2, 1, 3]);
        var answer = await TestEngine.RunAsync(engine, first, TestEngine.Tokens(6));
        var mixed = await TestEngine.RunAsync(engine, again, TestEngine.Tokens(6));
        var known = await TestEngine.RunAsync(engine, Images.Prompt([1, 2]), TestEngine.Tokens(6));

        Assert.Equal((0, 2, 2), (answer.Usage.CachedVisualTokens, mixed.Usage.CachedVisualTokens, known.Usage.CachedVisualTokens));
        Assert.Equal(answer.TokenIds, known.TokenIds);
        var (a, b) = (await engine.FeaturesAsync(first, default), await engine.FeaturesAsync(again, default));
        var width = TestEngine.Shape.Hidden;
        Assert.Equal(a[..width], b[width..(2 * width)]);
        Assert.Equal(a[width..], b[..width]);
        Assert.NotEqual(a[width..], b[(2 * width)..]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EncodeAsync_PixelsAreDropped_NothingHoldsThemAndTheAnswerIsTheSame(bool drops)
    {
        await using var engine = await TestEngine.LoadAsync();
        var expected = await TestEngine.RunAsync(engine, Images.Prompt([1, 2]), TestEngine.Tokens(6));
        var (prompt, pixels) = Prepare(drops);

        await engine.EncodeAsync(prompt, CancellationToken.None);

        for (var i = 0; i < 20 && drops && pixels.Any(p => p.IsAlive); i++)
        {
            GC.Collect();
            await Task.Delay(20);
        }

        Assert.All(pixels, p => Assert.Equal(!drops, p.IsAlive));
        var answer = await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(6));
        Assert.Equal(expected.TokenIds, answer.TokenIds);
        GC.KeepAlive(prompt);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static (PreparedPrompt Prompt, WeakReference[] Pixels) Prepare(bool drops)
        {
            var made = Images.Prompt([1, 2]);
            var prompt = new PreparedPrompt(made.Ids, made.Spans, made.Images) { DropsPixels = drops };
            return (prompt, [.. prompt.Images.Select(i => new WeakReference(i.PixelValues))]);
        }
    }

    [Fact]
    public async Task GenerateAsync_ManyAtOnceAboutOneImage_TheTowerRunsOnce()
    {
        await using var engine = await TestEngine.LoadAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => TestEngine.RunAsync(engine, Images.Prompt([7]), TestEngine.Tokens(3)))));
        Assert.Equal(5, results.Sum(r => r.Usage.CachedVisualTokens));
    }

    [Fact]
    public async Task GenerateAsync_CacheOff_NothingIsKept()
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.VisionCacheMiB, o.PrefixCacheMiB) = (0, 0));
        await TestEngine.RunAsync(engine, Images.Prompt([1]), TestEngine.Tokens(2));
        Assert.Equal(0, (await TestEngine.RunAsync(engine, Images.Prompt([1]), TestEngine.Tokens(2))).Usage.CachedVisualTokens);
    }

    [Fact]
    public async Task GenerateAsync_OtherScope_FindsNothingOfTheFirst()
    {
        await using var engine = await TestEngine.LoadAsync();
        var counts = new List<int>();
        foreach (var scope in new[] { "a", "b", "a", null, "", "", "b", null, "ab" })
        {
            var prompt = Images.Prompt([1]);
            var scoped = new PreparedPrompt(prompt.Ids, prompt.Spans, prompt.Images) { CacheScope = scope };
            counts.Add((await TestEngine.RunAsync(engine, scoped, TestEngine.Tokens(2))).Usage.CachedVisualTokens);
        }

        // An empty scope neither finds nor leaves anything.
        Assert.Equal([0, 0, 1, 0, 0, 0, 1, 1, 0], counts);
    }

    [Fact]
    public void Add_MoreThanTheBudget_LeastRecentlyUsedGoesFirst()
    {
        var cache = new VisionCache(3 * 4 * sizeof(float));
        var keys = Enumerable.Range(0, 5).Select(i => new VisionKey(0, (UInt128)i)).ToArray();
        foreach (var key in keys[..3])
        {
            cache.Add(key, [(float)key.Low, 0, 0, 0]);
        }

        Assert.NotNull(cache.Find(keys[0]));
        cache.Add(keys[3], [3, 0, 0, 0]);
        Assert.Null(cache.Find(keys[1]));
        cache.Add(keys[4], new float[13]);
        Assert.Null(cache.Find(keys[4]));
        Assert.Equal([0f, 2, 3], new[] { 0, 2, 3 }.Select(i => cache.Find(keys[i])![0]));
        Assert.Equal(3 * 4 * sizeof(float), cache.Bytes);
    }

    [Fact]
    public void Of_OtherPixelShapeGridOrPacking_OtherKey()
    {
        var image = Images.Prompt(2).Images[0];
        var other = (float[])image.PixelValues.Clone();
        other[^1] += 1e-6f;
        VisionKey[] keys =
        [
            Key(image),
            Key(image with { PixelValues = other }),
            Key(image with { Shape = [image.Shape[0], 3, image.Shape[2] * 2, image.Shape[3] / 2] }),
            Key(image with { Grid = (1, 2, 4) }),
            Key(image with { Grid = (1, 4, 2) }),
            Key(image with { Packed = new(1, 2, 3, 0, 0, 3, 6, 3, 6) }),
            Key(image with { Packed = new(1, 2, 3, 0, 1, 3, 5, 3, 5) }),
        ];
        Assert.Distinct(keys);
        Assert.Equal(keys[0], Key(Images.Prompt(2).Images[0]));
        Assert.Distinct([keys[0], Key(image, ""), Key(image, "a"), Key(image, "b")]);
    }

    [Fact]
    public async Task EncodeAsync_EqualTilesAndNothingKept_EachDistinctOneIsEncodedOnce()
    {
        await using var engine = await TestEngine.LoadAsync(o => (o.VisionCacheMiB, o.VisionBatch) = (0, 2));
        var prompt = Repeated([0, 1, 0, 2, 1, 0]);
        var result = await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(3));

        Assert.Equal((6, 3, 3, 0), (result.Usage.Tiles, result.Usage.EncodedTiles, result.Usage.CachedTiles, result.Usage.LeftOutTiles));
        var (features, distinct) = (await engine.FeaturesAsync(prompt, default), await engine.FeaturesAsync(Repeated([0, 1, 2]), default));
        var width = TestEngine.Shape.Hidden;
        float[] expected = [.. new[] { 0, 1, 0, 2, 1, 0 }.SelectMany(tile => distinct[(tile * width)..((tile + 1) * width)])];
        Assert.Equal(expected, features);

        // In two pictures of one prompt too.
        var one = Repeated([0, 1]).Images[0];
        var twice = new PreparedPrompt([10, 3, 3, 3, 3, 12], [new ImageSpan(0, 1, 2), new ImageSpan(1, 3, 2)], [one, one]);
        Assert.Equal(2, (await TestEngine.RunAsync(engine, twice, TestEngine.Tokens(2))).Usage.EncodedTiles);

        static PreparedPrompt Repeated(int[] tiles)
        {
            var prompt = Images.Prompt(tiles.Length);
            var pixels = Images.Prompt(3).Images[0].PixelValues;
            var values = pixels.Length / 3;
            return new PreparedPrompt(prompt.Ids, prompt.Spans, [prompt.Images[0] with { PixelValues = [.. tiles.SelectMany(tile => pixels[(tile * values)..((tile + 1) * values)])] }]);
        }
    }

    [Fact]
    public void OfTile_WhatTheTowerSeesOfIt_IsTheKey()
    {
        var image = Images.Prompt(3).Images[0];
        var changed = (float[])image.PixelValues.Clone();
        changed[^1] += 1e-6f;
        var other = image with { PixelValues = changed, Packed = new(1, 2, 3, 0, 0, 3, 6, 3, 6) };

        Assert.Distinct([.. Enumerable.Range(0, 3).Select(t => VisionKey.OfTile(image, t)), VisionKey.OfTile(other, 2), VisionKey.OfTile(image, 0, ""), VisionKey.OfTile(image, 0, "a"), Key(image)]);
        Assert.Equal([VisionKey.OfTile(image, 0), VisionKey.OfTile(image, 1)], [VisionKey.OfTile(other, 0), VisionKey.OfTile(other, 1)]);
        var grid = image with { Grid = (1, 2, 4) };
        Assert.Distinct([VisionKey.OfTile(grid, 0), VisionKey.OfTile(grid with { Grid = (1, 4, 2) }, 0), VisionKey.OfTile(image, 0)]);
        Assert.Equal([VisionKey.OfTile(grid, 0)], VisionKey.OfTiles(grid));
    }

    private static VisionKey Key(VisualInput image, string? scope = null) => VisionKey.Of(image, VisionKey.OfTiles(image, scope));
}
