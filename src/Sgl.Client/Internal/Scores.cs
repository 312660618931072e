namespace Sgl.Client.Internal;

/// <summary>The score of a decision.</summary>
internal static class Scores
{
    /// <summary>The one that was compared; null where there is none.</summary>
    public static double? Compared(Wire.Decision? decision)
    {
        if (decision?.Scores is not { } scores)
        {
            return null;
        }

        return decision.Criterion switch
        {
            Wire.ExitCriterion.Decision when scores.HasDecision => scores.Decision,
            Wire.ExitCriterion.Confidence when scores.HasConfidence => scores.Confidence,
            Wire.ExitCriterion.Consistency when scores.HasConsistency => scores.Consistency,
            Wire.ExitCriterion.Entropy when scores.HasEntropy => scores.Entropy,
            Wire.ExitCriterion.QuantileQ1 when scores.HasQuantileQ1 => scores.QuantileQ1,
            Wire.ExitCriterion.QuantileQ2 when scores.HasQuantileQ2 => scores.QuantileQ2,
            Wire.ExitCriterion.QuantileQ3 when scores.HasQuantileQ3 => scores.QuantileQ3,
            Wire.ExitCriterion.LengthNormalisedConsistency when scores.HasLengthNormalisedConsistency => scores.LengthNormalisedConsistency,
            Wire.ExitCriterion.Learnt when scores.HasLearnt => scores.Learnt,
            _ => null,
        };
    }
}
