using CsCheck;

namespace Sgl.Guidance.Tests;

public class KeepMaskTests
{
    private static readonly Gen<bool[]> Bits = Gen.Bool.Array[0, 300];

    private static readonly Gen<float[]> Importance = Gen.OneOf(
        Gen.Float[-100, 100], Gen.Const(0f), Gen.Const(-0f), Gen.Const(1f), Gen.Const(float.PositiveInfinity)).Array[0, 200];

    [Fact]
    public void ToBytes_AnyMask_RoundTrips() => Bits.Sample(bits =>
    {
        var mask = FromBools(bits);
        var bytes = mask.ToBytes();
        Assert.Equal((bits.Length + 7) / 8, bytes.Length);
        for (var i = 0; i < bits.Length; i++)
        {
            Assert.Equal(bits[i], (bytes[i / 8] >> (i % 8) & 1) != 0);
            Assert.Equal(bits[i], mask[i]);
        }

        var back = KeepMask.FromBytes(bytes, bits.Length);
        Assert.Equal(mask, back);
        Assert.Equal(mask.GetHashCode(), back.GetHashCode());
        Assert.Equal(bits.Count(b => b), back.Count);
    });

    [Fact]
    public void Indices_AnyMask_AreAscendingAndRoundTrip() => Bits.Sample(bits =>
    {
        var mask = FromBools(bits);
        var indices = mask.Indices();
        Assert.Equal(indices.Order(), indices);
        Assert.Equal(mask, KeepMask.FromIndices(bits.Length, indices.Reverse().ToArray()));
    });

    [Fact]
    public void IsSubsetOf_AnyPair_IsTheSetRelation() => Gen.Select(Gen.Bool, Gen.Bool).Array[0, 150].Sample(pairs =>
    {
        var a = FromBools([.. pairs.Select(p => p.Item1)]);
        var b = FromBools([.. pairs.Select(p => p.Item2)]);
        var both = FromBools([.. pairs.Select(p => p.Item1 && p.Item2)]);
        Assert.True(both.IsSubsetOf(a));
        Assert.True(both.IsSubsetOf(b));
        Assert.True(a.IsSubsetOf(KeepMask.All(pairs.Length)));
        Assert.Equal(pairs.All(p => !p.Item1 || p.Item2), a.IsSubsetOf(b));
        Assert.Equal(a.IsSubsetOf(b) && b.IsSubsetOf(a), a.Equals(b));
    });

    [Fact]
    public void FromImportance_AnyNumbers_KeepsWhatAStableSortPutsFirst() =>
        Gen.Select(Importance, Gen.Double[0, 1]).Sample((importance, ratio) =>
        {
            var count = KeepCount.Of(importance.Length, ratio);
            var sorted = importance.Select((value, index) => (value, index)).OrderByDescending(p => p.value).Select(p => p.index).ToArray();
            Assert.Equal(sorted, Ranking.Descending(importance));
            Assert.Equal(sorted.Take(count).Order(), KeepMask.FromImportance(importance, ratio).Indices());
            Assert.Equal(KeepMask.FromImportance(importance, ratio), KeepMask.FromRanking(sorted, count));
        });

    [Fact]
    public void FromImportance_SmallerRatio_IsASubset() =>
        Gen.Select(Importance, Gen.Double[0, 1], Gen.Double[0, 1]).Sample((importance, r, s) =>
            Assert.True(KeepMask.FromImportance(importance, Math.Min(r, s))
                .IsSubsetOf(KeepMask.FromImportance(importance, Math.Max(r, s)))));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1792)]
    public void All_AnyLength_KeepsEverything(int length)
    {
        Assert.Equal(length, KeepMask.All(length).Count);
        Assert.Equal(KeepMask.All(length), KeepMask.FromBytes(KeepMask.All(length).ToBytes(), length));
    }

    [Theory]
    [InlineData(10, 1)]
    [InlineData(10, 3)]
    [InlineData(0, 1)]
    [InlineData(8, 0)]
    public void FromBytes_WrongSize_NamesTheMask(int length, int bytes)
    {
        var error = Assert.Throws<GuidanceException>(() => KeepMask.FromBytes(new byte[bytes], length));
        Assert.Equal("mask", error.Field);
        Assert.Contains($"found {bytes}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromBytes_TrailingBit_IsRefused() =>
        Assert.Equal("mask", Assert.Throws<GuidanceException>(() => KeepMask.FromBytes([0, 0b100], 10)).Field);

    [Theory]
    [InlineData(new[] { 0, 5 }, "indices[1]")]
    [InlineData(new[] { -1 }, "indices[0]")]
    [InlineData(new[] { 3, 1, 3 }, "indices[2]")]
    public void FromIndices_WrongIndex_NamesItsPlace(int[] indices, string field) =>
        Assert.Equal(field, Assert.Throws<GuidanceException>(() => KeepMask.FromIndices(5, indices)).Field);

    [Fact]
    public void FromRanking_NotAPermutation_IsRefused()
    {
        Assert.Equal("ranking[2]", Assert.Throws<GuidanceException>(() => KeepMask.FromRanking([0, 1, 1], 1)).Field);
        Assert.Equal("keep_count", Assert.Throws<GuidanceException>(() => KeepMask.FromRanking([0, 1], 3)).Field);
    }

    [Fact]
    public void Descending_NaN_IsRefused() =>
        Assert.Equal("importance[1]", Assert.Throws<GuidanceException>(() => Ranking.Descending([1, float.NaN])).Field);

    [Fact]
    public void Equals_SameBitsOtherLength_IsFalse()
    {
        Assert.NotEqual(KeepMask.FromIndices(10, [1]), KeepMask.FromIndices(11, [1]));
        Assert.False(KeepMask.FromIndices(10, [1]).IsSubsetOf(KeepMask.All(11)));
    }

    [Theory]
    [InlineData(180, 0.35, 63)] // float64 would give 62
    [InlineData(16, 0.05, 0)]
    [InlineData(1792, 0.05, 89)]
    [InlineData(1792, 0.4, 716)]
    [InlineData(256, 1, 256)]
    [InlineData(0, 0.5, 0)]
    public void KeepCount_KnownSizes_TruncatesTheFloat32Product(int visualTokens, double ratio, int expected) =>
        Assert.Equal(expected, KeepCount.Of(visualTokens, ratio));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.01)]
    [InlineData(1.01)]
    [InlineData(double.PositiveInfinity)]
    public void KeepCount_RatioOutOfRange_IsRefused(double ratio) =>
        Assert.Equal("keep_ratio", Assert.Throws<GuidanceException>(() => KeepCount.Of(10, ratio)).Field);

    private static KeepMask FromBools(bool[] bits) => KeepMask.FromIndices(
        bits.Length, bits.Select((bit, index) => (bit, index)).Where(p => p.bit).Select(p => p.index).ToArray());
}
