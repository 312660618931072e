using CsCheck;
using Sgl.Guidance;

namespace Sgl.Evaluation.Tests;

public class BaselineTests
{
    [Fact]
    public void Random_SameSeed_IsTheSameMask()
    {
        Assert.Equal(ControlMasks.Random(500, 45, 1), ControlMasks.Random(500, 45, 1));
        Assert.NotEqual(ControlMasks.Random(500, 45, 1), ControlMasks.Random(500, 45, 2));
        Assert.Equal([2, 4, 7], ControlMasks.Random(10, 3, 42).Indices());
    }

    [Fact]
    public void Random_ManySeeds_KeepsEveryTokenAboutEquallyOften()
    {
        var kept = new int[20];
        for (var seed = 0UL; seed < 20_000; seed++)
        {
            foreach (var i in ControlMasks.Random(20, 5, seed).Indices())
            {
                kept[i]++;
            }
        }

        // 5000 expected, standard deviation 61.
        Assert.All(kept, count => Assert.InRange(count, 4700, 5300));
    }

    [Fact]
    public void Uniform_AnySize_HasTheCountAndEvenGaps() =>
        Gen.Select(Gen.Int[1, 400], Gen.Double[0, 1]).Sample((n, share) =>
        {
            var count = (int)(n * share);
            var indices = ControlMasks.Uniform(n, count).Indices();
            Assert.Equal(count, indices.Length);
            var gaps = indices.Zip(indices.Skip(1), (a, b) => b - a).ToArray();
            Assert.True(gaps.Length == 0 || gaps.Max() - gaps.Min() <= 1);
        });

    [Fact]
    public void Merge_TwoLikePairs_MergesThemByAverage()
    {
        // Tokens 0 and 1 point the same way, 2 and 3 nearly; wanted: 3 tokens, so only the closest pair is merged.
        float[] rows = [1, 0, 3, 0, 0, 1, 0.5f, 1];
        var merged = TokenMerging.Merge(rows, 2, 3);
        Assert.Equal([2f, 0f, 0f, 1f, 0.5f, 1f], merged.Features);
        Assert.Equal([2, 1, 1], merged.Sizes);
        Assert.Equal([1, 2, 3], merged.Representatives);
        Assert.Equal([0, 0, 1, 2], merged.Assignment);
    }

    [Fact]
    public void Merge_SeveralRounds_WeighsByHowManyEachStandsFor()
    {
        float[] rows = [1, 2, 3, 4, 5, 6, 7];
        var merged = TokenMerging.Merge(rows, 1, 1);
        Assert.Equal(4f, merged.Features[0], 1e-5f);
        Assert.Equal([7], merged.Sizes);
    }

    [Fact]
    public void Merge_AnyFeatures_KeepsMassAndOrder() => Gen.Select(
        Gen.Int[1, 40], Gen.Int[1, 11], Gen.Double[0, 1], Gen.ULong).Sample((tokens, channels, share, seed) =>
    {
        var random = new SplitMix64(seed);
        var rows = Enumerable.Range(0, tokens * channels).Select(_ => (float)random.NextDouble()).ToArray();
        var target = Math.Max(1, (int)(tokens * share));
        var merged = TokenMerging.Merge(rows, channels, target);

        Assert.Equal(target, merged.Count);
        Assert.Equal(tokens, merged.Sizes.Sum());
        Assert.Equal(merged.Representatives.Order(), merged.Representatives);
        for (var c = 0; c < channels; c++)
        {
            var before = Enumerable.Range(0, tokens).Sum(t => (double)rows[(t * channels) + c]);
            var after = Enumerable.Range(0, target).Sum(t => (double)merged.Features[(t * channels) + c] * merged.Sizes[t]);
            Assert.Equal(before, after, 1e-3);
        }

        for (var i = 0; i < target; i++)
        {
            Assert.Equal(i, merged.Assignment[merged.Representatives[i]]);
            Assert.Equal(merged.Sizes[i], merged.Assignment.Count(a => a == i));
        }
    });

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Merge_TargetOutOfRange_IsRefused(int target) => Assert.Equal(
        "keep_count", Assert.Throws<GuidanceException>(() => TokenMerging.Merge([1, 2, 3], 1, target)).Field);
}
