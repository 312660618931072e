using CsCheck;

namespace Sgl.Guidance.Tests;

public class LogSoftmaxTests
{
    [Fact]
    public void Entropy_KnownDistributions_IsExact()
    {
        Assert.Equal(MathF.Log(4), Entropy(2, 2, 2, 2), 1e-6f);
        Assert.Equal(MathF.Log(2), Entropy(1000, float.NegativeInfinity, 1000), 1e-6f);
        Assert.Equal(0f, Entropy(0, 500), 1e-6f);
        Assert.Equal(-((0.25f * MathF.Log(0.25f)) + (0.75f * MathF.Log(0.75f))), Entropy(MathF.Log(0.25f), MathF.Log(0.75f)), 1e-6f);
    }

    [Fact]
    public void LogProbabilityAndEntropy_AnyLogits_AreThoseOfTheSoftmax() => Gen.Float[-30, 30].Array[1, 100].Sample(logits =>
    {
        var max = (double)logits.Max();
        var sum = logits.Sum(l => Math.Exp(l - max));
        var p = Array.ConvertAll(logits, l => Math.Exp(l - max) / sum);
        var weights = new float[logits.Length];
        var softmax = LogSoftmax.Of(logits, weights);

        for (var i = 0; i < logits.Length; i++)
        {
            Assert.Equal(Math.Log(p[i]), softmax.LogProbability(logits[i]), 1e-4);
            Assert.Equal(p[i], weights[i] / softmax.Sum, 1e-5);
        }

        Assert.Equal(-p.Where(x => x > 0).Sum(x => x * Math.Log(x)), softmax.Entropy(logits, weights), 1e-4);
    });

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Of_NotNumbers_HasNoFiniteMaximum(float bad) => Assert.False(float.IsFinite(LogSoftmax.Of([0, bad, 1], new float[3]).Max));

    private static float Entropy(params float[] logits)
    {
        var weights = new float[logits.Length];
        return LogSoftmax.Of(logits, weights).Entropy(logits, weights);
    }
}
