namespace Sgl.Guidance.Tests;

public class ImportanceTests
{
    [Theory]
    [InlineData(0.1, 24, 2)]
    [InlineData(0.3, 24, 7)]
    [InlineData(0.5, 24, 12)]
    [InlineData(0.7, 24, 16)]
    [InlineData(1, 24, 24)]
    [InlineData(0.1, 4, 1)]
    public void Layers_Fraction_TakesTheFirstOnesAndAtLeastOne(double fraction, int layers, int count) =>
        Assert.Equal(new LayerRange(0, count), new ImportanceOptions { LayerFraction = fraction }.Layers(layers));

    [Theory]
    [InlineData(0, null, "importance.layer_fraction")]
    [InlineData(1.5, null, "importance.layer_fraction")]
    [InlineData(double.NaN, null, "importance.layer_fraction")]
    [InlineData(0.5, 1, "importance.single_layer")]
    [InlineData(1, 4, "importance.single_layer")]
    [InlineData(1, -1, "importance.single_layer")]
    public void Layers_OutOfRange_NamesTheOption(double fraction, int? onlyLayer, string field)
    {
        var options = new ImportanceOptions { LayerFraction = fraction, SingleLayer = onlyLayer };
        Assert.Equal(field, Assert.Throws<GuidanceException>(() => options.Layers(4)).Field);
    }

    [Theory]
    [InlineData(ImportanceSource.PromptAndGenerated, 11f, 100f)]
    [InlineData(ImportanceSource.Prompt, 11f, 0f)]
    [InlineData(ImportanceSource.Generated, 0f, 100f)]
    [InlineData(ImportanceSource.LastPrompt, 1000f, 0f)]
    public void Accumulator_Sources_CountTheirRowsOnly(ImportanceSource source, float prefill, float decode)
    {
        var accumulator = new ImportanceAccumulator(1, 2, new ImportanceOptions { Source = source });
        accumulator.AddPrefillLayer(0, ImportanceRows.LastVisual, [1]);
        accumulator.AddPrefillLayer(0, ImportanceRows.Prompt, [10]);
        accumulator.AddPrefillLayer(0, ImportanceRows.LastPrompt, [1000]);
        accumulator.AddDecodeLayer(1, [100]);
        Assert.Equal([prefill], accumulator.Prefill.ToArray());
        Assert.Equal([decode], accumulator.Decode.ToArray());
        Assert.Equal([prefill + decode], accumulator.Total());
    }

    [Fact]
    public void Accumulator_LayerFraction_LeavesLaterLayersOut()
    {
        var accumulator = new ImportanceAccumulator(2, 4, new ImportanceOptions { LayerFraction = 0.5 });
        for (var layer = 0; layer < 4; layer++)
        {
            accumulator.AddPrefillLayer(layer, ImportanceRows.Prompt, [layer + 1, 0]);
            accumulator.AddDecodeLayer(layer, [0, layer + 1]);
        }

        Assert.Equal([3f, 3f], accumulator.Total());
    }

    [Fact]
    public void Accumulator_WrongLength_IsRefused() => Assert.Throws<ArgumentException>(() =>
        new ImportanceAccumulator(2, 4, new ImportanceOptions()).AddDecode([1]));
}
