using Sgl.Evaluation;

namespace Sgl.Experiments.Tests;

public sealed class ClaimTests
{
    [Theory]
    [InlineData(0.95, 0.9, 1.0, Verdict.Agrees)]
    [InlineData(0.9, 0.85, 0.95, Verdict.AgreesWithinChance)]
    [InlineData(0.88, 0.85, 0.95, Verdict.DisagreesWithinChance)]
    [InlineData(0.8, 0.75, 0.85, Verdict.Disagrees)]
    public void Verdict_ValueAndInterval_BothCount(double value, double low, double high, Verdict verdict) =>
        Assert.Equal(verdict, new Claim("c", "q", new Estimate(value, low, high), 0.89).Verdict);
}
