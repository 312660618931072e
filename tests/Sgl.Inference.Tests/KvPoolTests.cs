using CsCheck;
using Sgl.Inference.Internal.Kv;
using Sgl.Models;

namespace Sgl.Inference.Tests;

public sealed class KvPoolTests
{
    private static readonly KvShape Shape = new(Layers: 2, KvHeads: 2, HeadDim: 8, ComputeType.Float32, new DeviceId("cpu", 0));

    [Fact]
    public void CapacityClass_AnyLength_HoldsItAndWastesLessThanAQuarter() => Gen.Int[1, 1_000_000].Sample(entries =>
    {
        var capacity = KvPool.CapacityClass(entries);
        Assert.True(capacity >= entries);
        Assert.True(capacity == 64 || capacity - entries < capacity / 4, $"{entries} -> {capacity}");
        Assert.Equal(0, capacity % 16);
        Assert.Equal(capacity, KvPool.CapacityClass(capacity));
    });

    [Fact]
    public void TryTake_ReleasedSlot_IsTakenAgainLowestFirst()
    {
        var budget = new KvBudget(1 << 20);
        using var pool = new KvPool(Shape, budget);
        var slots = Enumerable.Range(0, 4).Select(_ => pool.TryTake(100, 4)!).ToList();
        Assert.Equal([0, 1, 2, 3], slots.Select(s => s.Index));
        Assert.All(slots, s => Assert.Same(slots[0].Slab, s.Slab));
        Assert.Equal(slots[0].Slab.ByteLength, budget.Used);
        KvPool.Release(slots[2]);
        KvPool.Release(slots[1]);
        Assert.Equal(4, slots[0].Slab.Extent);
        Assert.Equal(1, pool.TryTake(90, 4)!.Index);
        KvPool.Release(slots[3]);
        Assert.Equal(2, slots[0].Slab.Extent);
        Assert.Equal(slots[0].Slab.ByteLength, budget.Used);
    }

    [Fact]
    public void TryTake_SlotOfTwiceTheClass_IsUsedRatherThanNewMemory()
    {
        var budget = new KvBudget(1 << 20);
        using var pool = new KvPool(Shape, budget);
        var large = pool.TryTake(200, 2)!;
        var used = budget.Used;
        Assert.Same(large.Slab, pool.TryTake(120, 2)!.Slab);
        Assert.Equal(used, budget.Used);
        Assert.NotSame(large.Slab, pool.TryTake(40, 2)!.Slab);
    }

    [Fact]
    public void TryTake_NoRoom_GivesNullAndTakesNothing()
    {
        var budget = new KvBudget(Shape.BytesPerToken * 256);
        using var pool = new KvPool(Shape, budget);
        Assert.Null(pool.TryTake(257, 1));
        Assert.Null(pool.TryTake(128, 3));
        Assert.Equal(0, budget.Used);
        Assert.NotNull(pool.TryTake(128, 2));
        Assert.Equal(0, budget.Free);
    }

    [Fact]
    public void Trim_EmptySlabs_GiveTheirMemoryBack()
    {
        var budget = new KvBudget(1 << 20);
        using var pool = new KvPool(Shape, budget);
        var kept = pool.TryTake(64, 2)!;
        var gone = pool.TryTake(1000, 2)!;
        KvPool.Release(gone);
        pool.Trim();
        Assert.Equal(kept.Slab.ByteLength, budget.Used);
        Assert.Equal(0, kept.Index);
    }

    [Fact]
    public void TryTake_AnyOrderOfTakingAndReleasing_KeepsSlotsApartAndTheBudgetRight() =>
        Gen.Int[-8, 700].Array[1, 60].Sample(steps =>
        {
            var budget = new KvBudget(1 << 19);
            using var pool = new KvPool(Shape, budget);
            var taken = new List<KvSlot>();
            foreach (var step in steps)
            {
                if (step <= 0 && taken.Count > 0)
                {
                    KvPool.Release(taken[-step % taken.Count]);
                    taken.RemoveAt(-step % taken.Count);
                }
                else if (step == -8)
                {
                    pool.Trim();
                }
                else if (step > 0 && pool.TryTake(step, 3) is { } slot)
                {
                    Assert.True(slot.Slab.Capacity >= step);
                    Assert.Equal(0, slot.Length);
                    taken.Add(slot);
                }

                Assert.Equal(taken.Count, taken.Select(s => (s.Slab, s.Index)).Distinct().Count());
                Assert.All(taken, s => Assert.Same(s, s.Slab[s.Index]));
                Assert.All(taken.GroupBy(s => s.Slab), g => Assert.Equal(g.Count(), g.Key.InUse));
                Assert.InRange(budget.Used, taken.Select(s => s.Slab).Distinct().Sum(s => s.ByteLength), budget.Bytes);
            }

            taken.ForEach(KvPool.Release);
            pool.Trim();
            Assert.Equal(0, budget.Used);
        });
}
