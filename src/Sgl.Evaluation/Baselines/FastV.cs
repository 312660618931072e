using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>FastV (Chen et al. 2024): the large model prunes by its own attention, without a small one.</summary>
public static class FastV
{
    /// <summary>
    /// Importance as FastV takes it: the last prompt row of the layer before the prune layer. The sum over heads here and FastV's mean rank the tokens alike.
    /// </summary>
    /// <param name="pruneLayer">K, at least 1: layer K-1 is read.</param>
    /// <exception cref="GuidanceException">There is no layer before it.</exception>
    public static ImportanceOptions Importance(int pruneLayer) => pruneLayer >= 1
        ? new ImportanceOptions { Source = ImportanceSource.LastPrompt, SingleLayer = pruneLayer - 1 }
        : throw new GuidanceException("prune_layer", "FastV needs a layer before the prune layer, so at least 1");
}
