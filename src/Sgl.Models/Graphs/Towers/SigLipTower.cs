namespace Sgl.Models.Graphs.Towers;

/// <summary>SigLIP without its last norm, and LLaVA's projector.</summary>
internal sealed class SigLipTower : IVisionTower
{
    public TowerOutput Build(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        long width = vision.HiddenSize, side = vision.ImageSize / vision.PatchSize, patches = side * side;
        var x = g.Op("Add", [TilePatches.Embed(g, vision, names, patches), g.Weight(names.PositionEmbedding!, patches, width)]);
        var tiles = VisionAttention.Tiles(g, vision, patches);
        var last = VisionBlocks.Build(g, g.Reshape(x, -1, width), vision, names, _ => tiles);
        long hidden = config.Language.HiddenSize;
        return new TowerOutput(last, VisionBlocks.Projector(g, last, names.Projector1, names.Projector2, width, hidden, hidden));
    }
}
