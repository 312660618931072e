using CsCheck;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Prefixes;
using Sgl.Models;

namespace Sgl.Inference.Tests.Prefixes;

public sealed class PrefixStoreTests
{
    private const int Width = 4;

    private static readonly KvShape Shape = new(Layers: 2, KvHeads: 2, HeadDim: 8, ComputeType.Float32, new DeviceId("cpu", 0));

    [Fact]
    public void Find_WhatWasKept_IsThereByteForByte()
    {
        using var pool = new KvPool(Shape, new KvBudget(1 << 24));
        using var store = Store(1 << 20);
        var slot = Filled(pool, 50, 1);
        var content = Text(50, 1);
        Keep(store, null, content, slot);

        var found = store.Find(null, content, 37);

        Assert.Equal((37, 1), (found.Rows, found.Path.Count));
        var target = pool.TryTake(50, 1)!;
        found.Path[0].Kv(0)!.CopyTo(target, 0, 37);
        for (var tensor = 0; tensor < 4; tensor++)
        {
            for (var head = 0; head < 2; head++)
            {
                Assert.True(slot.Slab.Entries(tensor, slot.Index, head, 0, 37).SequenceEqual(target.Slab.Entries(tensor, target.Index, head, 0, 37)));
                Assert.True(target.Slab.Entries(tensor, target.Index, head, 37, 13).IndexOfAnyExcept((byte)0) < 0);
            }
        }
    }

    [Fact]
    public void Keep_MoreThanTheBudget_UnusedLongestGoesFirstAndNothingUnderneathAnother()
    {
        using var pool = new KvPool(Shape, new KvBudget(1 << 24));
        var slot = Filled(pool, 120, 1);
        var one = Size(pool, Text(40, 1), slot);
        using var store = Store((4 * one) + (one / 2));
        foreach (var seed in new[] { 1, 2, 3 })
        {
            Keep(store, null, Text(40, seed), slot);
        }

        // Behind 1 hangs another piece: it is the oldest, and stays.
        Keep(store, null, Text(80, 1), slot);
        Assert.Equal(0, store.Evicted);
        Assert.Equal(80, store.Find(null, Text(80, 1), 80).Rows);
        Assert.Equal(40, store.Find(null, Text(40, 2), 40).Rows);
        Keep(store, null, Text(40, 4), slot);

        Assert.Equal(
            [(1, 80), (2, 40), (3, 0), (4, 40)], new[] { 1, 2, 3, 4 }.Select(seed => (seed, store.Find(null, Text(80, seed), 80).Rows)));
        Assert.InRange(store.Bytes, 1, store.Budget);
    }

    [Fact]
    public void Keep_LargerThanTheWholeBudget_WhatFitsIsKept()
    {
        using var pool = new KvPool(Shape, new KvBudget(1 << 24));
        var slot = Filled(pool, 100, 1);
        using var store = Store(Size(pool, Text(20, 1), slot) + 4096);
        Keep(store, null, Text(100, 1), slot);
        Assert.Equal(0, store.Find(null, Text(100, 1), 100).Rows);

        // Text in front of a picture is a piece of its own.
        Keep(store, null, WithPicture(100, 10, new VisionKey(1, 1)), slot);
        Assert.Equal(10, store.Find(null, WithPicture(100, 10, new VisionKey(1, 1)), 100).Rows);
    }

    [Fact]
    public void Find_AnotherPictureOrScopeOrPosition_EndsThere()
    {
        using var pool = new KvPool(Shape, new KvBudget(1 << 24));
        using var store = Store(1 << 22);
        var slot = Filled(pool, 60, 1);
        var content = WithPicture(60, 10, new VisionKey(1, 1));
        Keep(store, "a", content, slot);

        Assert.Equal(60, store.Find("a", content, 60).Rows);
        Assert.Equal(10, store.Find("a", WithPicture(60, 10, new VisionKey(1, 2)), 60).Rows);
        Assert.Equal(10, store.Find("a", Text(60, 1), 60).Rows);
        Assert.Equal(0, store.Find("b", content, 60).Rows);
        Assert.Equal(0, store.Find(null, content, 60).Rows);
        Assert.Equal(25, store.Find("a", WithPicture(60, 10, new VisionKey(1, 1), position: row => row < 25 ? row : row + 1), 60).Rows);
    }

    [Fact]
    public void Find_KeysThatWouldBeRotatedOtherwise_AreNotTaken()
    {
        using var pool = new KvPool(Shape, new KvBudget(1 << 24));
        using var store = new PrefixStore(1 << 22, 1, Width, (a, b) => a > 100 == b > 100);
        var slot = Filled(pool, 60, 1);
        Keep(store, null, Text(60, 1), slot);

        Assert.Equal(60, store.Find(null, Text(60, 1, largest: 100), 60).Rows);
        Assert.Equal(0, store.Find(null, Text(60, 1, largest: 101), 60).Rows);
        Keep(store, null, Text(60, 1, largest: 101), slot);
        Assert.Equal((60, 60), (store.Find(null, Text(60, 1, largest: 200), 60).Rows, store.Find(null, Text(60, 1), 60).Rows));
    }

    [Fact]
    public void Keep_ManyPromptsThatShareSome_WithinTheBudgetAndWhatIsFoundIsRight()
    {
        using var pool = new KvPool(Shape, new KvBudget(1 << 26));
        var slot = Filled(pool, 200, 3);
        Gen.Select(Gen.Int[0, 3], Gen.Int[1, 40], Gen.Int[0, 3], Gen.Int[1, 60], Gen.Int[0, 2]).Array[1, 60].Sample(prompts =>
        {
            using var store = Store(40_000);
            foreach (var (first, length, second, more, scope) in prompts)
            {
                var (content, name) = (Text([.. Ids(length, first), .. Ids(more, second)]), scope == 0 ? null : $"{scope}");
                var found = store.Find(name, content, content.Count);
                for (var i = 0; i < found.Path.Count; i++)
                {
                    var (node, end) = (found.Path[i], found.EndOf(i));
                    Assert.InRange(end, node.Start + 1, node.End);
                    Assert.Equal(end - node.Start, content.Common(node.Content, node.Start, end));
                    Assert.Equal(node.End - node.Start, node.Kv(0)!.Count);
                    Assert.True(i == 0 ? node.Start == 0 : node.Parent == found.Path[i - 1]);
                }

                Keep(store, name, content, slot);
                Assert.InRange(store.Bytes, 0, store.Budget);
            }
        }, iter: 300);
    }

    private static PrefixStore Store(long budget) => new(budget, 1, Width, (_, _) => true);

    private static void Keep(PrefixStore store, string? scope, PromptContent content, KvSlot slot) =>
        store.Keep(scope, content, content.Count, new PrefixRows([slot], 1, null, 0, null));

    private static long Size(KvPool pool, PromptContent content, KvSlot slot)
    {
        using var store = Store(1 << 22);
        Keep(store, null, content, slot);
        Assert.True(store.Bytes > content.Count * pool.Shape.BytesPerToken);
        return store.Bytes;
    }

    private static int[] Ids(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => (seed * 1000) + i)];

    private static PromptContent Text(int count, int seed, int? largest = null) => Text(Ids(count, seed), largest);

    private static PromptContent Text(int[] ids, int? largest = null) => new(ids, [[.. Enumerable.Range(0, ids.Length)]], [], largest ?? (ids.Length - 1));

    private static PromptContent WithPicture(int count, int start, VisionKey key, Func<int, int>? position = null) =>
        new(Ids(count, 1), [[.. Enumerable.Range(0, count).Select(position ?? (row => row))]], [new ImageContent(start, 30, key)], count - 1);

    private static KvSlot Filled(KvPool pool, int entries, int seed)
    {
        var slot = pool.TryTake(entries, 1)!;
        var random = new Random(seed);
        for (var tensor = 0; tensor < 4; tensor++)
        {
            for (var head = 0; head < 2; head++)
            {
                random.NextBytes(slot.Slab.Entries(tensor, slot.Index, head, 0, entries));
            }
        }

        slot.Length = entries;
        return slot;
    }
}
