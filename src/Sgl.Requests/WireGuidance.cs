using System.Text.Json;
using Google.Protobuf;
using Sgl.Guidance;

namespace Sgl.Requests;

/// <summary>Terms of the method as messages, and back.</summary>
public static class WireGuidance
{
    private static readonly EnumMap<ExitCriterion, Wire.ExitCriterion> Criteria = new(
        (ExitCriterion.Decision, Wire.ExitCriterion.Decision),
        (ExitCriterion.Confidence, Wire.ExitCriterion.Confidence),
        (ExitCriterion.Consistency, Wire.ExitCriterion.Consistency),
        (ExitCriterion.Entropy, Wire.ExitCriterion.Entropy),
        (ExitCriterion.QuantileQ1, Wire.ExitCriterion.QuantileQ1),
        (ExitCriterion.QuantileQ2, Wire.ExitCriterion.QuantileQ2),
        (ExitCriterion.QuantileQ3, Wire.ExitCriterion.QuantileQ3),
        (ExitCriterion.LengthNormalisedConsistency, Wire.ExitCriterion.LengthNormalisedConsistency),
        (ExitCriterion.Learnt, Wire.ExitCriterion.Learnt));

    private static readonly EnumMap<ImportanceVariant, Wire.ImportanceVariant> Variants = new(
        (ImportanceVariant.Reference, Wire.ImportanceVariant.Reference),
        (ImportanceVariant.Paper, Wire.ImportanceVariant.Paper));

    private static readonly EnumMap<ImportanceSource, Wire.ImportanceSource> Sources = new(
        (ImportanceSource.PromptAndGenerated, Wire.ImportanceSource.PromptAndGenerated),
        (ImportanceSource.Prompt, Wire.ImportanceSource.Prompt),
        (ImportanceSource.Generated, Wire.ImportanceSource.Generated),
        (ImportanceSource.LastPrompt, Wire.ImportanceSource.LastPromptToken));

    private static readonly string[] Names =
        [.. Enum.GetValues<ExitCriterion>().Select(c => JsonNamingPolicy.SnakeCaseLower.ConvertName(c.ToString()))];

    /// <summary>A criterion.</summary>
    public static Wire.ExitCriterion From(ExitCriterion criterion) => Criteria.From(criterion);

    /// <summary>A criterion; null for UNSPECIFIED and for values this version does not know.</summary>
    public static ExitCriterion? To(Wire.ExitCriterion criterion) => Criteria.To(criterion);

    /// <summary>Name of a criterion in metrics, files and texts: snake case.</summary>
    public static string Name(ExitCriterion criterion) => Names[(int)criterion];

    /// <summary>A row definition.</summary>
    public static Wire.ImportanceVariant From(ImportanceVariant variant) => Variants.From(variant);

    /// <summary>A row definition; null for UNSPECIFIED and for values this version does not know.</summary>
    public static ImportanceVariant? To(Wire.ImportanceVariant variant) => Variants.To(variant);

    /// <summary>Whose attention counts.</summary>
    public static Wire.ImportanceSource From(ImportanceSource source) => Sources.From(source);

    /// <summary>Whose attention counts; null for UNSPECIFIED and for values this version does not know.</summary>
    public static ImportanceSource? To(Wire.ImportanceSource source) => Sources.To(source);

    /// <summary>Scores; one that is not a number was not computed and stays absent.</summary>
    public static Wire.ExitScores From(ExitScoreSet scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        var wire = new Wire.ExitScores();
        Set(scores.Confidence, v => wire.Confidence = v);
        Set(scores.Consistency, v => wire.Consistency = v);
        Set(scores.Decision, v => wire.Decision = v);
        Set(scores.Entropy, v => wire.Entropy = v);
        Set(scores.QuantileQ1, v => wire.QuantileQ1 = v);
        Set(scores.QuantileQ2, v => wire.QuantileQ2 = v);
        Set(scores.QuantileQ3, v => wire.QuantileQ3 = v);
        Set(scores.LengthNormalisedConsistency, v => wire.LengthNormalisedConsistency = v);
        Set(scores.Learnt, v => wire.Learnt = v);
        return wire;

        static void Set(double score, Action<double> assign)
        {
            if (!double.IsNaN(score))
            {
                assign(score);
            }
        }
    }

    /// <summary>Scores; absent ones are NaN.</summary>
    public static ExitScoreSet To(Wire.ExitScores? scores)
    {
        scores ??= new Wire.ExitScores();
        return new ExitScoreSet(
            scores.HasConfidence ? scores.Confidence : double.NaN,
            scores.HasConsistency ? scores.Consistency : double.NaN,
            scores.HasDecision ? scores.Decision : double.NaN,
            scores.HasEntropy ? scores.Entropy : double.NaN,
            scores.HasQuantileQ1 ? scores.QuantileQ1 : double.NaN,
            scores.HasQuantileQ2 ? scores.QuantileQ2 : double.NaN,
            scores.HasQuantileQ3 ? scores.QuantileQ3 : double.NaN,
            scores.HasLengthNormalisedConsistency ? scores.LengthNormalisedConsistency : double.NaN)
        {
            Learnt = scores.HasLearnt ? scores.Learnt : double.NaN,
        };
    }

    /// <summary>The scores that were computed by the names of their criteria, for JSON; null where none are told.</summary>
    public static Dictionary<string, double>? Named(Wire.ExitScores? scores)
    {
        var set = To(scores);
        return scores is null ? null : Enum.GetValues<ExitCriterion>().Where(c => double.IsFinite(set[c])).ToDictionary(Name, c => set[c]);
    }

    /// <summary>Which visual tokens stay.</summary>
    public static Wire.KeepMask From(KeepMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return new Wire.KeepMask { VisualTokenCount = mask.Length, Bits = UnsafeByteOperations.UnsafeWrap(mask.ToBytes()) };
    }
}
