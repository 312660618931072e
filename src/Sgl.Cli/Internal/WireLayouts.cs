using Sgl.Vision;

namespace Sgl.Cli.Internal;

/// <summary>The contract's layout as the one that pictures are drawn from.</summary>
internal static class WireLayouts
{
    /// <summary>One image; tokens counted from the image's first.</summary>
    public static VisualLayout ToVision(Wire.VisualLayout layout) => new(
        layout.Width,
        layout.Height,
        [.. layout.Tiles.Select((tile, i) => new VisualTile(
            i,
            Kind(tile.Kind),
            tile.FirstToken - layout.FirstToken,
            tile.RowCount,
            tile.ColumnCount + tile.NewlineColumnCount,
            tile.Area.Left,
            tile.Area.Top,
            tile.Area.Width,
            tile.Area.Height) { NewlineColumns = tile.NewlineColumnCount })]);

    private static TileKind Kind(Wire.TileKind kind) => kind switch
    {
        Wire.TileKind.Tile => TileKind.Tile,
        Wire.TileKind.Thumbnail => TileKind.Thumbnail,
        Wire.TileKind.Base => TileKind.Base,
        Wire.TileKind.Packed => TileKind.Packed,
        Wire.TileKind.Image => TileKind.Image,
        _ => throw new CliException($"the router's layout has a tile of kind {kind}, which this program does not know"),
    };
}
