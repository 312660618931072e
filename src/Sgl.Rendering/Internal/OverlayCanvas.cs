using Sgl.Vision;

namespace Sgl.Rendering.Internal;

/// <summary>
/// The arrangement of an overlay: the image with the tokens of its tiles, and beside or on it the thumbnail with its own. What is
/// drawn on each view is the caller's matter.
/// </summary>
internal static class OverlayCanvas
{
    private const double BorderShare = 0.7;

    public static RgbImage Draw(RgbImage image, VisualLayout layout, OverlayOptions options, Action<OverlayView> draw)
    {
        if (image.Width != layout.ImageWidth || image.Height != layout.ImageHeight)
        {
            throw new ArgumentException(
                $"The layout is for {layout.ImageWidth} x {layout.ImageHeight} pixels, the image has {image.Width} x {image.Height}.",
                nameof(layout));
        }

        // A view that is all there is (one tile, several-image mode) is the picture itself.
        var overviews = layout.Tiles.Where(t => t.Kind is TileKind.Thumbnail or TileKind.Base).ToList();
        var details = layout.Tiles.Where(t => t.Kind is not (TileKind.Thumbnail or TileKind.Base) && t.ImageColumns > 0).ToList();
        if (details.Count == 0)
        {
            (details, overviews) = (overviews, []);
        }

        var picture = DrawView(image, layout, details, options.PictureSide, options, draw);
        if (overviews.Count == 0 || options.Thumbnail == ThumbnailPlacement.Hidden)
        {
            return picture;
        }

        var side = Math.Max(1, (int)(options.PictureSide * options.ThumbnailShare));
        var overview = DrawView(image, layout, overviews, side, options, draw);
        return options.Thumbnail == ThumbnailPlacement.Corner
            ? InCorner(picture, overview, options)
            : Beside(picture, overview, options);
    }

    private static RgbImage DrawView(
        RgbImage image, VisualLayout layout, List<VisualTile> tiles, int side, OverlayOptions options, Action<OverlayView> draw)
    {
        var scale = (double)side / Math.Max(image.Width, image.Height);
        int width = Math.Max(1, (int)Math.Round(image.Width * scale)), height = Math.Max(1, (int)Math.Round(image.Height * scale));
        var resized = PillowResampler.Resize(image, width, height, ResampleFilter.Lanczos);
        var canvas = ReferenceEquals(resized, image) ? image.Crop(0, 0, width, height) : resized;
        var view = new OverlayView(canvas, layout, tiles, (double)width / image.Width, (double)height / image.Height);
        draw(view);
        if (options.TileBorders)
        {
            DrawInnerBorders(view, tiles, options);
        }

        return canvas;
    }

    private static void DrawInnerBorders(OverlayView view, List<VisualTile> tiles, OverlayOptions options)
    {
        const int Thickness = 2;
        foreach (var edge in tiles.Select(t => t.X).Where(x => x > 0).Distinct())
        {
            var (x, _, _, _) = view.Pixels(edge, 0, 0, 0);
            Paint.Blend(view.Canvas, x - (Thickness / 2), 0, Thickness, view.Canvas.Height, options.TileBorder, BorderShare, 1);
        }

        foreach (var edge in tiles.Select(t => t.Y).Where(y => y > 0).Distinct())
        {
            var (_, y, _, _) = view.Pixels(0, edge, 0, 0);
            Paint.Blend(view.Canvas, 0, y - (Thickness / 2), view.Canvas.Width, Thickness, options.TileBorder, BorderShare, 1);
        }
    }

    private static RgbImage InCorner(RgbImage picture, RgbImage overview, OverlayOptions options)
    {
        const int Frame = 3;
        int x = 0, y = Math.Max(0, picture.Height - overview.Height - Frame);
        Paint.Fill(picture, x, y, overview.Width + Frame, overview.Height + Frame, options.Background);
        picture.Paste(overview, x, picture.Height - overview.Height);
        return picture;
    }

    private static RgbImage Beside(RgbImage picture, RgbImage overview, OverlayOptions options)
    {
        var gap = Math.Max(4, options.PictureSide / 64);
        var canvas = Paint.Canvas(
            overview.Width + gap + picture.Width, Math.Max(picture.Height, overview.Height), options.Background);
        canvas.Paste(overview, 0, 0);
        canvas.Paste(picture, overview.Width + gap, 0);
        return canvas;
    }
}
