using Sgl.Guidance;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>Checks and reads how importance and scores are computed.</summary>
internal static class ImportanceRules
{
    /// <summary>The paper keeps 5 % of the visual tokens in the consistency pass.</summary>
    private const double DefaultConsistencyRatio = 0.05;

    /// <summary>Reads <c>importance</c>; absent fields get the defaults of the contract.</summary>
    /// <returns>Options, and the share kept in the consistency pass (null: no such pass).</returns>
    public static (ImportanceOptions Options, double? ConsistencyRatio) Read(Wire.ImportanceOptions? wire, string field, ViolationList violations)
    {
        if (wire is null)
        {
            return (new ImportanceOptions(), DefaultConsistencyRatio);
        }

        var options = new ImportanceOptions
        {
            Variant = ReadVariant(wire.Variant, $"{field}.variant", violations),
            Source = ReadSource(wire.Source, $"{field}.source", violations),
            LayerFraction = wire.HasLayerFraction ? wire.LayerFraction : 1,
        };
        if (!(options.LayerFraction > 0 && options.LayerFraction <= 1))
        {
            violations.Add($"{field}.layer_fraction", FormattableString.Invariant($"must be above 0 and at most 1, was {options.LayerFraction}"));
        }

        var ratio = wire.HasConsistencyRatio ? wire.ConsistencyRatio : DefaultConsistencyRatio;
        if (!(ratio >= 0 && ratio <= 1))
        {
            violations.Add($"{field}.consistency_ratio", FormattableString.Invariant($"must be between 0 and 1, was {ratio}"));
        }

        return (options, wire.SkipConsistency ? null : ratio);
    }

    private static ImportanceVariant ReadVariant(Wire.ImportanceVariant variant, string field, ViolationList violations)
    {
        switch (variant)
        {
            case Wire.ImportanceVariant.Unspecified or Wire.ImportanceVariant.Reference:
                return ImportanceVariant.Reference;
            case Wire.ImportanceVariant.Paper:
                return ImportanceVariant.Paper;
            default:
                violations.Add(field, $"{(int)variant} is not a value of ImportanceVariant");
                return default;
        }
    }

    private static ImportanceSource ReadSource(Wire.ImportanceSource source, string field, ViolationList violations)
    {
        switch (source)
        {
            case Wire.ImportanceSource.Unspecified or Wire.ImportanceSource.PromptAndGenerated:
                return ImportanceSource.PromptAndGenerated;
            case Wire.ImportanceSource.Prompt:
                return ImportanceSource.Prompt;
            case Wire.ImportanceSource.Generated:
                return ImportanceSource.Generated;
            case Wire.ImportanceSource.LastPromptToken:
                return ImportanceSource.LastPrompt;
            default:
                violations.Add(field, $"{(int)source} is not a value of ImportanceSource");
                return default;
        }
    }
}
