using CsCheck;

namespace Sgl.Inference.Tests;

public class DevicePlacementTests
{
    private static readonly Gen<(int Layers, LayerPlacement[] Ranges)> Ranges =
        from sizes in Gen.Int[1, 7].Array[1, 6]
        from devices in Gen.Int[0, 3].Array[sizes.Length]
        from kinds in Gen.Bool.Array[sizes.Length]
        select (sizes.Sum(), Enumerable.Range(0, sizes.Length)
            .Select(i => new LayerPlacement(sizes.Take(i).Sum(), sizes.Take(i + 1).Sum() - 1, new DeviceId(kinds[i] ? "cpu" : "cuda", devices[i]))).ToArray());

    [Fact]
    public void Parse_WrittenRanges_GivesThemBack() => Ranges.Sample(r =>
        Assert.Equal(r.Ranges, DevicePlacement.Parse(string.Join(", ", r.Ranges), r.Layers)));

    [Fact]
    public void Parse_Shares_CoverEveryLayerEvenly() => Gen.Select(Gen.Int[1, 100], Gen.Int[1, 100]).Where((layers, n) => n <= layers).Sample((layers, n) =>
    {
        var stages = DevicePlacement.Parse($"cuda*{n}", layers);
        Assert.Equal(Enumerable.Range(0, layers), stages.SelectMany(s => Enumerable.Range(s.First, s.Count)));
        Assert.Equal(Enumerable.Range(0, n), stages.Select(s => s.Device.Index));
        Assert.True(stages.Max(s => s.Count) - stages.Min(s => s.Count) <= 1);
    });

    [Theory]
    [InlineData("cpu", "0-7:cpu")]
    [InlineData(" cuda:3 ", "0-7:cuda:3")]
    [InlineData("cpu:2", "0-7:cpu:2")]
    [InlineData("cpu*2", "0-3:cpu,4-7:cpu:1")]
    [InlineData("0-2:cuda:0,3-7:cpu", "0-2:cuda:0,3-7:cpu")]
    public void Parse_Valid_GivesTheStages(string text, string expected) => Assert.Equal(expected, string.Join(',', DevicePlacement.Parse(text, 8)));

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:x")]
    [InlineData("cuda:1:2")]
    [InlineData("cpu*0")]
    [InlineData("cpu*9")]
    [InlineData("cpu*")]
    [InlineData("cpu*2*2")]
    [InlineData("0-7")]
    [InlineData("0-6:cpu")]
    [InlineData("0-8:cpu")]
    [InlineData("1-7:cpu")]
    [InlineData("0-3:cpu,5-7:cpu")]
    [InlineData("0-4:cpu,4-7:cpu")]
    [InlineData("0-3:cpu,7-4:cpu")]
    [InlineData("0-99999999999:cpu")]
    [InlineData("0-3:cpu,4-7:tpu:0")]
    [InlineData("a-b:cpu")]
    public void Parse_Wrong_SaysSo(string text) => Assert.Throws<EngineSettingsException>(() => DevicePlacement.Parse(text, 8));

    [Fact]
    public void Parse_AnyText_GivesStagesOrAnEngineSettingsException() => Gen.String[Gen.Char["0123456789-:,* cpuda"], 0, 12].Sample(text =>
    {
        try
        {
            var stages = DevicePlacement.Parse(text, 4);
            Assert.Equal([0, 1, 2, 3], stages.SelectMany(s => Enumerable.Range(s.First, s.Count)));
        }
        catch (EngineSettingsException)
        {
        }
    }, iter: 20_000);

    [Fact]
    public void Cut_AnyPruneLayers_BeginsAStageAtEachAndKeepsDevices() => Gen.Select(Ranges, Gen.Int[0, 45].Array[0, 8]).Sample((r, cuts) =>
    {
        var stages = DevicePlacement.Cut(r.Ranges, cuts);
        Assert.Equal(Enumerable.Range(0, r.Layers), stages.SelectMany(s => Enumerable.Range(s.First, s.Count)));
        var expected = r.Ranges.Select(p => p.First).Concat(cuts.Where(c => c < r.Layers)).Append(0).Distinct().Order();
        Assert.Equal(expected, stages.Select(s => s.First));
        Assert.All(stages, s => Assert.Equal(r.Ranges.Single(p => s.First >= p.First && s.Last <= p.Last).Device, s.Device));
    });

    [Theory]
    [InlineData("cpu*3", 2, "cpu*2")]
    [InlineData("cpu*3", 3, "cpu*3")]
    [InlineData("cuda*8", 1, "cuda*1")]
    [InlineData("cpu", 2, "cpu")]
    [InlineData("0-3:cpu,4-7:cpu:1", 2, "0-3:cpu,4-7:cpu:1")]
    public void Fit_SharesBeyondTheLayers_AreLeftOut(string placement, int layers, string expected) =>
        Assert.Equal(expected, DevicePlacement.Fit(placement, layers));
}
