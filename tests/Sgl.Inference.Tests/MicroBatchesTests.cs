using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Scheduling;
using Sgl.Inference.Tests.Support;
using Sgl.Models;

namespace Sgl.Inference.Tests;

/// <summary>Who shares a decode step.</summary>
public class MicroBatchesTests
{
    [Fact]
    public void Pick_OneDevice_AllThatDecodeInTheOrderOfTheBatch()
    {
        var running = Sequences(5);
        running[2].Failure = new InvalidOperationException();
        var set = new List<Sequence>();
        new MicroBatches(1).Pick(running, set);
        Assert.Equal([running[0], running[1], running[3], running[4]], set);
    }

    [Theory]
    [InlineData(8, 2, 4, 4)]
    [InlineData(8, 3, 3, 3, 2)]
    [InlineData(8, 4, 2, 2, 2, 2)]
    [InlineData(3, 4, 1, 1, 1)]
    [InlineData(1, 2, 1)]
    [InlineData(0, 2)]
    public void Pick_SeveralDevices_StepsOfAboutTheSameSizeWithoutOverlap(int sequences, int devices, params int[] sizes)
    {
        var running = Sequences(sequences);
        var sets = Sets(running, devices);
        Assert.Equal(sizes, sets.Select(s => s.Count));
        Assert.Equal(sequences, sets.SelectMany(s => s).Distinct().Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Pick_AnyOrderOfEnds_EverybodyHasTurnsAndNobodyIsLeftBehind(int seed)
    {
        const int Devices = 3;
        var random = new Random(seed);
        var running = Sequences(10);
        var batches = new MicroBatches(Devices);
        var (underWay, turns) = (new List<List<Sequence>>(), new Dictionary<Sequence, int>());
        for (var i = 0; i < 3000; i++)
        {
            while (underWay.Count < Devices)
            {
                var set = new List<Sequence>();
                batches.Pick(running, set);
                if (set.Count == 0)
                {
                    break;
                }

                Assert.InRange(set.Count, 1, 4);
                set.ForEach(s => s.JobsUnderWay++);
                set.ForEach(s => turns[s] = turns.GetValueOrDefault(s) + 1);
                underWay.Add(set);
            }

            var ended = underWay[random.Next(underWay.Count)];
            underWay.Remove(ended);
            ended.ForEach(s => s.JobsUnderWay--);
        }

        Assert.Equal(10, turns.Count);
        Assert.InRange(turns.Values.Max(), 1, 1.3 * turns.Values.Min());
    }

    [Fact]
    public void Pick_SequencesOfTwoSlabs_StepsAreTheSlabs()
    {
        using var pool = new KvPool(new KvShape(1, 1, 4, ComputeType.Float32, new DeviceId("cpu", 0)), new KvBudget(1 << 20));
        // They came in turns, and lie in turns.
        var running = Sequences(8);
        for (var i = 0; i < 8; i++)
        {
            running[i].Slots = [pool.TryTake(i % 2 == 0 ? 60 : 500, newSlots: 4)!];
        }

        foreach (var set in Sets(running, 2))
        {
            Assert.Equal(4, set.Count);
            Assert.Single(set.Select(s => s.Slots[0].Slab).Distinct());
        }
    }

    [Theory]
    [InlineData(1, 4, 4)]
    [InlineData(2, 3, 1)]
    [InlineData(3, 1, 5)]
    [InlineData(4, 2, 2)]
    public void Pick_SequencesThatComeOneByOne_EachStepIsASlabInTheEnd(int seed, int inOne, int inOther)
    {
        using var pool = new KvPool(new KvShape(1, 1, 4, ComputeType.Float32, new DeviceId("cpu", 0)), new KvBudget(1 << 20));
        var random = new Random(seed);
        var all = Sequences(inOne + inOther);
        for (var i = 0; i < all.Count; i++)
        {
            all[i].Slots = [pool.TryTake(i < inOne ? 60 : 500, newSlots: 8)!];
        }

        var batches = new MicroBatches(2);
        var running = new List<Sequence>();
        var underWay = new List<List<Sequence>>();
        for (var i = 0; i < 200; i++)
        {
            if (running.Count < all.Count && random.Next(2) == 0)
            {
                running.Add(all[running.Count]);
            }

            while (underWay.Count < 2)
            {
                var set = new List<Sequence>();
                batches.Pick(running, set);
                if (set.Count == 0)
                {
                    break;
                }

                if (i > 100)
                {
                    Assert.Single(set.Select(s => s.Slots[0].Slab).Distinct());
                }

                set.ForEach(s => s.JobsUnderWay++);
                underWay.Add(set);
            }

            if (underWay.Count > 0)
            {
                underWay[0].ForEach(s => s.JobsUnderWay--);
                underWay.RemoveAt(0);
            }
        }

        // Both slabs whole: the one under way, and the one that is ready.
        var ready = new List<Sequence>();
        batches.Pick(running, ready);
        Assert.Equal(new[] { inOne, inOther }.Order(), new[] { Assert.Single(underWay).Count, ready.Count }.Order());
    }

    private static List<List<Sequence>> Sets(List<Sequence> running, int devices)
    {
        var sets = new List<List<Sequence>>();
        var batches = new MicroBatches(devices);
        for (var step = 0; step < devices; step++)
        {
            var set = new List<Sequence>();
            batches.Pick(running, set);
            if (set.Count > 0)
            {
                set.ForEach(s => s.JobsUnderWay++);
                sets.Add(set);
            }
        }

        return sets;
    }

    private static List<Sequence> Sequences(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new Sequence(TestEngine.Prompt(1, 4, 0, 0), [], new PromptPositions([[0, 1, 2, 3]], 0), TestEngine.Tokens(1), layers: 4, CancellationToken.None))];
}
