using System.Globalization;
using System.Text;
using Sgl.Evaluation.Internal;

namespace Sgl.Evaluation;

/// <summary>How a series is drawn.</summary>
public enum SeriesStyle
{
    /// <summary>A line through the points.</summary>
    Line,

    /// <summary>A line with a marker at each point.</summary>
    LineAndMarkers,

    /// <summary>Markers only.</summary>
    Markers,

    /// <summary>One bar per point from 0 to y; x is its middle.</summary>
    Bars,

    /// <summary>A dashed horizontal line at the first point's y.</summary>
    Level,

    /// <summary>A dashed line without markers, for references such as a diagonal.</summary>
    Dashed,
}

/// <summary>A point with an optional interval.</summary>
/// <param name="X">Horizontal value.</param>
/// <param name="Y">Vertical value.</param>
/// <param name="Low">Lower end of an interval drawn as a whisker.</param>
/// <param name="High">Upper end.</param>
/// <param name="Label">A word beside the point.</param>
public readonly record struct PlotPoint(double X, double Y, double? Low = null, double? High = null, string? Label = null);

/// <summary>A named list of points.</summary>
/// <param name="Name">Legend entry.</param>
/// <param name="Points">Points with a value that is not finite are left out.</param>
/// <param name="Style">How they are drawn.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<PlotPoint> Points, SeriesStyle Style = SeriesStyle.LineAndMarkers)
{
    /// <summary>Bar width in units of x; only for <see cref="SeriesStyle.Bars"/>.</summary>
    public double BarWidth { get; init; } = 1;
}

/// <summary>One axis.</summary>
/// <param name="Title">Below or beside the axis.</param>
public sealed record PlotAxis(string Title)
{
    /// <summary>Fixed lower end; otherwise fitted to the data.</summary>
    public double? Low { get; init; }

    /// <summary>Fixed upper end; otherwise fitted to the data.</summary>
    public double? High { get; init; }
}

/// <summary>A plot of lines, markers and bars as a stand-alone SVG: axes with round ticks, grid, legend to the right.</summary>
/// <param name="Title">Above the plot.</param>
/// <param name="X">Horizontal axis.</param>
/// <param name="Y">Vertical axis.</param>
/// <param name="Series">What is drawn, later ones on top.</param>
public sealed record Plot(string Title, PlotAxis X, PlotAxis Y, IReadOnlyList<PlotSeries> Series)
{
    private const double Left = 68;
    private const double Top = 44;
    private const double Bottom = 56;
    private const double LegendRow = 20;

    // Colours that stay apart for colour-blind readers (Okabe and Ito), and a marker for those who print in grey.
    private static readonly string[] Colours =
        ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333", "#8c6d1f"];

    private const string ReferenceColour = "#777777";

    /// <summary>Width of the drawing in CSS pixels, legend included.</summary>
    public double Width { get; init; } = 760;

    /// <summary>Height in CSS pixels.</summary>
    public double Height { get; init; } = 420;

    /// <summary>Writes the drawing, replacing what is there.</summary>
    /// <param name="folder">Created when missing.</param>
    /// <param name="name">The file's name without <c>.svg</c>.</param>
    public void Write(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name + ".svg"), ToSvg());
    }

    /// <summary>The SVG text.</summary>
    public string ToSvg()
    {
        var points = Series.SelectMany(s => s.Points.Where(IsFinite)).ToArray();
        var bars = Series.Where(s => s.Style == SeriesStyle.Bars).ToArray();
        var x = AxisScale.Fit(
            points.Select(p => p.X).Concat(bars.SelectMany(b => b.Points.SelectMany(p => new[] { p.X - (b.BarWidth / 2), p.X + (b.BarWidth / 2) }))), X.Low, X.High);
        var y = AxisScale.Fit(
            points.SelectMany(p => new[] { p.Y, p.Low ?? p.Y, p.High ?? p.Y }).Concat(bars.Length > 0 ? [0.0] : []), Y.Low, Y.High);
        var longest = Series.Count == 0 ? 0 : Series.Max(s => s.Name.Length);
        var right = Series.Count == 0 ? 20 : Math.Min(Width / 2, (longest * 6.4) + 58);
        var area = new Area(Left, Top, Width - Left - right, Height - Top - Bottom, x, y);

        var svg = new StringBuilder();
        svg.Append(Invariant(
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{Height}\" viewBox=\"0 0 {Width} {Height}\" "))
            .Append("font-family=\"Helvetica, Arial, DejaVu Sans, sans-serif\" font-size=\"12\" fill=\"#222\">\n")
            .Append("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        Text(svg, area.Left + (area.Width / 2), 24, Title, "middle", "font-size=\"15\" font-weight=\"bold\"");
        Axes(svg, area);
        svg.Append(Invariant($"<clipPath id=\"area\"><rect x=\"{area.Left - 6}\" y=\"{area.Top - 6}\" width=\"{area.Width + 12}\" height=\"{area.Height + 12}\"/></clipPath>\n"));
        svg.Append("<g clip-path=\"url(#area)\">\n");
        for (var i = 0; i < Series.Count; i++)
        {
            Draw(svg, area, Series[i], Colour(i), i);
        }

        svg.Append("</g>\n");
        Legend(svg, area);
        return svg.Append("</svg>\n").ToString();
    }

    private string Colour(int series) => Series[series].Style is SeriesStyle.Level or SeriesStyle.Dashed
        ? ReferenceColour : Colours[series % Colours.Length];

    private void Axes(StringBuilder svg, Area area)
    {
        foreach (var tick in area.X.Ticks)
        {
            var at = area.ToX(tick);
            svg.Append(Invariant($"<line x1=\"{at:0.##}\" y1=\"{area.Top}\" x2=\"{at:0.##}\" y2=\"{area.Bottom + 5}\" stroke=\"#ddd\"/>\n"));
            Text(svg, at, area.Bottom + 19, area.X.Format(tick), "middle");
        }

        foreach (var tick in area.Y.Ticks)
        {
            var at = area.ToY(tick);
            svg.Append(Invariant($"<line x1=\"{area.Left - 5}\" y1=\"{at:0.##}\" x2=\"{area.Left + area.Width}\" y2=\"{at:0.##}\" stroke=\"#ddd\"/>\n"));
            Text(svg, area.Left - 9, at + 4, area.Y.Format(tick), "end");
        }

        svg.Append(Invariant($"<rect x=\"{area.Left}\" y=\"{area.Top}\" width=\"{area.Width}\" height=\"{area.Height}\" fill=\"none\" stroke=\"#222\"/>\n"));
        Text(svg, area.Left + (area.Width / 2), area.Bottom + 42, X.Title, "middle");
        var middle = area.Top + (area.Height / 2);
        Text(svg, 18, middle, Y.Title, "middle", Invariant($"transform=\"rotate(-90 18 {middle})\""));
    }

    private static void Draw(StringBuilder svg, Area area, PlotSeries series, string colour, int index)
    {
        var points = series.Points.Where(IsFinite).ToArray();
        if (points.Length == 0)
        {
            return;
        }

        switch (series.Style)
        {
            case SeriesStyle.Bars:
                foreach (var point in points)
                {
                    Bar(svg, area, point, series.BarWidth, colour);
                }

                break;
            case SeriesStyle.Level:
                Line(svg, [(area.Left, area.ToY(points[0].Y)), (area.Left + area.Width, area.ToY(points[0].Y))], colour, dashed: true);
                return;
            case SeriesStyle.Line or SeriesStyle.LineAndMarkers or SeriesStyle.Dashed:
                Line(svg, [.. points.Select(p => (area.ToX(p.X), area.ToY(p.Y)))], colour, series.Style == SeriesStyle.Dashed);
                break;
        }

        foreach (var point in points)
        {
            Whisker(svg, area, point, series.Style == SeriesStyle.Bars ? "#222" : colour);
            if (series.Style is SeriesStyle.Markers or SeriesStyle.LineAndMarkers)
            {
                Marker(svg, area.ToX(point.X), area.ToY(point.Y), colour, index);
            }

            if (point.Label is not null)
            {
                // A white rim keeps labels legible on lines and bars.
                const string Rim = "font-size=\"10\" paint-order=\"stroke\" stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\"";
                var bar = series.Style == SeriesStyle.Bars;
                Text(
                    svg, area.ToX(point.X) + (bar ? 0 : 7), bar ? area.ToY(0) - 6 : area.ToY(point.Y) - 6, point.Label,
                    bar ? "middle" : "start", Rim);
            }
        }
    }

    private void Legend(StringBuilder svg, Area area)
    {
        var x = area.Left + area.Width + 14;
        for (var i = 0; i < Series.Count; i++)
        {
            var y = area.Top + 10 + (i * LegendRow);
            var colour = Colour(i);
            if (Series[i].Style == SeriesStyle.Bars)
            {
                svg.Append(Invariant($"<rect x=\"{x + 4}\" y=\"{y - 6}\" width=\"16\" height=\"12\" fill=\"{colour}\" fill-opacity=\"0.65\" stroke=\"{colour}\"/>\n"));
            }
            else if (Series[i].Style != SeriesStyle.Markers)
            {
                Line(svg, [(x, y), (x + 24, y)], colour, Series[i].Style is SeriesStyle.Level or SeriesStyle.Dashed);
            }

            if (Series[i].Style is SeriesStyle.Markers or SeriesStyle.LineAndMarkers)
            {
                Marker(svg, x + 12, y, colour, i);
            }

            Text(svg, x + 30, y + 4, Series[i].Name, "start");
        }
    }

    private static void Line(StringBuilder svg, (double X, double Y)[] points, string colour, bool dashed)
    {
        svg.Append("<polyline fill=\"none\" stroke=\"").Append(colour).Append("\" stroke-width=\"1.8\" points=\"")
            .AppendJoin(' ', points.Select(p => Invariant($"{p.X:0.##},{p.Y:0.##}")))
            .Append(dashed ? "\" stroke-dasharray=\"6 4\"/>\n" : "\"/>\n");
    }

    private static void Bar(StringBuilder svg, Area area, PlotPoint point, double width, string colour)
    {
        var left = area.ToX(point.X - (width / 2));
        var right = area.ToX(point.X + (width / 2));
        var (top, bottom) = (area.ToY(Math.Max(0, point.Y)), area.ToY(Math.Min(0, point.Y)));
        svg.Append(Invariant($"<rect x=\"{left:0.##}\" y=\"{top:0.##}\" width=\"{right - left:0.##}\" height=\"{bottom - top:0.##}\" "))
            .Append(Invariant($"fill=\"{colour}\" fill-opacity=\"0.65\" stroke=\"{colour}\"/>\n"));
    }

    private static void Whisker(StringBuilder svg, Area area, PlotPoint point, string colour)
    {
        if (point is not { Low: { } low, High: { } high } || !double.IsFinite(low) || !double.IsFinite(high))
        {
            return;
        }

        var (x, top, bottom) = (area.ToX(point.X), area.ToY(high), area.ToY(low));
        svg.Append(Invariant($"<path d=\"M{x - 4:0.##} {top:0.##}h8M{x:0.##} {top:0.##}V{bottom:0.##}M{x - 4:0.##} {bottom:0.##}h8\" "))
            .Append("fill=\"none\" stroke=\"").Append(colour).Append("\"/>\n");
    }

    private static void Marker(StringBuilder svg, double x, double y, string colour, int index) => svg.Append(Invariant((index % 4) switch
    {
        0 => $"<circle cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"3.6\" fill=\"{colour}\"/>\n",
        1 => (FormattableString)$"<rect x=\"{x - 3.4:0.##}\" y=\"{y - 3.4:0.##}\" width=\"6.8\" height=\"6.8\" fill=\"{colour}\"/>\n",
        2 => $"<path d=\"M{x:0.##} {y - 4.6:0.##}l4.4 7.8h-8.8z\" fill=\"{colour}\"/>\n",
        _ => $"<path d=\"M{x:0.##} {y - 4.8:0.##}l4.8 4.8l-4.8 4.8l-4.8 -4.8z\" fill=\"{colour}\"/>\n",
    }));

    private static void Text(StringBuilder svg, double x, double y, string text, string anchor, string attributes = "") =>
        svg.Append(Invariant($"<text x=\"{x:0.##}\" y=\"{y:0.##}\" text-anchor=\"{anchor}\"{(attributes.Length > 0 ? " " : "")}{attributes}>"))
            .Append(System.Security.SecurityElement.Escape(text)).Append("</text>\n");

    private static bool IsFinite(PlotPoint point) => double.IsFinite(point.X) && double.IsFinite(point.Y);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private readonly record struct Area(double Left, double Top, double Width, double Height, AxisScale X, AxisScale Y)
    {
        public double Bottom => Top + Height;

        public double ToX(double value) => Left + (Width * X.Share(value));

        public double ToY(double value) => Bottom - (Height * Y.Share(value));
    }
}
