using Sgl.Rendering.Internal;
using Sgl.Vision;

namespace Sgl.Rendering;

/// <summary>Pictures of visual tokens: which were kept (the paper's Figure 5) and how important each is.</summary>
public static class TokenOverlay
{
    /// <summary>The image with dropped tokens dimmed, kept ones as they are inside an outline, and the borders of the tiles.</summary>
    /// <param name="image">The original image.</param>
    /// <param name="layout">Its layout.</param>
    /// <param name="kept">[tokens] of the layout, true where kept. Newline tokens are not drawn.</param>
    /// <param name="options">Sizes and colours.</param>
    /// <exception cref="ArgumentException">Image, layout and mask do not fit each other.</exception>
    public static RgbImage KeptTokens(RgbImage image, VisualLayout layout, ReadOnlySpan<bool> kept, OverlayOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(layout);
        CheckLength(kept.Length, layout, nameof(kept));
        options ??= new OverlayOptions();
        var mask = kept.ToArray();
        return OverlayCanvas.Draw(image, layout, options, view =>
        {
            foreach (var (place, x, y, width, height) in view.Cells())
            {
                if (!mask[place.Token])
                {
                    Paint.Blend(view.Canvas, x, y, width, height, options.Dimmed, options.Dimming, 0.25);
                }
            }

            OutlineKept(view, mask, options);
        });
    }

    /// <summary>
    /// The image under a colour map of importance (violet low, yellow high), and a scale below it. Importance is drawn as its square
    /// root relative to the 99.5th percentile: a few tokens hold most of it.
    /// </summary>
    /// <param name="image">The original image.</param>
    /// <param name="layout">Its layout.</param>
    /// <param name="importance">[tokens] of the layout, not negative; not-a-number counts as 0.</param>
    /// <param name="options">Sizes and colours.</param>
    /// <exception cref="ArgumentException">Image, layout and importance do not fit each other.</exception>
    public static RgbImage HeatMap(
        RgbImage image, VisualLayout layout, ReadOnlySpan<float> importance, OverlayOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(layout);
        CheckLength(importance.Length, layout, nameof(importance));
        options ??= new OverlayOptions();
        var levels = Levels(importance, layout);
        var heat = OverlayCanvas.Draw(image, layout, options, view =>
        {
            foreach (var (place, x, y, width, height) in view.Cells())
            {
                Paint.Tint(view.Canvas, x, y, width, height, ColourMap.At(levels[place.Token]));
            }
        });
        return WithScale(heat, options);
    }

    /// <summary>Panels in rows, each with its caption below.</summary>
    /// <param name="panels">Pictures and captions (ASCII).</param>
    /// <param name="columns">Panels in a row, at least 1.</param>
    /// <exception cref="ArgumentException">There are no panels.</exception>
    public static RgbImage Grid(IReadOnlyList<(RgbImage Image, string Caption)> panels, int columns)
    {
        ArgumentNullException.ThrowIfNull(panels);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        if (panels.Count == 0)
        {
            throw new ArgumentException("A grid needs panels.", nameof(panels));
        }

        var options = new OverlayOptions();
        columns = Math.Min(columns, panels.Count);
        var rows = (panels.Count + columns - 1) / columns;
        int width = panels.Max(p => p.Image.Width), height = panels.Max(p => p.Image.Height);
        var textScale = TextScale(width);
        int gap = 6 * textScale, caption = (BitmapFont.GlyphHeight * textScale) + gap;
        var canvas = Paint.Canvas(
            (columns * (width + gap)) + gap, (rows * (height + gap + caption)) + gap, options.Background);
        for (var i = 0; i < panels.Count; i++)
        {
            var (row, column) = Math.DivRem(i, columns);
            int x = gap + (column * (width + gap)), y = gap + (row * (height + gap + caption));
            var (picture, text) = panels[i];
            canvas.Paste(picture, x + ((width - picture.Width) / 2), y + ((height - picture.Height) / 2));
            var left = x + ((width - BitmapFont.Measure(text, textScale)) / 2);
            BitmapFont.Draw(canvas, text, left, y + height + gap, textScale, options.Text);
        }

        return canvas;
    }

    /// <summary>Lines only where a kept token borders on a dropped one, so that kept areas stay readable.</summary>
    private static void OutlineKept(OverlayView view, bool[] kept, OverlayOptions options)
    {
        var thickness = Math.Max(1, view.Canvas.Width / 450);
        foreach (var (place, x, y, width, height) in view.Cells())
        {
            if (!kept[place.Token])
            {
                continue;
            }

            if (!IsKept(place.Row - 1, place.Column))
            {
                Paint.Fill(view.Canvas, x, y, width, thickness, options.Outline);
            }

            if (!IsKept(place.Row + 1, place.Column))
            {
                Paint.Fill(view.Canvas, x, y + height - thickness, width, thickness, options.Outline);
            }

            if (!IsKept(place.Row, place.Column - 1))
            {
                Paint.Fill(view.Canvas, x, y, thickness, height, options.Outline);
            }

            if (!IsKept(place.Row, place.Column + 1))
            {
                Paint.Fill(view.Canvas, x + width - thickness, y, thickness, height, options.Outline);
            }

            bool IsKept(int row, int column)
            {
                var tile = place.Tile;
                return row >= 0 && row < tile.Rows && column >= 0 && column < tile.ImageColumns
                    && kept[tile.FirstToken + (row * tile.Columns) + column];
            }
        }
    }

    private static double[] Levels(ReadOnlySpan<float> importance, VisualLayout layout)
    {
        var levels = new double[importance.Length];
        var sorted = new List<double>(importance.Length);
        for (var i = 0; i < levels.Length; i++)
        {
            levels[i] = float.IsFinite(importance[i]) ? Math.Max(importance[i], 0) : 0;
            if (!layout.Locate(i).IsNewline)
            {
                sorted.Add(levels[i]);
            }
        }

        sorted.Sort();
        var top = sorted.Count == 0 ? 0 : sorted[(int)((sorted.Count - 1) * 0.995)];
        top = top == 0 && sorted.Count > 0 ? sorted[^1] : top;
        for (var i = 0; i < levels.Length; i++)
        {
            levels[i] = top > 0 ? Math.Min(1, Math.Sqrt(levels[i] / top)) : 0;
        }

        return levels;
    }

    private static RgbImage WithScale(RgbImage picture, OverlayOptions options)
    {
        var textScale = TextScale(picture.Width);
        int gap = 4 * textScale, bar = BitmapFont.GlyphHeight * textScale;
        var canvas = Paint.Canvas(picture.Width, picture.Height + gap + bar, options.Background);
        canvas.Paste(picture, 0, 0);
        const string Low = "low", High = "high";
        int left = BitmapFont.Measure(Low, textScale) + gap, right = picture.Width - BitmapFont.Measure(High, textScale) - gap;
        BitmapFont.Draw(canvas, Low, 0, picture.Height + gap, textScale, options.Text);
        BitmapFont.Draw(canvas, High, right + gap, picture.Height + gap, textScale, options.Text);
        for (var x = left; x < right; x++)
        {
            Paint.Fill(canvas, x, picture.Height + gap, 1, bar, ColourMap.At((double)(x - left) / Math.Max(1, right - left - 1)));
        }

        return canvas;
    }

    private static int TextScale(int width) => Math.Clamp(width / 220, 1, 3);

    private static void CheckLength(int length, VisualLayout layout, string name)
    {
        if (length != layout.TokenCount)
        {
            throw new ArgumentException($"There are {length} values for {layout.TokenCount} visual tokens.", name);
        }
    }
}
