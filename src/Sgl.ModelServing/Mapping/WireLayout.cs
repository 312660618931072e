using Sgl.Inference;
using Sgl.Models;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>A prepared prompt as its clients see it.</summary>
public static class WireLayout
{
    /// <summary>What a tile is.</summary>
    public static EnumMap<TileKind, Wire.TileKind> Kinds { get; } = new(
        (TileKind.Tile, Wire.TileKind.Tile),
        (TileKind.Thumbnail, Wire.TileKind.Thumbnail),
        (TileKind.Base, Wire.TileKind.Base),
        (TileKind.Packed, Wire.TileKind.Packed),
        (TileKind.Image, Wire.TileKind.Image));

    /// <summary>Which visual token shows which part of which image.</summary>
    /// <param name="prompt">The prepared prompt, images in prompt order.</param>
    /// <param name="headers">Of the request's images, in its order.</param>
    /// <param name="limits">How they were decoded.</param>
    /// <param name="visualLayoutKey">Of the model under these limits.</param>
    /// <param name="digest">Of the input.</param>
    public static Wire.PromptLayout From(
        PreparedPrompt prompt, IReadOnlyList<ImageHeader> headers, RequestLimits limits, string visualLayoutKey, Wire.InputDigest digest)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(headers);
        ArgumentNullException.ThrowIfNull(limits);
        var layout = new Wire.PromptLayout
        {
            VisualTokenCount = prompt.VisualTokenCount,
            PromptTokenCount = prompt.Ids.Length,
            VisualLayoutKey = visualLayoutKey,
            Digest = digest,
        };
        var first = 0;
        for (var i = 0; i < prompt.Images.Count; i++)
        {
            var image = Image(prompt.Images[i], prompt.Spans[i].ImageIndex, first);
            var header = headers[image.ImageIndex];
            image.PageCount = header.PageCount;
            image.AppliedOrientation = limits.ApplyExifOrientation ? header.Orientation : 1;
            layout.Images.Add(image);
            first += prompt.Images[i].Layout.TokenCount;
        }

        return layout;
    }

    private static Wire.VisualLayout Image(VisualInput input, int imageIndex, int firstToken)
    {
        var layout = input.Layout;
        var wire = new Wire.VisualLayout
        {
            ImageIndex = imageIndex,
            Width = layout.ImageWidth,
            Height = layout.ImageHeight,
            FirstToken = firstToken,
            TokenCount = layout.TokenCount,
        };
        wire.Tiles.AddRange(layout.Tiles.Select(tile => new Wire.VisualTile
        {
            Kind = Kinds.From(tile.Kind),
            FirstToken = firstToken + tile.FirstToken,
            RowCount = tile.Rows,
            ColumnCount = tile.ImageColumns,
            NewlineColumnCount = tile.NewlineColumns,
            Area = new Wire.Rectangle { Left = tile.X, Top = tile.Y, Width = tile.Width, Height = tile.Height },
        }));
        if (input.Packed is { } packed)
        {
            var (rows, columns) = FeaturePacking.ViewBorders(packed);
            var grid = wire.Tiles.Single(t => t.Kind == Wire.TileKind.Packed);
            grid.ViewRows.AddRange(rows);
            grid.ViewColumns.AddRange(columns);
        }

        return wire;
    }
}
