using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

public sealed class SamplingRulesTests
{
    [Fact]
    public void Read_Nothing_GivesTheDefaultsOfTheContract()
    {
        var read = Read(new Wire.Sampling(), out var fields);

        Assert.Empty(fields);
        Assert.Equal((128, 1, 0f, 1f, 0, null), (read.MaxNewTokens, read.MinNewTokens, read.Temperature, read.TopP, read.TopK, read.Seed));
        Assert.Empty(read.StopStrings);
    }

    [Fact]
    public void Read_Everything_IsTaken()
    {
        var read = Read(
            new Wire.Sampling { TopLogProbabilities = 20, MaxNewTokens = 7, MinNewTokens = 0, Temperature = 0.5f, TopP = 0.9f, TopK = 3, Seed = 0, Stop = { "\n" } }, out var fields);

        Assert.Empty(fields);
        Assert.Equal((7, 0, 0.5f, 0.9f, 3, 0ul), (read.MaxNewTokens, read.MinNewTokens, read.Temperature, read.TopP, read.TopK, read.Seed));
        Assert.Equal(["\n"], read.StopStrings);
        Assert.Equal(20, read.TopLogProbabilities);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(21)]
    public void Read_TopLogProbabilitiesOutOfRange_NamesField(int count)
    {
        Read(new Wire.Sampling { TopLogProbabilities = count }, out var fields);
        Assert.Equal(["sampling.top_log_probabilities"], fields);
    }

    [Fact]
    public void Read_DefaultAboveTheServicesLimit_IsTheLimit()
    {
        var violations = new ViolationList();

        SamplingRules.Check(new Wire.Sampling(), 16, "sampling", violations);

        Assert.False(violations.Any);
        Assert.Equal(16, SamplingMapping.From(null, 16).MaxNewTokens);
        Assert.Equal(16, SamplingMapping.From(new Wire.Sampling(), 16).MaxNewTokens);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1025)]
    public void Read_MaxNewTokensOutOfRange_NamesField(int max)
    {
        Read(new Wire.Sampling { MaxNewTokens = max, MinNewTokens = 0 }, out var fields);
        Assert.Equal(["sampling.max_new_tokens"], fields);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(-0.1f)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(10.5f)]
    public void Read_TemperatureOutOfRange_NamesField(float temperature)
    {
        Read(new Wire.Sampling { Temperature = temperature }, out var fields);
        Assert.Equal(["sampling.temperature"], fields);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1.01f)]
    [InlineData(float.NaN)]
    public void Read_TopPOutOfRange_NamesField(float topP)
    {
        Read(new Wire.Sampling { TopP = topP }, out var fields);
        Assert.Equal(["sampling.top_p"], fields);
    }

    [Fact]
    public void Read_SeveralMistakes_NamesAllOfThem()
    {
        Read(
            new Wire.Sampling { MaxNewTokens = 4, MinNewTokens = 5, TopK = -1, TopP = 0, Stop = { "ok", "", new string('x', 257) } }, out var fields);
        Assert.Equal(
            ["sampling.min_new_tokens", "sampling.top_p", "sampling.top_k", "sampling.stop[1]", "sampling.stop[2]"], fields);
    }

    [Fact]
    public void Read_TooManyStops_NamesTheList()
    {
        var sampling = new Wire.Sampling();
        sampling.Stop.AddRange(Enumerable.Range(0, 17).Select(i => $"{i}"));
        Read(sampling, out var fields);
        Assert.Equal(["sampling.stop"], fields);
    }

    [Fact]
    public void Read_MoreThanTheLimitAsAWish_IsTheLimit()
    {
        var wish = new Wire.Sampling { MaxNewTokens = 5000, MinNewTokens = 3000, ClampMaxNewTokens = true };
        var read = Read(wish, out var fields);

        Assert.Empty(fields);
        Assert.Equal((1024, 1024), (read.MaxNewTokens, read.MinNewTokens));
        Assert.Equal((100, 100), (SamplingMapping.Fit(read, wish, 900, 1000).MaxNewTokens, SamplingMapping.Fit(read, wish, 900, 1000).MinNewTokens));
        Assert.Equal(1024, SamplingMapping.Fit(read, wish, 900, 5000).MaxNewTokens);
        Assert.Equal(1024, SamplingMapping.Fit(read, null, 900, 1000).MaxNewTokens);
        Assert.Equal("messages", Assert.Throws<EngineRequestException>(() => SamplingMapping.Fit(read, wish, 1000, 1000)).Field);
    }

    private static SamplingOptions Read(Wire.Sampling sampling, out IEnumerable<string> fields)
    {
        var violations = new ViolationList();
        SamplingRules.Check(sampling, 1024, "sampling", violations);
        fields = violations.All.Select(v => v.Field);
        return SamplingMapping.From(sampling, 1024);
    }
}
