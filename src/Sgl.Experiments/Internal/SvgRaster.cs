using System.Globalization;
using System.Xml.Linq;
using Sgl.Vision;
using Sgl.Vision.Rendering;

namespace Sgl.Experiments.Internal;

/// <summary>
/// Draws the SVG that <see cref="Sgl.Evaluation.Plot"/> writes: rectangles, lines, polylines, circles, paths of straight pieces and
/// text, with solid colours. Text is set in the bitmap face, so that the picture is the same on machines without fonts; the
/// libvips build that decodes images is closed to SVG on purpose.
/// </summary>
internal static class SvgRaster
{
    private const int Scale = 2;

    /// <summary>The picture at twice its nominal size.</summary>
    public static RgbImage Draw(string svg)
    {
        var root = XElement.Parse(svg);
        var width = Scale * (int)Number(root, "width");
        var height = Scale * (int)Number(root, "height");
        var image = RgbImage.Create(width, height);
        Visit(image, root, new PolygonFiller.Bounds(0, 0, width, height), root);
        return image;
    }

    private static void Visit(RgbImage image, XElement parent, PolygonFiller.Bounds clip, XElement root)
    {
        foreach (var element in parent.Elements())
        {
            switch (element.Name.LocalName)
            {
                case "g":
                    Visit(image, element, Clip(element, clip, root), root);
                    break;
                case "clipPath":
                    break;
                case "text":
                    SvgText.Draw(image, element, Scale);
                    break;
                default:
                    Shape(image, element, clip);
                    break;
            }
        }
    }

    private static void Shape(RgbImage image, XElement element, PolygonFiller.Bounds clip)
    {
        var (points, closed) = Outline(element, image);
        if (Colour(element, "fill", element.Name.LocalName is not ("line" or "polyline")) is { } fill)
        {
            PolygonFiller.Fill(image, [.. points.SelectMany(p => p)], fill, Number(element, "fill-opacity", 1), clip);
        }

        if (Colour(element, "stroke", otherwiseBlack: false) is { } stroke)
        {
            var thickness = Scale * Number(element, "stroke-width", 1);
            var dashes = element.Attribute("stroke-dasharray")?.Value.Split(' ').Select(d => Scale * Parse(d)).ToArray();
            foreach (var piece in points)
            {
                Stroke(image, closed ? [.. piece, piece[0]] : piece, thickness, dashes, stroke, clip);
            }
        }
    }

    /// <summary>The outlines of an element, in device pixels.</summary>
    private static (List<(double X, double Y)[]> Points, bool Closed) Outline(XElement element, RgbImage image)
    {
        double At(string name) => Scale * Number(element, name, 0);
        switch (element.Name.LocalName)
        {
            case "rect" when element.Attribute("width")!.Value == "100%":
                return ([[(0, 0), (image.Width, 0), (image.Width, image.Height), (0, image.Height)]], true);
            case "rect":
                var (x, y, w, h) = (At("x"), At("y"), At("width"), At("height"));
                return ([[(x, y), (x + w, y), (x + w, y + h), (x, y + h)]], true);
            case "line":
                return ([[(At("x1"), At("y1")), (At("x2"), At("y2"))]], false);
            case "circle":
                return ([[.. Enumerable.Range(0, 32).Select(i => Math.Tau * i / 32)
                    .Select(a => (At("cx") + (At("r") * Math.Cos(a)), At("cy") + (At("r") * Math.Sin(a))))]], true);
            case "polyline":
                return ([[.. element.Attribute("points")!.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    .Select(p => p.Split(',')).Select(p => (Scale * Parse(p[0]), Scale * Parse(p[1])))]], false);
            case "path":
                return SvgPath.Pieces(element.Attribute("d")!.Value, Scale);
            default:
                throw new NotSupportedException($"plots have no <{element.Name.LocalName}>");
        }
    }

    private static void Stroke(
        RgbImage image, (double X, double Y)[] points, double thickness, double[]? dashes, Rgb colour, PolygonFiller.Bounds clip)
    {
        var travelled = 0.0;
        for (var i = 1; i < points.Length; i++)
        {
            var (from, to) = (points[i - 1], points[i]);
            var length = Math.Sqrt(Math.Pow(to.X - from.X, 2) + Math.Pow(to.Y - from.Y, 2));
            if (length == 0)
            {
                continue;
            }

            foreach (var (start, end) in Dashes(travelled, length, dashes))
            {
                Segment(image, from, to, start / length, end / length, thickness / 2, length, colour, clip);
            }

            travelled += length;
        }
    }

    /// <summary>The drawn parts of a piece that begins after so much of the line.</summary>
    private static IEnumerable<(double Start, double End)> Dashes(double travelled, double length, double[]? dashes)
    {
        if (dashes is null)
        {
            yield return (0, length);
            yield break;
        }

        var period = dashes[0] + dashes[1];
        for (var at = -(travelled % period); at < length; at += period)
        {
            var (start, end) = (Math.Max(0, at), Math.Min(length, at + dashes[0]));
            if (end > start)
            {
                yield return (start, end);
            }
        }
    }

    private static void Segment(
        RgbImage image, (double X, double Y) from, (double X, double Y) to, double start, double end, double half, double length, Rgb colour, PolygonFiller.Bounds clip)
    {
        var (dx, dy) = (to.X - from.X, to.Y - from.Y);
        var (nx, ny) = (-dy / length * half, dx / length * half);
        (double X, double Y) a = (from.X + (dx * start), from.Y + (dy * start)), b = (from.X + (dx * end), from.Y + (dy * end));
        PolygonFiller.Fill(
            image, [(a.X + nx, a.Y + ny), (b.X + nx, b.Y + ny), (b.X - nx, b.Y - ny), (a.X - nx, a.Y - ny)], colour, 1, clip);
    }

    private static PolygonFiller.Bounds Clip(XElement group, PolygonFiller.Bounds outer, XElement root)
    {
        if (group.Attribute("clip-path")?.Value is not { } reference)
        {
            return outer;
        }

        var id = reference["url(#".Length..^1];
        var rectangle = root.Elements().First(e => e.Attribute("id")?.Value == id).Elements().Single();
        double At(string name) => Scale * Number(rectangle, name, 0);
        return new((int)At("x"), (int)At("y"), (int)Math.Ceiling(At("x") + At("width")), (int)Math.Ceiling(At("y") + At("height")));
    }

    private static Rgb? Colour(XElement element, string name, bool otherwiseBlack) => element.Attribute(name)?.Value switch
    {
        null => otherwiseBlack ? new Rgb(0, 0, 0) : null,
        "none" => null,
        var text => ParseColour(text),
    };

    /// <summary><c>#rgb</c> or <c>#rrggbb</c>.</summary>
    public static Rgb ParseColour(string text)
    {
        var digits = text.Length == 4 ? string.Concat(text[1..].Select(c => $"{c}{c}")) : text[1..];
        var value = int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return new Rgb((byte)(value >> 16), (byte)(value >> 8), (byte)value);
    }

    public static double Number(XElement element, string name, double otherwise = double.NaN) =>
        element.Attribute(name) is { } attribute ? Parse(attribute.Value) : otherwise;

    private static double Parse(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
