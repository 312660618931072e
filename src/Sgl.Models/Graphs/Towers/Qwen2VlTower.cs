namespace Sgl.Models.Graphs.Towers;

/// <summary>Qwen2-VL's tower: attention is full inside the image.</summary>
internal sealed class Qwen2VlTower : IVisionTower
{
    public TowerOutput Build(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var grid = new PatchGrid(g, config.Vision, names);
        var whole = grid.Rotated(VisionAttention.Whole(g, config.Vision));
        var last = VisionBlocks.Build(g, grid.Patches, config.Vision, names, _ => whole);
        return new TowerOutput(last, grid.Merge(last, config, names));
    }

    public IReadOnlyList<TowerInput> Inputs(VisionConfig config, (int T, int H, int W) grid) => PatchGrid.Inputs(config, grid);
}
