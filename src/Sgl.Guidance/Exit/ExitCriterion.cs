using System.Text.Json.Serialization;

namespace Sgl.Guidance;

/// <summary>Ways to decide whether the small model's answer is good enough (paper section 4.4 and Figure 4).</summary>
public enum ExitCriterion
{
    /// <summary>S of eq. 9: the mean of confidence and consistency. The paper's choice.</summary>
    Decision,

    /// <summary>Eq. 6 alone.</summary>
    Confidence,

    /// <summary>Eq. 8 alone.</summary>
    Consistency,

    /// <summary>One minus the mean entropy of the steps, as a share of its maximum ln V.</summary>
    Entropy,

    /// <summary>The lower quartile of the step probabilities.</summary>
    QuantileQ1,

    /// <summary>The median of the step probabilities.</summary>
    QuantileQ2,

    /// <summary>The upper quartile of the step probabilities.</summary>
    QuantileQ3,

    /// <summary>Eq. 8 with the length normalisation of eq. 6.</summary>
    LengthNormalisedConsistency,

    /// <summary>A combination of the others that was learnt: <see cref="LearntCriterion"/>. Answers have it only where one is at hand.</summary>
    Learnt,
}

/// <summary>The criteria by kind.</summary>
public static class ExitCriteria
{
    /// <summary>Those that an answer has by itself.</summary>
    public static IReadOnlyList<ExitCriterion> Measured { get; } = [.. Enum.GetValues<ExitCriterion>().Where(c => c != ExitCriterion.Learnt)];

    /// <summary>Whether a criterion needs the second pass with few visual tokens.</summary>
    public static bool NeedsConsistency(ExitCriterion criterion) =>
        criterion is ExitCriterion.Decision or ExitCriterion.Consistency or ExitCriterion.LengthNormalisedConsistency or ExitCriterion.Learnt;
}

/// <summary>
/// All exit scores of one answer, each between 0 and 1, higher meaning surer. NaN stands for "not computed" and never exits.
/// </summary>
/// <param name="Confidence">Eq. 6.</param>
/// <param name="Consistency">Eq. 8.</param>
/// <param name="Decision">Eq. 9.</param>
/// <param name="Entropy">See <see cref="ExitCriterion.Entropy"/>.</param>
/// <param name="QuantileQ1">Lower quartile of the step probabilities.</param>
/// <param name="QuantileQ2">Median of the step probabilities.</param>
/// <param name="QuantileQ3">Upper quartile of the step probabilities.</param>
/// <param name="LengthNormalisedConsistency">Eq. 8 with the root of eq. 6.</param>
public sealed record ExitScoreSet(
    double Confidence,
    double Consistency,
    double Decision,
    double Entropy,
    double QuantileQ1,
    double QuantileQ2,
    double QuantileQ3,
    double LengthNormalisedConsistency)
{
    /// <summary>The score of <see cref="ExitCriterion.Learnt"/>; NaN until somebody who has one sets it.</summary>
    [JsonIgnore]
    public double Learnt { get; init; } = double.NaN;

    /// <summary>The score of a criterion.</summary>
    public double this[ExitCriterion criterion] => criterion switch
    {
        ExitCriterion.Decision => Decision,
        ExitCriterion.Confidence => Confidence,
        ExitCriterion.Consistency => Consistency,
        ExitCriterion.Entropy => Entropy,
        ExitCriterion.QuantileQ1 => QuantileQ1,
        ExitCriterion.QuantileQ2 => QuantileQ2,
        ExitCriterion.QuantileQ3 => QuantileQ3,
        ExitCriterion.LengthNormalisedConsistency => LengthNormalisedConsistency,
        ExitCriterion.Learnt => Learnt,
        _ => throw new ArgumentOutOfRangeException(nameof(criterion), criterion, "unknown exit criterion"),
    };
}

/// <summary>The early-exit rule (paper section 3.3).</summary>
public static class ExitDecision
{
    /// <summary>
    /// Whether the small model's answer is final: the score is at or above the threshold. A NaN score or threshold never
    /// exits, so that what is unknown goes to the large model. A threshold of 0 exits always, one above 1 never.
    /// </summary>
    public static bool Exits(double score, double threshold) => score >= threshold;
}
