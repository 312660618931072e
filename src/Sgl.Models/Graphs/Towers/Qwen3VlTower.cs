using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models.Graphs.Towers;

/// <summary>Qwen3-VL's tower: an interpolated position table beside the rotary embedding, and DeepStack.</summary>
internal sealed class Qwen3VlTower : IVisionTower
{
    public TowerOutput Build(GraphBuilder g, VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        var grid = new PatchGrid(g, vision, names);
        var x = g.Op("Add", [grid.Patches, Positions(g, vision, names)]);
        var whole = grid.Rotated(VisionAttention.Whole(g, vision));
        var deepStack = new List<string>();
        var last = VisionBlocks.Build(
            g,
            x,
            vision,
            names,
            _ => whole,
            (block, output) =>
            {
                // Running order decides which decoder layer it goes to, the place in the list which merger it takes.
                for (var j = 0; j < vision.DeepStackBlocks.Count; j++)
                {
                    if (vision.DeepStackBlocks[j] == block)
                    {
                        deepStack.Add(DeepStack(g, output, config, grid.Merged, names.DeepStack[j]));
                    }
                }
            });
        return new TowerOutput(last, grid.Merge(last, config, names)) { DeepStack = deepStack };
    }

    public IReadOnlyList<TowerInput> Inputs(VisionConfig config, (int T, int H, int W) grid)
    {
        var table = InterpolatedPositions.Of(grid, config.MergeSize, config.PositionSide);
        long patches = table.Rows.Length / InterpolatedPositions.Corners;
        return
        [
            .. PatchGrid.Inputs(config, grid),
            new TowerInput.Rows("position_rows", [InterpolatedPositions.Corners, patches], table.Rows),
            new TowerInput.Floats("position_weights", [InterpolatedPositions.Corners, patches, 1], table.Weights),
        ];
    }

    /// <summary>Four rows of the table per patch, weighted, [patches, width].</summary>
    private static string Positions(GraphBuilder g, VisionConfig vision, VisionNames names)
    {
        var rows = g.Input("position_rows", E.Int64, InterpolatedPositions.Corners, "patches");
        var weights = g.ToCompute(g.Input("position_weights", E.Float, InterpolatedPositions.Corners, "patches", 1));
        var table = g.Weight(names.PositionEmbedding!, (long)vision.PositionSide * vision.PositionSide, vision.HiddenSize);
        string Corner(long c) => g.Op(
            "Mul",
            [
                g.Op("Gather", [table, g.Op("Squeeze", [g.Slice(rows, 0, c, c + 1), g.Ints(0)])], GraphBuilder.Attr("axis", 0L)),
                g.Op("Squeeze", [g.Slice(weights, 0, c, c + 1), g.Ints(0)]),
            ]);
        var sum = Corner(0);
        for (var c = 1; c < InterpolatedPositions.Corners; c++)
        {
            sum = g.Op("Add", [sum, Corner(c)]);
        }

        return sum;
    }

    /// <summary>The patches of a merge block side by side, norm over all of them, linear, GELU, linear.</summary>
    private static string DeepStack(GraphBuilder g, string x, VlmConfig config, long merged, MergerNames names)
    {
        var normed = g.Norm(g.Reshape(x, -1, merged), names.Norm, merged, config.Vision.NormEps);
        return VisionBlocks.Projector(g, normed, names.First, names.Second, merged, merged, config.Language.HiddenSize);
    }
}
