namespace Sgl.Models.Graphs.Towers;

/// <summary>InternViT with pixel shuffle and <c>mlp1</c>.</summary>
internal sealed class InternVitTower : IVisionTower
{
    private const float ProjectorNormEps = 1e-5f;

    public TowerOutput Build(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        long width = vision.HiddenSize, side = vision.ImageSize / vision.PatchSize, patches = side * side;
        var x = TilePatches.Embed(g, vision, names, patches);
        var images = g.Slice(g.Op("Shape", [x]), 0, 0, 1);
        var classToken = g.Op("Expand", [g.Weight(names.ClassEmbedding!, 1, 1, width), g.Op("Concat", [images, g.Ints(1, width)], GraphBuilder.Attr("axis", 0L))]);
        x = g.Op("Concat", [classToken, x], GraphBuilder.Attr("axis", 1L));
        x = g.Op("Add", [x, g.Weight(names.PositionEmbedding!, 1, patches + 1, width)]);
        var tiles = VisionAttention.Tiles(g, vision, patches + 1);
        var last = VisionBlocks.Build(g, g.Reshape(x, -1, width), vision, names, _ => tiles);

        // Pixel shuffle: a square of merge x merge patches becomes one token, row-major in the square.
        long merge = vision.MergeSize, half = side / merge;
        var grid = g.Slice(g.Reshape(last, -1, patches + 1, width), 1, 1, patches + 1);
        grid = g.Reshape(grid, -1, half, merge, half, merge * width);
        grid = vision.TransposedShuffle ? g.Transpose(grid, 0, 3, 1, 2, 4) : g.Transpose(grid, 0, 1, 3, 2, 4);
        long merged = merge * merge * width;
        var normed = g.Norm(g.Reshape(grid, -1, merged), names.ProjectorNorm!, merged, ProjectorNormEps);
        long hidden = config.Language.HiddenSize;
        return new TowerOutput(last, VisionBlocks.Projector(g, normed, names.Projector1, names.Projector2, merged, hidden, hidden));
    }
}
