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
        MicroBatches.Pick(running, 1, 1, set);
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
        var (step, underWay, turns) = (0L, new List<List<Sequence>>(), new Dictionary<Sequence, int>());
        for (var i = 0; i < 3000; i++)
        {
            while (underWay.Count < Devices)
            {
                var set = new List<Sequence>();
                MicroBatches.Pick(running, Devices, ++step, set);
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

    private static List<List<Sequence>> Sets(List<Sequence> running, int devices)
    {
        var sets = new List<List<Sequence>>();
        for (var step = 1; step <= devices; step++)
        {
            var set = new List<Sequence>();
            MicroBatches.Pick(running, devices, step, set);
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
