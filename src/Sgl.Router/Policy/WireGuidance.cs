using System.Text.Json;
using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>Terms of the method as messages, and back.</summary>
internal static class WireGuidance
{
    private static readonly string[] Names =
        [.. Enum.GetValues<ExitCriterion>().Select(c => JsonNamingPolicy.SnakeCaseLower.ConvertName(c.ToString()))];

    public static Wire.ExitCriterion From(ExitCriterion criterion) => criterion switch
    {
        ExitCriterion.Decision => Wire.ExitCriterion.Decision,
        ExitCriterion.Confidence => Wire.ExitCriterion.Confidence,
        ExitCriterion.Consistency => Wire.ExitCriterion.Consistency,
        ExitCriterion.Entropy => Wire.ExitCriterion.Entropy,
        ExitCriterion.QuantileQ1 => Wire.ExitCriterion.QuantileQ1,
        ExitCriterion.QuantileQ2 => Wire.ExitCriterion.QuantileQ2,
        ExitCriterion.QuantileQ3 => Wire.ExitCriterion.QuantileQ3,
        ExitCriterion.LengthNormalisedConsistency => Wire.ExitCriterion.LengthNormalisedConsistency,
        _ => throw new ArgumentOutOfRangeException(nameof(criterion), criterion, "unknown exit criterion"),
    };

    /// <summary>Null for UNSPECIFIED and for values this version does not know.</summary>
    public static ExitCriterion? To(Wire.ExitCriterion criterion) => criterion switch
    {
        Wire.ExitCriterion.Decision => ExitCriterion.Decision,
        Wire.ExitCriterion.Confidence => ExitCriterion.Confidence,
        Wire.ExitCriterion.Consistency => ExitCriterion.Consistency,
        Wire.ExitCriterion.Entropy => ExitCriterion.Entropy,
        Wire.ExitCriterion.QuantileQ1 => ExitCriterion.QuantileQ1,
        Wire.ExitCriterion.QuantileQ2 => ExitCriterion.QuantileQ2,
        Wire.ExitCriterion.QuantileQ3 => ExitCriterion.QuantileQ3,
        Wire.ExitCriterion.LengthNormalisedConsistency => ExitCriterion.LengthNormalisedConsistency,
        _ => null,
    };

    public static Wire.ImportanceVariant From(ImportanceVariant variant) => variant switch
    {
        ImportanceVariant.Reference => Wire.ImportanceVariant.Reference,
        ImportanceVariant.Paper => Wire.ImportanceVariant.Paper,
        _ => throw new ArgumentOutOfRangeException(nameof(variant), variant, "unknown importance variant"),
    };

    public static Wire.ImportanceSource From(ImportanceSource source) => source switch
    {
        ImportanceSource.PromptAndGenerated => Wire.ImportanceSource.PromptAndGenerated,
        ImportanceSource.Prompt => Wire.ImportanceSource.Prompt,
        ImportanceSource.Generated => Wire.ImportanceSource.Generated,
        ImportanceSource.LastPrompt => Wire.ImportanceSource.LastPromptToken,
        _ => throw new ArgumentOutOfRangeException(nameof(source), source, "unknown importance source"),
    };

    /// <summary>Scores; absent ones are NaN.</summary>
    public static ExitScoreSet To(Wire.ExitScores? scores) => scores is null
        ? new ExitScoreSet(double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN)
        : new ExitScoreSet(
            scores.HasConfidence ? scores.Confidence : double.NaN,
            scores.HasConsistency ? scores.Consistency : double.NaN,
            scores.HasDecision ? scores.Decision : double.NaN,
            scores.HasEntropy ? scores.Entropy : double.NaN,
            scores.HasQuantileQ1 ? scores.QuantileQ1 : double.NaN,
            scores.HasQuantileQ2 ? scores.QuantileQ2 : double.NaN,
            scores.HasQuantileQ3 ? scores.QuantileQ3 : double.NaN,
            scores.HasLengthNormalisedConsistency ? scores.LengthNormalisedConsistency : double.NaN);

    /// <summary>Name of a criterion in metrics, files and texts: snake case.</summary>
    public static string Name(ExitCriterion criterion) => Names[(int)criterion];
}
