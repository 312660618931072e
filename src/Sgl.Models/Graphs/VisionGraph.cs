using Sgl.Models.Graphs;
using Sgl.Models.Graphs.Towers;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Models;

/// <summary>
/// Vision tower and projector. Output <c>features</c> float32 [visual tokens, <see cref="VlmConfig.FeatureWidth"/>] in token order, and
/// <c>last_hidden</c>, the tower's own output before merging, for verification.
/// </summary>
/// <remarks>
/// Towers over tiles: <c>pixel_values</c> float32 [tiles, 3, s, s].
/// Towers over patches: <c>pixel_values</c> float32 [patches, 3 * 2 * p * p] of one image, and what <see cref="Inputs"/> gives for its grid.
/// </remarks>
public static class VisionGraph
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">Model configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="arithmetic">Compute type, and formats of the linear layers.</param>
    public static ComputeGraph Build(VlmConfig config, VisionNames names, GraphArithmetic arithmetic)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(names);
        var g = new GraphBuilder("vision", arithmetic);
        var output = Tower(config.Vision).Build(g, config, names);
        g.Output(g.ToFloat(output.LastHidden), "last_hidden", E.Float, "rows", config.Vision.HiddenSize);
        var features = output.DeepStack.Count == 0
            ? output.Features
            : g.Op("Concat", [output.Features, .. output.DeepStack], GraphBuilder.Attr("axis", 1L));
        g.Output(g.ToFloat(features), "features", E.Float, "tokens", config.FeatureWidth);
        return g.Build();
    }

    /// <summary>What the graph is fed for an image beside its pixels; nothing for towers over tiles.</summary>
    /// <param name="config">Tower.</param>
    /// <param name="grid">The image's frame pairs, patch rows and patch columns.</param>
    public static IReadOnlyList<TowerInput> Inputs(VisionConfig config, (int T, int H, int W) grid)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Tower(config).Inputs(config, grid);
    }

    private static IVisionTower Tower(VisionConfig config) => config.Architecture switch
    {
        VisionArchitecture.InternVit => new InternVitTower(),
        VisionArchitecture.SigLip => new SigLipTower(),
        VisionArchitecture.Qwen2Vl => new Qwen2VlTower(),
        VisionArchitecture.Qwen25Vl => new Qwen25VlTower(),
        VisionArchitecture.Qwen3Vl => new Qwen3VlTower(),
        _ => throw new ArgumentOutOfRangeException(nameof(config)),
    };
}
