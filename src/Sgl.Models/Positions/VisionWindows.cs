namespace Sgl.Models;

/// <summary>
/// Qwen2.5-VL's attention windows: squares of merged tokens, cut off at the right and lower edge. A window is a row of
/// slots for patches; the slots behind its last patch repeat its first, and are to be masked.
/// </summary>
internal sealed class VisionWindows
{
    private VisionWindows(int longest, long[] rows, int[] lengths, long[] slots)
    {
        Longest = longest;
        Rows = rows;
        Lengths = lengths;
        Slots = slots;
    }

    /// <summary>Slots of each window: patches of the largest one.</summary>
    public int Longest { get; }

    /// <summary>Patch in each slot, [windows, <see cref="Longest"/>]; patches are numbered in the order of the merge blocks.</summary>
    public long[] Rows { get; }

    /// <summary>Patches of each window; windows row-major, frame by frame.</summary>
    public int[] Lengths { get; }

    /// <summary>Slot of each patch, [patches].</summary>
    public long[] Slots { get; }

    /// <summary>Cuts an image into windows.</summary>
    /// <param name="grid"><c>image_grid_thw</c>: frame pairs, patch rows, patch columns; rows and columns are multiples of the merge size.</param>
    /// <param name="merge">Side of a merged token in patches.</param>
    /// <param name="side">Side of a window in merged tokens.</param>
    public static VisionWindows Of((int T, int H, int W) grid, int merge, int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(merge, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        if (grid.T < 1 || grid.H < 1 || grid.W < 1 || grid.H % merge != 0 || grid.W % merge != 0)
        {
            throw new ArgumentException($"A grid of {grid.T} x {grid.H} x {grid.W} patches is not made of {merge} x {merge} blocks.", nameof(grid));
        }

        int blockRows = grid.H / merge, blockColumns = grid.W / merge, perBlock = merge * merge;
        int windowRows = (blockRows + side - 1) / side, windowColumns = (blockColumns + side - 1) / side, windows = grid.T * windowRows * windowColumns;
        var longest = Math.Min(side, blockRows) * Math.Min(side, blockColumns) * perBlock;
        var rows = new long[(long)windows * longest];
        var lengths = new int[windows];
        var slots = new long[(long)grid.T * grid.H * grid.W];
        for (var patch = 0; patch < slots.Length; patch++)
        {
            var (frame, block) = Math.DivRem(patch / perBlock, blockRows * blockColumns);
            var (row, column) = Math.DivRem(block, blockColumns);
            var window = (((frame * windowRows) + (row / side)) * windowColumns) + (column / side);
            var slot = ((long)window * longest) + lengths[window]++;
            rows[slot] = patch;
            slots[patch] = slot;
        }

        for (var window = 0; window < windows; window++)
        {
            var slotsOfWindow = rows.AsSpan(window * longest, longest);
            slotsOfWindow[lengths[window]..].Fill(slotsOfWindow[0]);
        }

        return new VisionWindows(longest, rows, lengths, slots);
    }
}
