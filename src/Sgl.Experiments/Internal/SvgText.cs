using System.Xml.Linq;
using Sgl.Vision;
using Sgl.Vision.Rendering;
using Sgl.Vision.Rendering.Internal;

namespace Sgl.Experiments.Internal;

/// <summary>Text elements in the bitmap face: anchored, with a rim, or turned by a quarter.</summary>
internal static class SvgText
{
    private const double UsualSize = 12;
    private const int Rim = 2;

    private static readonly Rgb _ink = new(0x22, 0x22, 0x22);

    /// <summary>Draws one.</summary>
    public static void Draw(RgbImage image, XElement element, int scale)
    {
        var text = element.Value;
        if (text.Length == 0)
        {
            return;
        }

        var dot = SvgRaster.Number(element, "font-size", UsualSize) >= 14 ? scale + 1 : scale;
        var width = BitmapFont.Measure(text, dot);
        var height = BitmapFont.GlyphHeight * dot;
        var (x, y) = (scale * SvgRaster.Number(element, "x"), scale * SvgRaster.Number(element, "y"));
        var before = element.Attribute("text-anchor")?.Value switch { "middle" => width / 2, "end" => width, _ => 0 };
        if (element.Attribute("transform") is not null)
        {
            Turned(image, text, dot, width, height, (int)x - height, (int)y - before);
            return;
        }

        // The y of a text is its base line.
        var (left, top) = ((int)Math.Round(x) - before, (int)Math.Round(y) - height);
        if (element.Attribute("stroke") is { } rim)
        {
            var colour = SvgRaster.ParseColour(rim.Value);
            for (var (dx, dy) = (-Rim, -Rim); dy <= Rim; (dx, dy) = dx < Rim ? (dx + 1, dy) : (-Rim, dy + 1))
            {
                BitmapFont.Draw(image, text, left + dx, top + dy, dot, colour);
            }
        }

        BitmapFont.Draw(image, text, left, top, dot, _ink);
    }

    /// <summary>Reads from bottom to top; the anchor is the middle.</summary>
    private static void Turned(RgbImage image, string text, int dot, int width, int height, int left, int top)
    {
        var flat = RgbImage.Create(width, height);
        BitmapFont.Draw(flat, text, 0, 0, dot, new Rgb(255, 255, 255));
        for (var y = 0; y < height; y++)
        {
            var row = flat.Row(y);
            for (var x = 0; x < width; x++)
            {
                var (toX, toY) = (left + y, top + width - 1 - x);
                if (row[3 * x] > 0 && toX >= 0 && toX < image.Width && toY >= 0 && toY < image.Height)
                {
                    var pixel = image.Row(toY).Slice(3 * toX, 3);
                    (pixel[0], pixel[1], pixel[2]) = (_ink.Red, _ink.Green, _ink.Blue);
                }
            }
        }
    }
}
