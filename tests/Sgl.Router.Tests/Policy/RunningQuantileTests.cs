using CsCheck;

namespace Sgl.Router.Tests;

public sealed class RunningQuantileTests
{
    [Fact]
    public void ReachedBy_AnyNumbersWindowAndShare_EqualsSortingTheLastNumbers() =>
        Gen.Select(Gen.Int[1, 40], Gen.Double[0, 1].Array[1, 120], Gen.Double[0, 1], Gen.Bool).Sample((window, numbers, share, coarse) =>
        {
            var quantile = new RunningQuantile(window);
            var values = coarse ? Array.ConvertAll(numbers, n => Math.Round(n, 1)) : numbers; // coarse: many equal ones
            foreach (var value in values)
            {
                quantile.Add(value);
            }

            var last = values.TakeLast(window).OrderDescending().ToArray();
            var reaching = (int)Math.Round(share * last.Length, MidpointRounding.AwayFromZero);
            Assert.Equal(last.Length, quantile.Count);
            Assert.Equal(reaching == 0 ? double.PositiveInfinity : share >= 1 ? 0 : last[reaching - 1], quantile.ReachedBy(share));
            Assert.True(last.Count(v => v >= quantile.ReachedBy(share)) >= reaching);
        });

    [Fact]
    public void ReachedBy_EndsOfTheRange_NoneAndAll()
    {
        var quantile = new RunningQuantile(10);
        quantile.Add(0.3);
        quantile.Add(0.4);

        Assert.Equal(double.PositiveInfinity, quantile.ReachedBy(0));
        Assert.Equal(0, quantile.ReachedBy(1));
    }
}
