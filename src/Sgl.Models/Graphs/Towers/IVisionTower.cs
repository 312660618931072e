namespace Sgl.Models.Graphs.Towers;

/// <summary>A vision tower with its projector: one file per kind.</summary>
internal interface IVisionTower
{
    /// <summary>Writes the tower into a graph, its input <c>pixel_values</c> and those of <see cref="Inputs"/> included.</summary>
    TowerOutput Build(GraphBuilder g, VlmConfig config, VisionNames names);

    /// <summary>What an image of this grid (frame pairs, patch rows, patch columns) needs beside its pixels.</summary>
    IReadOnlyList<TowerInput> Inputs(VisionConfig config, (int T, int H, int W) grid) => [];
}

/// <summary>What a tower yields, as values of the graph.</summary>
/// <param name="LastHidden">The last block's output, [rows, width].</param>
/// <param name="Features">What replaces the placeholders' embeddings, [tokens, hidden].</param>
internal sealed record TowerOutput(string LastHidden, string Features)
{
    /// <summary>What is added behind decoder layers 0, 1, ..., each [tokens, hidden].</summary>
    public IReadOnlyList<string> DeepStack { get; init; } = [];
}
