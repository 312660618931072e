using CsCheck;
using Sgl.Inference;
using Sgl.Models;
using Sgl.Verification.Internal;
using Sgl.Verification.Internal.Judging;

namespace Sgl.Verification.Tests.Judging;

public sealed class RoundedJudgeTests
{
    private const int TowerLayers = 2, Layers = 4, Width = 50;

    public static TheoryData<ComputeType, WeightPrecision> Arithmetics => new()
    {
        { ComputeType.BFloat16, WeightPrecision.Float32 },
        { ComputeType.Float16, WeightPrecision.Float32 },
        { ComputeType.Float32, WeightPrecision.Int8 },
        { ComputeType.Float32, WeightPrecision.Int4 },
    };

    private static readonly Gen<(float[] Values, int Seed)> Tensors =
        from scale in Gen.OneOf(Gen.Const(1e-3f), Gen.Const(1f), Gen.Const(300f))
        from values in Gen.Float[-1, 1].Array[40, 400]
        from seed in Gen.Int
        where values.Any(v => Math.Abs(v) > 0.1)
        select (Array.ConvertAll(values, v => v * scale), seed);

    [Theory]
    [MemberData(nameof(Arithmetics))]
    public void Logits_NoiseOfTheArithmetic_PassesAndFiveTimesAsMuchDoesNot(ComputeType type, WeightPrecision weights) => Tensors.Sample(t =>
    {
        var allowed = Noise.Of(type, weights).Behind(TowerLayers + Layers);
        var random = new Random(t.Seed);
        var size = RoundedJudge.Size(t.Values);
        float[] With(double share) => [.. t.Values.Select(v => (float)(v + (share * allowed * size * Math.Sqrt(3) * ((2 * random.NextDouble()) - 1))))];
        Assert.True(Check(type, weights, j => j.Logits("q", With(0.6), t.Values, 0)).Passed);
        Assert.False(Check(type, weights, j => j.Logits("q", With(5), t.Values, 0)).Passed);
    });

    [Theory]
    [MemberData(nameof(Arithmetics))]
    public void Vision_OneValueWrong_FailsWhateverTheOthersAre(ComputeType type, WeightPrecision weights) => Tensors.Sample(t =>
    {
        var actual = t.Values.ToArray();
        var at = Math.Abs(t.Seed % actual.Length);
        actual[at] += (float)(RoundedJudge.Peak * 1.5 * Noise.Of(type, weights).Behind(TowerLayers) * RoundedJudge.Size(t.Values));
        var check = Check(type, weights, j => j.Vision("q", actual, t.Values, 0));
        Assert.False(check.Passed);
        Assert.Contains($"most at {at}:", check.Detail, StringComparison.Ordinal);
    });

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_NotANumber_Fails(float bad)
    {
        var expected = Ramp(Width);
        var actual = Ramp(Width);
        actual[7] = bad;
        Assert.False(Check(ComputeType.BFloat16, WeightPrecision.Float32, j => j.Logits("q", actual, expected, 0)).Passed);
        Assert.False(Check(ComputeType.BFloat16, WeightPrecision.Float32, j => j.Importance("q", actual, expected, 0)).Passed);
        Assert.False(Check(ComputeType.BFloat16, WeightPrecision.Float32, j => j.Logits("q", Ramp(Width - 1), expected, 0)).Passed);
    }

    [Fact]
    public void Importance_SmallTokenWrong_FailsBesideLargeOnes()
    {
        // A thousand times the mean against the mean itself, as attention sinks have it.
        float[] expected = [1000, .. Enumerable.Repeat(1f, 999)];
        float[] actual = [1000 * 1.05f, .. Enumerable.Repeat(1f, 999)];
        Assert.True(Check(ComputeType.BFloat16, WeightPrecision.Float32, j => j.Importance("q", actual, expected, 0)).Passed);
        actual[5] = 4;
        Assert.False(Check(ComputeType.BFloat16, WeightPrecision.Float32, j => j.Importance("q", actual, expected, 0)).Passed);
    }

    [Fact]
    public void Answer_AnotherIdAsGoodWithinTheNoise_PassesAndWhatFollowsIsLeftOut()
    {
        var logits = Ramp(3 * Width);
        // Ids 49 and 48 of step 1 are as good as equal.
        logits[Width + 48] = logits[Width + 49] - 1e-3f;
        var (check, answer) = Answer([4, 48, 9], [4, 49, 7], logits);
        Assert.True(check.Passed, check.Detail);
        Assert.Equal((1, false), (answer.Equal, answer.Whole));
        Assert.Equal(2 * Width, answer.Seen(logits, Width).Length);
        Assert.Equal(1, answer.Chosen([1, 2, 3]).Length);
    }

    [Fact]
    public void Answer_WorseId_Fails() => Assert.False(Answer([4, 3, 7], [4, 49, 7], Ramp(3 * Width)).Check.Passed);

    [Fact]
    public void Answer_IdThatCouldNotBeChosen_Fails() => Assert.False(Answer([4, 49, 7], [4, 48, 7], Ramp(3 * Width)).Check.Passed);

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Answer_OtherLength_Fails(int length) => Assert.False(Answer([.. Enumerable.Repeat(49, length)], [49, 49, 49], Ramp(3 * Width)).Check.Passed);

    [Fact]
    public void Answer_Same_IsWhole()
    {
        var (check, answer) = Answer([1, 2, 3], [1, 2, 3], Ramp(3 * Width));
        Assert.True(check.Passed);
        Assert.True(answer.Whole);
        Assert.Equal(150, answer.Seen(Ramp(150), Width).Length);
    }

    [Fact]
    public void Kept_TokensOfTheSameRank_PassAndAreNotComparedFurther()
    {
        float[] ranking = [5, 4, 3, 2.999f, 1, 0.5f];
        var comparison = new Comparison();
        var judge = Judge(comparison, new Agreement());
        Assert.True(judge.Kept("q", [0, 1, 2], [0, 1, 2], ranking));
        Assert.False(judge.Kept("q", [0, 1, 3], [0, 1, 2], ranking));
        Assert.True(Assert.Single(comparison.Checks).Passed);
    }

    [Theory]
    [InlineData(new[] { 0, 1, 5 })]
    [InlineData(new[] { 0, 1 })]
    [InlineData(new[] { 0, 1, 2, 3 })]
    [InlineData(new[] { 0, 1, 77 })]
    public void Kept_WorseTokensOrAnotherNumber_Fail(int[] kept)
    {
        var check = Check(ComputeType.BFloat16, WeightPrecision.Float32, j => Assert.False(j.Kept("q", kept, [0, 1, 2], [5f, 4, 3, 2, 1, 0.5f])));
        Assert.False(check.Passed);
    }

    [Fact]
    public void Score_ProductOfProbabilities_MayBeOffByTheNoiseOfEach()
    {
        var allowed = RoundedJudge.Logarithm * Noise.Of(ComputeType.BFloat16, WeightPrecision.Float32).Behind(TowerLayers + Layers) * 2;
        bool Passes(double actual, double expected, int factors) => Check(ComputeType.BFloat16, WeightPrecision.Float32, j => j.Score("q", actual, expected, 0, 2, factors)).Passed;
        Assert.True(Passes(0.3 * Math.Exp(0.9 * allowed), 0.3, 1));
        Assert.False(Passes(0.3 * Math.Exp(1.1 * allowed), 0.3, 1));
        Assert.True(Passes(0.3 * Math.Exp(-3 * allowed), 0.3, 4));
        Assert.True(Passes(0, 1e-40, 4));
        Assert.False(Passes(1e-3, 1e-40, 4));
        Assert.False(Passes(0, 1e-3, 4));
    }

    [Theory]
    [InlineData(90, 100, true)]
    [InlineData(80, 100, false)]
    public void Report_SharesOfAllCases_AreJudged(int same, int all, bool passes)
    {
        var agreement = new Agreement();
        agreement.AddKept(all, all);
        for (var i = 0; i < all; i++)
        {
            agreement.AddStep(i < same);
        }

        var report = agreement.Report(Noise.Of(ComputeType.BFloat16, WeightPrecision.Float32));
        Assert.Equal(passes, report.Passed);
        Assert.Contains($"{all - same} of {all} steps", report.Checks[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_CoarserArithmetic_AllowsMore()
    {
        double Layer(ComputeType type, WeightPrecision weights) => Noise.Of(type, weights).Behind(10);
        Assert.Equal(0, Layer(ComputeType.Float32, WeightPrecision.Float32));
        Assert.Equal(8.0, Layer(ComputeType.BFloat16, WeightPrecision.Float32) / Layer(ComputeType.Float16, WeightPrecision.Float32), 1e-9);
        Assert.True(Layer(ComputeType.BFloat16, WeightPrecision.Int4) > Layer(ComputeType.BFloat16, WeightPrecision.Int8));
        Assert.True(Layer(ComputeType.BFloat16, WeightPrecision.Int8) > Layer(ComputeType.Float32, WeightPrecision.Int8));
    }

    private static (QuantityCheck Check, Answer Answer) Answer(int[] ids, int[] expected, float[] logits)
    {
        Answer? answer = null;
        var check = Check(ComputeType.BFloat16, WeightPrecision.Float32, j => answer = j.Answer("q", ids, expected, logits));
        return (check, answer!);
    }

    private static QuantityCheck Check(ComputeType type, WeightPrecision weights, Action<IJudge> compare)
    {
        var comparison = new Comparison();
        compare(new RoundedJudge(comparison, Noise.Of(type, weights), TowerLayers, Layers, new Agreement()));
        return Assert.Single(comparison.Checks);
    }

    private static RoundedJudge Judge(Comparison comparison, Agreement agreement) =>
        new(comparison, Noise.Of(ComputeType.BFloat16, WeightPrecision.Float32), TowerLayers, Layers, agreement);

    /// <summary>-1 to 1, again and again in rows of <see cref="Width"/>.</summary>
    private static float[] Ramp(int count) => [.. Enumerable.Range(0, count).Select(i => (2f * (i % Width) / (Width - 1)) - 1)];
}
