using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs.Towers;

/// <summary>Qwen2.5-VL's tower: most blocks attend inside windows, some to the whole image.</summary>
internal sealed class Qwen25VlTower : IVisionTower
{
    public TowerOutput Build(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        var grid = new PatchGrid(g, vision, names);
        var whole = grid.Rotated(VisionAttention.Whole(g, vision));
        var windows = grid.Rotated(VisionAttention.Windows(
            g, vision, g.Input("window_rows", E.Int64, "windows", "window"), g.Input("window_lengths", E.Int32, "windows"), g.Input("window_slots", E.Int64, "patches")));
        var last = VisionBlocks.Build(g, grid.Patches, vision, names, block => vision.FullAttentionBlocks.Contains(block) ? whole : windows);
        return new TowerOutput(last, grid.Merge(last, config, names));
    }

    public IReadOnlyList<TowerInput> Inputs(VisionConfig config, (int T, int H, int W) grid)
    {
        var windows = VisionWindows.Of(grid, config.MergeSize, config.WindowTokens);
        return
        [
            .. PatchGrid.Inputs(config, grid),
            new TowerInput.Rows("window_rows", [windows.Lengths.Length, windows.Longest], windows.Rows),
            new TowerInput.Lengths("window_lengths", [windows.Lengths.Length], windows.Lengths),
            new TowerInput.Rows("window_slots", [windows.Slots.Length], windows.Slots),
        ];
    }
}
