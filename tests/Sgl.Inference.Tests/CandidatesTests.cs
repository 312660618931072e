using CsCheck;
using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Tests;

public class CandidatesTests
{
    /// <summary>Few different weights, so that many are equal.</summary>
    private static readonly Gen<float[]> Weights = Gen.Int[1, 40].Select(i => i / 16f).Array[1, 300];

    [Fact]
    public void Walk_AnyMass_EndsWhereAWalkOverTheSortedTokensEnds() => Gen.Select(Weights, Gen.Double[0, 1]).Sample((weights, share) =>
    {
        var candidates = Fill(weights);
        // Multiples of 1/16: sums are exact whatever their order.
        var mass = Math.Round(share * weights.Sum() * 16) / 16;
        var sum = 0.0;
        var expected = -1;
        foreach (var id in Sorted(weights))
        {
            sum += weights[id];
            expected = id;
            if (sum >= mass)
            {
                break;
            }
        }

        Assert.Equal((expected, sum), candidates.Walk(mass));
        // Whatever the first walk moved: the order is a matter of weights and ids alone.
        Assert.Equal((expected, sum), candidates.Walk(mass));
    });

    [Fact]
    public void KeepTop_AnyCount_LeavesTheHeaviestAndOfEqualOnesThoseWithLowIds() => Gen.Select(Weights, Gen.Int[1, 310]).Sample((weights, k) =>
    {
        var candidates = Fill(weights);
        candidates.KeepTop(k);
        var left = Sorted(weights).Take(k).ToArray();
        Assert.Equal(left.Length, candidates.Count);
        Assert.Equal(left.Sum(id => (double)weights[id]), candidates.Total());
        Assert.Equal(left[^1], candidates.Walk(double.MaxValue).Id);
    });

    [Fact]
    public void Walk_OrderedAndConstantInput_IsNoWorstCase()
    {
        const int Count = 200_000;
        foreach (var weight in new Func<int, float>[] { i => i + 1, i => Count - i, _ => 1 })
        {
            var candidates = new Candidates(Count);
            for (var i = 0; i < Count; i++)
            {
                candidates.Add(i, weight(i));
            }

            var start = System.Diagnostics.Stopwatch.GetTimestamp();
            candidates.Walk(candidates.Total() / 2);
            // Quadratic work would be 4e10 steps.
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20));
        }
    }

    private static Candidates Fill(float[] weights)
    {
        var candidates = new Candidates(weights.Length);
        for (var i = 0; i < weights.Length; i++)
        {
            candidates.Add(i, weights[i]);
        }

        return candidates;
    }

    private static IEnumerable<int> Sorted(float[] weights) => Enumerable.Range(0, weights.Length).OrderByDescending(i => weights[i]).ThenBy(i => i);
}
