using System.Globalization;
using System.Net;
using System.Text;

namespace Sgl.Traces;

/// <summary>Draws a trace: a bar for each span below the one that it belongs to, over one axis of time.</summary>
internal static class Waterfall
{
    private const int Width = 1100;
    private const int Left = 330;
    private const int Right = 90;
    private const int Row = 24;
    private const int Head = 58;
    private const int Indent = 16;
    private const int Ticks = 6;
    private const double Letter = 6.6; // of the font's width, about

    private static readonly Dictionary<string, string> Colours = new()
    {
        ["client"] = "#6b7280",
        ["sgl-router"] = "#2563eb",
        ["sgl-small"] = "#16a34a",
        ["sgl-large"] = "#d97706",
    };

    /// <summary>The picture, as SVG.</summary>
    /// <param name="spans">One whole trace.</param>
    /// <param name="title">What it is of.</param>
    public static string Draw(IReadOnlyList<TracedSpan> spans, string title)
    {
        var rows = Ordered(spans, "", 0).ToList();
        var (start, end) = (spans.Min(s => s.Start), spans.Max(s => s.End));
        var scale = (Width - Left - Right) / (end - start).TotalMilliseconds;
        var height = Head + (rows.Count * Row) + 16;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" width=\"{Width}\" height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"{Text(title)}\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"{Width}\" height=\"{height}\" fill=\"#ffffff\"/>\n<text x=\"16\" y=\"24\" font-size=\"14\" font-weight=\"600\" fill=\"#111827\">{Text(title)}</text>\n");
        var legend = Width - 16;
        foreach (var (service, colour) in Colours.Reverse())
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{legend}\" y=\"24\" text-anchor=\"end\" fill=\"{colour}\" font-weight=\"600\">{service}</text>");
            legend -= (int)(service.Length * Letter) + 18;
        }

        var step = Step((end - start).TotalMilliseconds);
        for (var at = 0.0; at <= (end - start).TotalMilliseconds; at += step)
        {
            var x = Left + (at * scale);
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x:0.#}\" y1=\"{Head - 6}\" x2=\"{x:0.#}\" y2=\"{height - 10}\" stroke=\"#e5e7eb\"/><text x=\"{x:0.#}\" y=\"{Head - 12}\" text-anchor=\"middle\" fill=\"#6b7280\">{at:0.###} ms</text>\n");
        }

        for (var i = 0; i < rows.Count; i++)
        {
            var (span, depth) = rows[i];
            var (x, y, width) = (Left + ((span.Start - start).TotalMilliseconds * scale), Head + (i * Row), Math.Max(2, (span.End - span.Start).TotalMilliseconds * scale));
            var colour = Colours.GetValueOrDefault(span.Service, "#7c3aed");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{16 + (depth * Indent)}\" y=\"{y + 13}\" fill=\"#111827\">{Text(span.Name)}</text>");
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x:0.#}\" y=\"{y + 2}\" width=\"{width:0.#}\" height=\"{Row - 9}\" rx=\"2\" fill=\"{colour}\"><title>{Text(Details(span))}</title></rect>");
            var note = string.Create(CultureInfo.InvariantCulture, $"{(span.End - span.Start).TotalMilliseconds:0.0} ms{Note(span)}");
            var inside = x + width + 8 + (note.Length * Letter) > Width && note.Length * Letter < width;
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{(inside ? x + width - 4 : x + width + 4):0.#}\" y=\"{y + 13}\"{(inside ? " text-anchor=\"end\" fill=\"#ffffff\"" : " fill=\"#374151\"")}>{Text(note)}</text>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static IEnumerable<(TracedSpan Span, int Depth)> Ordered(IReadOnlyList<TracedSpan> spans, string parent, int depth) => spans
        .Where(s => s.Parent == parent)
        .OrderBy(s => s.Start)
        .SelectMany(s => Ordered(spans, s.Id, depth + 1).Prepend((s, depth)));

    private static double Step(double milliseconds)
    {
        var rough = Math.Max(milliseconds / Ticks, 0.001);
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return power * new[] { 1, 2, 5, 10 }.First(f => f * power >= rough);
    }

    // What the picture is about stands beside its bar; the rest shows under the pointer.
    private static string Note(TracedSpan span) => span.Attributes.TryGetValue("sgl.decision", out var decision)
        ? string.Create(CultureInfo.InvariantCulture, $", {decision}: score {span.Attributes.GetValueOrDefault("sgl.score"):0.00} of {span.Attributes.GetValueOrDefault("sgl.threshold"):0.00}")
        : "";

    private static string Details(TracedSpan span) => string.Join('\n', span.Attributes
        .OrderBy(a => a.Key, StringComparer.Ordinal)
        .Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Key} = {(a.Value is object?[] many ? string.Join(", ", many) : a.Value)}"))
        .Prepend(span.Service));

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
