namespace Sgl.Models;

/// <summary>
/// Where Qwen3-VL's patches lie in its square position table: the grid is stretched over the table, corner on corner,
/// and each patch takes the weighted sum of the four rows around its place.
/// </summary>
internal sealed class InterpolatedPositions
{
    /// <summary>Table rows per patch.</summary>
    public const int Corners = 4;

    private InterpolatedPositions(long[] rows, float[] weights)
    {
        Rows = rows;
        Weights = weights;
    }

    /// <summary>Row of the table, [<see cref="Corners"/>, patches]: upper left, upper right, lower left, lower right.</summary>
    public long[] Rows { get; }

    /// <summary>Its weight, [<see cref="Corners"/>, patches].</summary>
    public float[] Weights { get; }

    /// <summary>Places an image's patches, in the order of the merge blocks, repeated for every frame pair.</summary>
    /// <param name="grid"><c>image_grid_thw</c>: frame pairs, patch rows, patch columns; rows and columns are multiples of the merge size.</param>
    /// <param name="merge">Side of a merged token in patches.</param>
    /// <param name="side">Side of the table.</param>
    public static InterpolatedPositions Of((int T, int H, int W) grid, int merge, int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(merge, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        if (grid.T < 1 || grid.H < 1 || grid.W < 1 || grid.H % merge != 0 || grid.W % merge != 0)
        {
            throw new ArgumentException($"A grid of {grid.T} x {grid.H} x {grid.W} patches is not made of {merge} x {merge} blocks.", nameof(grid));
        }

        int blockColumns = grid.W / merge, perBlock = merge * merge, perFrame = grid.H * grid.W, patches = grid.T * perFrame;
        var (down, across) = (Places(grid.H, side), Places(grid.W, side));
        var rows = new long[Corners * patches];
        var weights = new float[rows.Length];
        for (var patch = 0; patch < patches; patch++)
        {
            var (block, inBlock) = Math.DivRem(patch % perFrame, perBlock);
            var y = down[(block / blockColumns * merge) + (inBlock / merge)];
            var x = across[(block % blockColumns * merge) + (inBlock % merge)];
            for (var corner = 0; corner < Corners; corner++)
            {
                var (lower, right) = (corner / 2 == 1, corner % 2 == 1);
                var at = (corner * patches) + patch;
                rows[at] = ((lower ? y.Next : y.Index) * side) + (right ? x.Next : x.Index);
                weights[at] = (lower ? y.Fraction : 1 - y.Fraction) * (right ? x.Fraction : 1 - x.Fraction);
            }
        }

        return new InterpolatedPositions(rows, weights);
    }

    /// <summary><c>count</c> places from 0 to side - 1, both included, counted from the nearer end in float32 as the reference does.</summary>
    private static (int Index, int Next, float Fraction)[] Places(int count, int side)
    {
        var places = new (int, int, float)[count];
        var last = side - 1f;
        var step = count > 1 ? last / (count - 1) : 0;
        for (var i = 0; i < count; i++)
        {
            var place = i < count / 2 || count == 1 ? step * i : last - (step * (count - 1 - i));
            var index = (int)place;
            places[i] = (index, Math.Min(index + 1, side - 1), place - index);
        }

        return places;
    }
}
