using Sgl.Guidance;

namespace Sgl.Requests;

/// <summary>Checks and reads how importance and scores are computed.</summary>
public static class ImportanceRules
{
    /// <summary>The paper keeps 5 % of the visual tokens in the consistency pass.</summary>
    public const double DefaultConsistencyRatio = 0.05;

    /// <summary>Notes what is wrong.</summary>
    /// <param name="importance">Null: all defaults.</param>
    /// <param name="field">Path of the message, e.g. <c>policy.importance</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.ImportanceOptions? importance, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (importance is null)
        {
            return;
        }

        violations.RequireKnown(importance.Variant, $"{field}.variant");
        violations.RequireKnown(importance.Source, $"{field}.source");
        if (importance.HasLayerFraction && !(importance.LayerFraction > 0 && importance.LayerFraction <= 1))
        {
            violations.Add($"{field}.layer_fraction", FormattableString.Invariant($"must be above 0 and at most 1, was {importance.LayerFraction}"));
        }

        if (importance.HasConsistencyRatio)
        {
            violations.RequireBetween(importance.ConsistencyRatio, 0, 1, $"{field}.consistency_ratio");
        }
    }

    /// <summary>Checks and reads; absent fields get the defaults of the contract.</summary>
    /// <returns>Options, and the share kept in the consistency pass (null: no such pass).</returns>
    public static (ImportanceOptions Options, double? ConsistencyRatio) Read(Wire.ImportanceOptions? importance, string field, ViolationList violations)
    {
        Check(importance, field, violations);
        importance ??= new Wire.ImportanceOptions();
        var options = new ImportanceOptions
        {
            Variant = WireGuidance.To(importance.Variant) ?? default,
            Source = WireGuidance.To(importance.Source) ?? default,
            LayerFraction = importance.HasLayerFraction ? importance.LayerFraction : 1,
        };
        var ratio = importance.HasConsistencyRatio ? importance.ConsistencyRatio : DefaultConsistencyRatio;
        return (options, importance.SkipConsistency ? null : ratio);
    }
}
