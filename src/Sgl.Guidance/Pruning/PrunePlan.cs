namespace Sgl.Guidance;

/// <summary>Drop all visual tokens outside <paramref name="Mask"/> before layer <paramref name="Layer"/>.</summary>
/// <param name="Layer">
/// K, 0-based: layers 0..K-1 see the longer sequence, layers K..L-1 the shorter one. K = 0 prunes the input embeddings.
/// The paper's "at the 9-th layer" is K = 9.
/// </param>
/// <param name="Mask">Tokens of the whole prompt that stay, whatever an earlier step dropped.</param>
public sealed record PruneStep(int Layer, KeepMask Mask);

/// <summary>
/// The prune steps of one request, checked: one step per layer, in layer order, each mask a subset of the one before.
/// The paper uses a single step; several are an extension.
/// </summary>
public sealed class PrunePlan
{
    private readonly PruneStep[] _steps;

    private PrunePlan(PruneStep[] steps) => _steps = steps;

    /// <summary>No pruning.</summary>
    public static PrunePlan None { get; } = new([]);

    /// <summary>The steps, by rising layer.</summary>
    public IReadOnlyList<PruneStep> Steps => _steps;

    /// <summary>Checks and sorts the steps.</summary>
    /// <param name="steps">In any order.</param>
    /// <param name="layers">L of the model that is pruned.</param>
    /// <param name="visualTokens">N_I of the prompt.</param>
    /// <exception cref="GuidanceException">
    /// Names <c>steps[i].layer</c> or <c>steps[i].mask</c>, i counted in the order given.
    /// </exception>
    public static PrunePlan Create(IEnumerable<PruneStep> steps, int layers, int visualTokens)
    {
        ArgumentNullException.ThrowIfNull(steps);
        var sorted = steps.Select((step, index) => (step, index)).OrderBy(s => s.step.Layer).ToArray();
        for (var i = 0; i < sorted.Length; i++)
        {
            var (step, index) = sorted[i];
            if (step.Layer < 0 || step.Layer >= layers)
            {
                throw new GuidanceException(
                    $"steps[{index}].layer", $"must be between 0 and {layers - 1}, was {step.Layer}");
            }

            if (step.Mask.Length != visualTokens)
            {
                throw new GuidanceException(
                    $"steps[{index}].mask",
                    $"speaks about {step.Mask.Length} visual tokens, but the prompt has {visualTokens}");
            }

            if (i > 0 && step.Layer == sorted[i - 1].step.Layer)
            {
                throw new GuidanceException(
                    $"steps[{index}].layer", $"layer {step.Layer} already has steps[{sorted[i - 1].index}]");
            }

            if (i > 0 && !step.Mask.IsSubsetOf(sorted[i - 1].step.Mask))
            {
                throw new GuidanceException(
                    $"steps[{index}].mask",
                    $"keeps a token that steps[{sorted[i - 1].index}] drops at the earlier layer {sorted[i - 1].step.Layer}");
            }
        }

        return sorted.Length == 0 ? None : new PrunePlan(Array.ConvertAll(sorted, s => s.step));
    }

    /// <summary>The mask in force at a layer, or null where nothing has been dropped yet.</summary>
    public KeepMask? MaskAt(int layer)
    {
        KeepMask? mask = null;
        foreach (var step in _steps)
        {
            if (step.Layer > layer)
            {
                break;
            }

            mask = step.Mask;
        }

        return mask;
    }

    /// <summary>
    /// Mean over the layers of the share of visual tokens present: (K + (L-K) r) / L for one step, with r the share
    /// really kept. 1 without visual tokens.
    /// </summary>
    public double AverageRetention(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        var sum = 0.0;
        for (var layer = 0; layer < layers; layer++)
        {
            sum += MaskAt(layer) is { Length: > 0 } mask ? (double)mask.Count / mask.Length : 1;
        }

        return sum / layers;
    }
}
