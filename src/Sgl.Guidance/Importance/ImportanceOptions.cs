namespace Sgl.Guidance;

/// <summary>Consecutive layers of a language model.</summary>
/// <param name="First">0-based.</param>
/// <param name="Count">At least 1.</param>
public readonly record struct LayerRange(int First, int Count)
{
    /// <summary>Whether the layer is one of them.</summary>
    public bool Contains(int layer) => layer >= First && layer < First + Count;
}

/// <summary>
/// How the importance A is aggregated. The default is the authors' code; the other values are the paper's ablations
/// (Tables 2 and 3) and the baselines.
/// </summary>
public sealed record ImportanceOptions
{
    /// <summary>Row definition where paper and code differ.</summary>
    /// <value>The default is <see cref="ImportanceVariant.Reference"/>.</value>
    public ImportanceVariant Variant { get; init; } = ImportanceVariant.Reference;

    /// <summary>Which tokens' attention counts.</summary>
    /// <value>The default is <see cref="ImportanceSource.PromptAndGenerated"/>.</value>
    public ImportanceSource Source { get; init; } = ImportanceSource.PromptAndGenerated;

    /// <summary>f in "the first int(L f) layers, at least one" (paper Table 2).</summary>
    /// <value>Above 0, at most 1. The default is 1: all layers.</value>
    public double LayerFraction { get; init; } = 1;

    /// <summary>One layer alone, 0-based. Excludes <see cref="LayerFraction"/>.</summary>
    /// <value>The default is null.</value>
    public int? SingleLayer { get; init; }

    /// <summary>The rows that are summed. N_G-1 generated rows exist in either variant: the last id is never fed back.</summary>
    public ImportanceRows Rows => Source switch
    {
        ImportanceSource.PromptAndGenerated => PromptRows | ImportanceRows.Generated,
        ImportanceSource.Prompt => PromptRows,
        ImportanceSource.Generated => ImportanceRows.Generated,
        ImportanceSource.LastPrompt => ImportanceRows.LastPrompt,
        _ => throw new GuidanceException("importance.source", $"unknown value {(int)Source}"),
    };

    private ImportanceRows PromptRows => Variant switch
    {
        ImportanceVariant.Reference => ImportanceRows.LastVisual | ImportanceRows.Prompt,
        ImportanceVariant.Paper => ImportanceRows.Prompt,
        _ => throw new GuidanceException("importance.variant", $"unknown value {(int)Variant}"),
    };

    /// <summary>The layers that take part in a model of L layers.</summary>
    /// <exception cref="GuidanceException">The fraction or the layer is out of range, or both are set.</exception>
    public LayerRange Layers(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        if (!(LayerFraction > 0 && LayerFraction <= 1))
        {
            throw new GuidanceException(
                "importance.layer_fraction",
                FormattableString.Invariant($"must be above 0 and at most 1, was {LayerFraction}"));
        }

        if (SingleLayer is not { } layer)
        {
            return new LayerRange(0, Math.Max(1, (int)(layers * LayerFraction)));
        }

        if (LayerFraction != 1)
        {
            throw new GuidanceException("importance.single_layer", "excludes a layer fraction");
        }

        if (layer < 0 || layer >= layers)
        {
            throw new GuidanceException("importance.single_layer", $"must be between 0 and {layers - 1}, was {layer}");
        }

        return new LayerRange(layer, 1);
    }
}
