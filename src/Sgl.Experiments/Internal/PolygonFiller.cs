using Sgl.Vision;
using Sgl.Vision.Rendering;

namespace Sgl.Experiments.Internal;

/// <summary>Fills polygons by the even-odd rule with soft edges: four by four samples a pixel.</summary>
internal static class PolygonFiller
{
    private const int Samples = 4;

    /// <summary>Pixels that may be touched; right and bottom are exclusive.</summary>
    public readonly record struct Bounds(int Left, int Top, int Right, int Bottom);

    /// <summary>Fills a polygon.</summary>
    public static void Fill(RgbImage image, (double X, double Y)[] points, Rgb colour, double opacity, Bounds clip)
    {
        var left = Math.Max(Math.Max(clip.Left, 0), (int)Math.Floor(points.Min(p => p.X)));
        var right = Math.Min(Math.Min(clip.Right, image.Width), (int)Math.Ceiling(points.Max(p => p.X)));
        var top = Math.Max(Math.Max(clip.Top, 0), (int)Math.Floor(points.Min(p => p.Y)));
        var bottom = Math.Min(Math.Min(clip.Bottom, image.Height), (int)Math.Ceiling(points.Max(p => p.Y)));
        if (left >= right || top >= bottom)
        {
            return;
        }

        var covered = new int[right - left];
        var crossings = new List<double>();
        for (var y = top; y < bottom; y++)
        {
            Array.Clear(covered);
            for (var sample = 0; sample < Samples; sample++)
            {
                Crossings(points, y + ((sample + 0.5) / Samples), crossings);
                for (var i = 0; i + 1 < crossings.Count; i += 2)
                {
                    Cover(covered, (crossings[i] - left) * Samples, (crossings[i + 1] - left) * Samples);
                }
            }

            var row = image.Row(y);
            for (var x = 0; x < covered.Length; x++)
            {
                Blend(row.Slice(3 * (left + x), 3), colour, opacity * covered[x] / (Samples * Samples));
            }
        }
    }

    private static void Crossings((double X, double Y)[] points, double y, List<double> crossings)
    {
        crossings.Clear();
        for (var i = 0; i < points.Length; i++)
        {
            var (a, b) = (points[i], points[(i + 1) % points.Length]);
            if (a.Y <= y != b.Y <= y)
            {
                crossings.Add(a.X + ((y - a.Y) / (b.Y - a.Y) * (b.X - a.X)));
            }
        }

        crossings.Sort();
    }

    /// <summary>Counts the samples whose middle lies between two places, both in sample widths.</summary>
    private static void Cover(int[] covered, double from, double to)
    {
        var last = Math.Min((covered.Length * Samples) - 1, (int)Math.Ceiling(to - 0.5) - 1);
        for (var sample = Math.Max(0, (int)Math.Ceiling(from - 0.5)); sample <= last; sample++)
        {
            covered[sample / Samples]++;
        }
    }

    private static void Blend(Span<byte> pixel, Rgb colour, double share)
    {
        if (share > 0)
        {
            pixel[0] = Mix(pixel[0], colour.Red, share);
            pixel[1] = Mix(pixel[1], colour.Green, share);
            pixel[2] = Mix(pixel[2], colour.Blue, share);
        }
    }

    private static byte Mix(byte below, byte above, double share) => (byte)Math.Round(below + ((above - below) * share));
}
