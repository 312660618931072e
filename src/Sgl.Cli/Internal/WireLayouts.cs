using Sgl.ModelServing;
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
            WireLayout.Kinds.To(tile.Kind) ?? throw new CliException($"the router's layout has a tile of kind {tile.Kind}, which this program does not know"),
            tile.FirstToken - layout.FirstToken,
            tile.RowCount,
            tile.ColumnCount + tile.NewlineColumnCount,
            tile.Area.Left,
            tile.Area.Top,
            tile.Area.Width,
            tile.Area.Height) { NewlineColumns = tile.NewlineColumnCount })]);
}
