using System.Xml.Linq;
using CsCheck;
using Sgl.Evaluation.Internal;
using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Evaluation.Tests;

public sealed class ReportTests : IDisposable
{
    private static readonly RunHeader Header = new() { Small = "small", Large = "large", LargeLayers = 48 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Markdown_Cells_AreAlignedAndEscaped()
    {
        var table = new Table("Title", "name", "value") { Notes = { "A note." } };
        table.Add("a|b", "1.5");
        table.Add("longer name", "-2");
        Assert.Equal(
            "### Title\n\n| name        | value |\n| ----------- | ----: |\n| a\\|b        |   1.5 |\n| longer name |    -2 |\n\nA note.\n",
            table.ToMarkdown());
        Assert.Throws<ArgumentException>(() => table.Add("one cell"));
    }

    [Fact]
    public void Csv_Cells_AreQuotedWhereNeeded()
    {
        var table = new Table("Title", "a", "b");
        table.Add("x,y", "say \"hi\"\nthere");
        table.Add("plain", "1");
        Assert.Equal("a,b\n\"x,y\",\"say \"\"hi\"\"\nthere\"\nplain,1\n", table.ToCsv());
    }

    [Fact]
    public async Task MethodTable_Run_HasTheShapeOfTableOne()
    {
        var records = await RunAsync();
        var report = new EvaluationReport(Header, records, resamples: 200);
        var sgp = MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), 48);
        var uniform = MethodConfiguration.At(PruningMethod.Uniform, PruneSchedule.Paper(9), 48);
        var table = report.MethodTable("Table 1", [
            ("large", "100%", "none"), ("small", "100%", ResultRecord.SmallMethod), ("SGP", "9%", sgp.Key), ("uniform", "9%", uniform.Key)]);

        Assert.Equal(["method", "token ratio", "synthetic", "score ratio"], table.Columns);
        Assert.Equal(["100.00%", "66.67%", "100.00%", "5.00%"], table.Rows.Select(r => r[3].Split(' ')[0]));
        Assert.Equal("100.00% [100.00, 100.00]", table.Rows[2][3]);
        Assert.Equal("100.00 [100.00, 100.00]", table.Rows[2][2]);
        Assert.Contains(table.Notes, n => n.StartsWith("synthetic: 60 questions", StringComparison.Ordinal));
        var ratio = report.ScoreRatio("synthetic", ResultRecord.SmallMethod, "none", ["none"])!.Value;
        Assert.InRange(ratio.Low, 0.45, 0.66);
        Assert.InRange(ratio.High, 0.67, 0.85);
    }

    [Theory]
    [InlineData(48)]
    [InlineData(80)]
    [InlineData(24)]
    [InlineData(8)]
    [InlineData(4)]
    public async Task PaperExperiments_AnyDepth_CoverEveryTableAndFigure(int layers)
    {
        var header = Header with { LargeLayers = layers };
        using var store = ResultStore.Open(Path.Combine(_folder.Path, "paper.jsonl"), header);
        var methods = PaperExperiment.AllMethods(layers);
        await new EvaluationRunner(new SyntheticSubject(), store).RunAsync(RunnerTests.Data(20), methods, null, CancellationToken.None);
        var report = new EvaluationReport(header, store.Records(), resamples: 20);
        foreach (var experiment in new[] { PaperExperiment.Table1(layers), PaperExperiment.Table2(layers), PaperExperiment.Table3(layers) })
        {
            var table = report.MethodTable(experiment.Title, experiment.TableRows());
            Assert.Equal(experiment.Rows.Count, table.Rows.Count);
            Assert.All(table.Rows, r => Assert.DoesNotContain("-", r.Skip(2)));
            Assert.Equal(experiment.Rows.Count, experiment.Rows.Select(r => r.Key).Distinct().Count());
        }

        // FastV cannot prune before layer 1; every other row keeps what its name says.
        Assert.All(
            PaperExperiment.Table1(layers).Rows.Where(r => r.Method is { Method: not (PruningMethod.None or PruningMethod.FastV) }),
            r => Assert.Contains(new[] { 0.64, 0.35, 0.09 }, p => Math.Abs(p - r.Method!.AverageRetention(layers)) < 0.021));
        var (plot, times) = report.ScoreAgainstTime("synthetic", PaperExperiment.Curves(layers));
        Assert.Equal(1 + (6 * 4), times.Rows.Count);
        AssertSvg(plot);
        Assert.Equal("large", report.MemoryTable("Table 7", MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), layers).Key).Rows[0][1]);
    }

    [Fact]
    public async Task KindTable_Run_SplitsByKind()
    {
        var report = new EvaluationReport(Header, await RunAsync(), resamples: 50);
        var table = report.KindTable("Kinds", "synthetic", [("large", "none"), ("small", ResultRecord.SmallMethod)]);
        Assert.Equal(["method", "count", "text", "all"], table.Columns);
        Assert.StartsWith("66.7 [", table.Rows[1][1], StringComparison.Ordinal);
        Assert.Contains("Questions per kind: count 30, text 30.", table.Notes);
    }

    [Fact]
    public async Task ExitCriteria_Run_RanksAKnowingCriterionAboveAnIgnorantOne()
    {
        var report = new EvaluationReport(Header, await RunAsync(), resamples: 100);
        var (plot, table) = report.ExitCriteria("synthetic", "none");
        Assert.Equal(8, table.Rows.Count);
        // The small model is right on two thirds and surer there: flat at 100 to 2/3, then down to 66.67.
        Assert.StartsWith("27.78 [", table.Rows.Single(r => r[0] == "S (eq. 9)")[1], StringComparison.Ordinal);
        Assert.StartsWith("16.67 [", table.Rows.Single(r => r[0] == "entropy")[1], StringComparison.Ordinal);
        Assert.Equal(9, plot.Series.Count);
        AssertSvg(plot);
    }

    [Fact]
    public async Task ScoreAgainstTime_Exits_CostTheSmallModelsTimeOnly()
    {
        var report = new EvaluationReport(Header, await RunAsync(), resamples: 50);
        var sgp = MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), 48).Key;
        var (plot, table) = report.ScoreAgainstTime("synthetic", [
            ("large", null, [("100%", "none")]), ("SGP", 0, [("9%", sgp)]), ("SGP 60% SEE", 0.6, [("9%", sgp)])]);
        Assert.Equal(["1.000", "1.100", "0.500"], table.Rows.Select(r => r[2]));
        Assert.All(table.Rows, r => Assert.StartsWith("100.00", r[3], StringComparison.Ordinal));
        AssertSvg(plot);
    }

    [Fact]
    public void Reliability_Plot_HasOneBarPerFilledBin()
    {
        var reliability = Reliability.Of(Enumerable.Range(0, 100).Select(i => (i / 100.0, i % 3 == 0 ? 1.0 : 0)));
        var plot = CalibrationPlots.Reliability("Reliability <S>", reliability);
        Assert.Equal(10, plot.Series[0].Points.Count);
        var svg = AssertSvg(plot);
        Assert.Contains(svg.Descendants(), e => e.Value == "Reliability <S>");
    }

    [Fact]
    public void Svg_AwkwardData_StaysInsideThePlot()
    {
        AssertSvg(new Plot("empty", new("x"), new("y"), []));
        AssertSvg(new Plot("no points", new("x"), new("y"), [new("none", [])]));
        AssertSvg(new Plot("one point", new("x"), new("y"), [new("one", [new(3, 3)])]));
        AssertSvg(new Plot("not finite", new("x"), new("y"), [new("n", [new(double.NaN, 1), new(1, double.PositiveInfinity), new(2, 5)])]));
    }

    [Fact]
    public void Write_EverySeriesStyle_DrawsEachInItsPlace()
    {
        var plot = new Plot("Every style", new("x") { Low = 0, High = 10 }, new("y") { Low = 0, High = 10 },
        [
            new("bar", [new(5, 8, 7, 9, "n=1")], SeriesStyle.Bars) { BarWidth = 4 },
            .. Enum.GetValues<SeriesStyle>().Where(s => s != SeriesStyle.Bars).Select(s => new PlotSeries(s.ToString(), [new(1, 9.5, 9, 9.8), new(2, 9.5, Label: "a")], s)),
        ]);

        plot.Write(Path.Combine(_folder.Path, "new"), "plot");

        var svg = XElement.Parse(File.ReadAllText(_folder.Combine("new", "plot.svg")));
        Assert.Equal(AssertSvg(plot).ToString(), svg.ToString());
        Assert.Equal((760, 420), ((double)svg.Attribute("width")!, (double)svg.Attribute("height")!));
        var paper = svg.Elements().First(e => e.Name.LocalName == "rect");
        Assert.Equal(("100%", "#fff"), (paper.Attribute("width")!.Value, paper.Attribute("fill")!.Value));

        // The bar reaches over the middle of the area, half way up but not to its upper edge. The area's place follows from the plot's margins.
        var right = Math.Max(20, Math.Min(380, (plot.Series.Max(s => s.Name.Length) * 6.4) + 58));
        var x = 68 + ((760 - 68 - right) / 2) + 15;
        var bar = svg.Descendants().First(e => e.Name.LocalName == "rect" && e.Attribute("fill")?.Value == "#0072b2");
        Assert.Equal(0.65, (double)bar.Attribute("fill-opacity")!);
        Assert.InRange(x, Number(bar, "x"), Number(bar, "x") + Number(bar, "width"));
        Assert.InRange(250, Number(bar, "y"), Number(bar, "y") + Number(bar, "height"));
        Assert.True(Number(bar, "y") > 60);

        // The title stands above the area, and each style left a trace: markers, whiskers, dashes, a label.
        Assert.InRange(Number(svg.Descendants().Single(e => e.Value == plot.Title), "y"), 1, 44);
        Assert.All(plot.Series, s => Assert.Contains(svg.Descendants(), e => e.Value == s.Name));
        Assert.Equal(2, svg.Descendants().Count(e => e.Attribute("stroke-dasharray") is not null && e.Parent!.Name.LocalName == "g"));
        Assert.Contains(svg.Descendants(), e => e.Value == "n=1");

        static double Number(XElement element, string name) => (double)element.Attribute(name)!;
    }

    [Fact]
    public void AxisScale_AnyRange_HasRoundTicksThatCoverIt() =>
        Gen.Select(Gen.Double[-1e4, 1e4], Gen.Double[1e-3, 1e4]).Sample((low, width) =>
        {
            var scale = AxisScale.Fit([low, low + width], null, null);
            Assert.True(scale.Low <= low + (1e-6 * width) && scale.High >= low + width - (1e-6 * width));
            Assert.InRange(scale.Ticks.Length, 3, 14);
            Assert.Equal(scale.Ticks.Length, scale.Ticks.Select(scale.Format).Distinct().Count());
            Assert.Equal(0, scale.Share(scale.Low));
            Assert.Equal(1, scale.Share(scale.High));
        });

    private static XElement AssertSvg(Plot plot)
    {
        var svg = XElement.Parse(plot.ToSvg());
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("∞", svg.ToString(), StringComparison.Ordinal);
        foreach (var text in svg.Descendants().Where(e => e.Name.LocalName == "text"))
        {
            Assert.InRange((double)text.Attribute("x")!, 0, plot.Width);
            Assert.InRange((double)text.Attribute("y")!, 0, plot.Height);
        }

        return svg;
    }

    private async Task<IReadOnlyList<ResultRecord>> RunAsync()
    {
        using var store = ResultStore.Open(Path.Combine(_folder.Path, "results.jsonl"), Header);
        MethodConfiguration[] methods =
        [
            MethodConfiguration.Unpruned,
            MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), 48),
            MethodConfiguration.At(PruningMethod.Uniform, PruneSchedule.Paper(9), 48),
        ];
        await new EvaluationRunner(new SyntheticSubject(), store).RunAsync(RunnerTests.Data(60), methods, null, CancellationToken.None);
        return store.Records();
    }
}
