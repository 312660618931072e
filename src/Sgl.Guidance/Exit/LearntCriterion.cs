namespace Sgl.Guidance;

/// <summary>
/// An exit score learnt from labelled requests: a logistic combination of the scores that the small model's answer has anyway. With <see cref="Large"/> it is
/// <c>(1 + P(small right) - P(large right)) / 2</c>, since an exit costs nothing where the large model would be wrong too; without it <c>P(small right)</c>. Ours; in the paper
/// S of eq. 9 has fixed weights.
/// </summary>
/// <param name="Small">Probability that the small answer is right.</param>
/// <param name="Large">Probability that the large one would be; null: not looked at.</param>
public sealed record LearntCriterion(LearntProbability Small, LearntProbability? Large = null)
{
    // Scores of exactly 0 and 1 have no finite logit.
    private const double Edge = 1e-4;

    /// <summary>What is combined: the logit of each measured criterion in the order of <see cref="ExitCriteria.Measured"/>, then the logarithm of the number of generated ids.</summary>
    public static int InputCount => ExitCriteria.Measured.Count + 1;

    /// <summary>The inputs of one answer, [<see cref="InputCount"/>]; NaN where a score was not computed.</summary>
    /// <param name="scores">The answer's scores.</param>
    /// <param name="generatedTokens">Ids that it has, at least 1 counts.</param>
    public static double[] Inputs(ExitScoreSet scores, int generatedTokens)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return [.. ExitCriteria.Measured.Select(c => Logit(scores[c])), Math.Log(Math.Max(1, generatedTokens))];
    }

    /// <summary>The score, 0 to 1; NaN, which never exits, where one of its inputs was not computed.</summary>
    /// <inheritdoc cref="Inputs"/>
    public double Score(ExitScoreSet scores, int generatedTokens)
    {
        var inputs = Inputs(scores, generatedTokens);
        return Large is null ? Small.Of(inputs) : (1 + Small.Of(inputs) - Large.Of(inputs)) / 2;
    }

    private static double Logit(double score)
    {
        var inside = Math.Clamp(score, Edge, 1 - Edge);
        return Math.Log(inside / (1 - inside));
    }
}

/// <summary>A probability <c>1 / (1 + exp(-(b + w x)))</c> of the inputs x of a <see cref="LearntCriterion"/>.</summary>
/// <param name="Bias">b.</param>
/// <param name="Weights">w, [<see cref="LearntCriterion.InputCount"/>].</param>
public sealed record LearntProbability(double Bias, IReadOnlyList<double> Weights)
{
    /// <summary>What is wrong with it; null: nothing.</summary>
    public string? Problem() =>
        Weights is null || Weights.Count != LearntCriterion.InputCount ? $"has {Weights?.Count ?? 0} weights, expected {LearntCriterion.InputCount}"
        : !double.IsFinite(Bias) || Weights.Any(w => !double.IsFinite(w)) ? "has a number that is not finite" : null;

    /// <summary>The probability for some inputs.</summary>
    /// <param name="inputs">x, as many as there are weights.</param>
    public double Of(ReadOnlySpan<double> inputs)
    {
        var sum = Bias;
        for (var i = 0; i < Weights.Count; i++)
        {
            sum += Weights[i] * inputs[i];
        }

        return 1 / (1 + Math.Exp(-sum));
    }
}
