namespace Sgl.Vision;

/// <summary>Which visual token of an image shows which part of it. Tiles follow each other without gaps.</summary>
/// <param name="ImageWidth">Width of the original image in pixels.</param>
/// <param name="ImageHeight">Height of the original image in pixels.</param>
/// <param name="Tiles">In the order of their tokens.</param>
public sealed record VisualLayout(int ImageWidth, int ImageHeight, IReadOnlyList<VisualTile> Tiles)
{
    /// <summary>Visual tokens of the image.</summary>
    public int TokenCount => Tiles.Count == 0 ? 0 : Tiles[^1].FirstToken + Tiles[^1].TokenCount;

    /// <summary>Finds a token's place.</summary>
    /// <param name="token">0 to <see cref="TokenCount"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public VisualTokenPlace Locate(int token)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, TokenCount);
        int low = 0, high = Tiles.Count - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (Tiles[middle].FirstToken <= token)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        var tile = Tiles[low];
        var (row, column) = Math.DivRem(token - tile.FirstToken, tile.Columns);
        var isNewline = column >= tile.ImageColumns;

        // Edges, not steps: neighbours then share theirs exactly and none leaves the image through rounding.
        double y = Edge(tile.Y, tile.Height, row, tile.Rows), bottom = Edge(tile.Y, tile.Height, row + 1, tile.Rows);
        var x = isNewline ? tile.X + tile.Width : Edge(tile.X, tile.Width, column, tile.ImageColumns);
        var right = isNewline ? x : Edge(tile.X, tile.Width, column + 1, tile.ImageColumns);
        return new VisualTokenPlace(token, tile, row, column, x, y, right - x, bottom - y, isNewline);
    }

    private static double Edge(double start, double length, int index, int count) => start + (length * index / count);
}
