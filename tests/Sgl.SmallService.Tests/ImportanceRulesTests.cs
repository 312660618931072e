using Sgl.Guidance;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

public sealed class ImportanceRulesTests
{
    [Fact]
    public void Read_Nothing_IsThePapersSetting()
    {
        Assert.Equal((new ImportanceOptions(), 0.05), Read(null, out _));
        Assert.Equal((new ImportanceOptions(), 0.05), Read(new Wire.ImportanceOptions(), out _));
    }

    [Fact]
    public void Read_Everything_IsTaken()
    {
        var (options, ratio) = Read(
            new Wire.ImportanceOptions
            {
                Variant = Wire.ImportanceVariant.Paper,
                Source = Wire.ImportanceSource.LastPromptToken,
                LayerFraction = 0.3,
                ConsistencyRatio = 0,
            },
            out var fields);

        Assert.Empty(fields);
        Assert.Equal(new ImportanceOptions { Variant = ImportanceVariant.Paper, Source = ImportanceSource.LastPrompt, LayerFraction = 0.3 }, options);
        Assert.Equal(0, ratio);
    }

    [Fact]
    public void Read_SkipConsistency_HasNoRatio() => Assert.Null(Read(new Wire.ImportanceOptions { SkipConsistency = true }, out _).Ratio);

    [Theory]
    [InlineData(Wire.ImportanceSource.PromptAndGenerated, ImportanceSource.PromptAndGenerated)]
    [InlineData(Wire.ImportanceSource.Prompt, ImportanceSource.Prompt)]
    [InlineData(Wire.ImportanceSource.Generated, ImportanceSource.Generated)]
    public void Read_Source_IsTheOneOfThatName(Wire.ImportanceSource wire, ImportanceSource source) =>
        Assert.Equal(source, Read(new Wire.ImportanceOptions { Source = wire }, out _).Options.Source);

    [Fact]
    public void Read_WrongValues_NamesAllFields()
    {
        Read(
            new Wire.ImportanceOptions
            {
                Variant = (Wire.ImportanceVariant)7,
                Source = (Wire.ImportanceSource)(-1),
                LayerFraction = 0,
                ConsistencyRatio = double.NaN,
            },
            out var fields);
        Assert.Equal(["importance.variant", "importance.source", "importance.layer_fraction", "importance.consistency_ratio"], fields);
    }

    [Fact]
    public void From_ScoresNotComputed_AreAbsent()
    {
        var wire = WireGuidance.From(new ExitScoreSet(0.9, double.NaN, double.NaN, 0.8, 0.5, 0.6, 0.7, double.NaN));

        Assert.Equal((0.9, 0.8, 0.5, 0.6, 0.7), (wire.Confidence, wire.Entropy, wire.QuantileQ1, wire.QuantileQ2, wire.QuantileQ3));
        Assert.False(wire.HasConsistency || wire.HasDecision || wire.HasLengthNormalisedConsistency);
    }

    private static (ImportanceOptions Options, double? Ratio) Read(Wire.ImportanceOptions? wire, out IEnumerable<string> fields)
    {
        var violations = new ViolationList();
        var read = ImportanceRules.Read(wire, "importance", violations);
        fields = violations.All.Select(v => v.Field);
        return read;
    }
}
