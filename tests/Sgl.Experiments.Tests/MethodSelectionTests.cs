using Sgl.Evaluation;
using Sgl.Guidance;

namespace Sgl.Experiments.Tests;

public sealed class MethodSelectionTests
{
    [Fact]
    public void Rows_EveryMethodOnADeepModel_PaperSettings()
    {
        var rows = new MethodSelection { Methods = [.. MethodSelection.Names.Select(MethodSelection.Named)], Retentions = [35, 9] }.Rows(48);

        Assert.Equal(2 + (7 * 2), rows.Count);
        Assert.Equal(rows.Count, rows.Select(r => r.Key).Distinct().Count());
        Assert.Contains("sgp-f0.2-r0.2", rows.Select(r => r.Key));
        Assert.All(rows.Skip(2), r => Assert.InRange(Math.Min(
            Math.Abs(r.Method!.AverageRetention(48) - 0.35), Math.Abs(r.Method.AverageRetention(48) - 0.09)), 0, 0.02));
    }

    [Fact]
    public void Rows_LayerAndRatioWithAblations_OneRowEach()
    {
        var rows = new MethodSelection
        {
            Methods = [PruningMethod.Sgp, PruningMethod.TokenMerging],
            PruneLayer = 2,
            KeepRatio = 0.25,
            LayerFractions = [0.5, 1],
            Variants = [ImportanceVariant.Reference, ImportanceVariant.Paper],
        }.Rows(8);

        Assert.Equal(
            ["none", "small", "sgp-k2-r0.25-layers0.5", "sgp-k2-r0.25-paper-layers0.5", "sgp-k2-r0.25", "sgp-k2-r0.25-paper", "tokenmerging-f1-r0.4375"],
            rows.Select(r => r.Key));
    }

    [Theory]
    [InlineData(8, 0.5, "between 0 and 7, was 8")]
    [InlineData(2, 1.5, "between 0 and 1, was 1.5")]
    [InlineData(2, null, "belong together")]
    public void Rows_SettingOutOfRange_SaysWhatIsRight(int layer, double? ratio, string message)
    {
        var error = Assert.Throws<EvaluationException>(() => new MethodSelection { PruneLayer = layer, KeepRatio = ratio }.Rows(8));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Named_Unknown_ListsTheKnown() =>
        Assert.Equal(
            "unknown method 'fast-v'; known are none, sgp, tiles, fastv, oracle, tome, random, uniform",
            Assert.Throws<EvaluationException>(() => MethodSelection.Named("fast-v")).Message);
}
