using Sgl.Evaluation;
using Sgl.Vision;

namespace Sgl.Experiments.Tests;

public sealed class PlotFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_EverySeriesStyle_PngShowsWhatTheSvgSays()
    {
        var styles = Enum.GetValues<SeriesStyle>();
        var plot = new Plot("Every style", new("x") { Low = 0, High = 10 }, new("y") { Low = 0, High = 10 },
        [
            new("bar", [new(5, 8, 7, 9, "n=1")], SeriesStyle.Bars) { BarWidth = 4 },
            .. styles.Where(s => s != SeriesStyle.Bars).Select(s => new PlotSeries(s.ToString(), [new(1, 9.5, 9, 9.8), new(2, 9.5, Label: "a")], s)),
        ]);

        PlotFiles.Write(plot, _folder.Path, "plot");

        Assert.Equal(plot.ToSvg(), File.ReadAllText(_folder.File("plot.svg")));
        var image = new ImageDecoder().Decode(File.ReadAllBytes(_folder.File("plot.png")));
        Assert.Equal((1520, 840), (image.Width, image.Height));
        Assert.Equal([255, 255, 255], Pixel(image, 1, 1));

        // Half way up the bar: #0072b2 at 65 % over white. The area's place follows from the plot's margins.
        var right = Math.Max(20, Math.Min(380, (plot.Series.Max(s => s.Name.Length) * 6.4) + 58));
        var x = (int)(2 * (68 + ((760 - 68 - right) / 2)));
        Assert.Equal([89, 163, 205], Pixel(image, x + 30, 2 * 250));
        Assert.NotEqual(Pixel(image, x + 30, 2 * 250), Pixel(image, x + 30, 2 * 60));

        // The title is there: some dots of ink above the area.
        Assert.Contains(Enumerable.Range(0, 1520), at => Pixel(image, at, 2 * 19)[0] < 64);
    }

    private static byte[] Pixel(RgbImage image, int x, int y) => image.Row(y).Slice(3 * x, 3).ToArray();
}
