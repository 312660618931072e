using CsCheck;

namespace Sgl.Router.Tests;

public sealed class RunningMeanTests
{
    [Fact]
    public void Value_AnyNumbers_IsTheMeanOfTheLast() =>
        Gen.Select(Gen.Int[1, 20], Gen.Double[-1e6, 1e6].Array[1, 200]).Sample((window, numbers) =>
        {
            var mean = new RunningMean(window);
            for (var i = 0; i < numbers.Length; i++)
            {
                mean.Add(numbers[i]);
                var last = numbers.Take(i + 1).TakeLast(window).ToArray();
                Assert.Equal(last.Length, mean.Count);
                Assert.Equal(last.Average(), mean.Value, 1e-6);
            }
        });
}
