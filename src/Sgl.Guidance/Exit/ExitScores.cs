namespace Sgl.Guidance;

/// <summary>
/// Exit scores from the probabilities of the generated ids. N_G counts every generated id, an end-of-sequence id included.
/// </summary>
/// <remarks>
/// Inputs are natural log-probabilities unless the name says otherwise, so that long answers do not underflow: the authors
/// multiply probabilities in float32, which becomes 0 at about 1e-45. Where theirs does not underflow the values agree.
/// The confidence takes log-probabilities of the processed logits (the authors forbid end-of-sequence at the first step),
/// the consistency those of the raw logits.
/// </remarks>
public static class ExitScores
{
    // Rounding may lift the log of a probability near 1 a little above 0; a plain probability handed over by mistake is far above.
    private const float LogProbabilitySlack = 1e-3f;

    /// <summary>Eq. 6 and 7: exp of the mean log-probability, i.e. the length-normalised probability of the answer.</summary>
    /// <param name="logProbabilities">ln P of each generated id under the small model, at least one.</param>
    public static double Confidence(ReadOnlySpan<float> logProbabilities) =>
        Math.Exp(Sum(logProbabilities) / logProbabilities.Length);

    /// <summary>Eq. 8: the probability of the same answer with most visual tokens removed. Not length-normalised.</summary>
    /// <param name="logProbabilities">ln P of each generated id in the pruned, teacher-forced pass, at least one.</param>
    public static double Consistency(ReadOnlySpan<float> logProbabilities) => Math.Exp(Sum(logProbabilities));

    /// <summary>Eq. 8 with the N_G-th root of eq. 6, so that long answers are not judged harder.</summary>
    public static double LengthNormalisedConsistency(ReadOnlySpan<float> logProbabilities) => Confidence(logProbabilities);

    /// <summary>Eq. 9: the mean of the two.</summary>
    public static double Decision(double confidence, double consistency) => (confidence + consistency) / 2;

    /// <summary>clip(1 - mean(H_i) / ln V, 0, 1).</summary>
    /// <param name="stepEntropies">H_i of each step's distribution, in nats; see <see cref="LogSoftmax.Entropy"/>.</param>
    /// <param name="vocabularySize">V, at least 2: the number of logits.</param>
    public static double Entropy(ReadOnlySpan<float> stepEntropies, int vocabularySize)
    {
        RequireAny(stepEntropies);
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 2);
        var sum = 0.0;
        foreach (var entropy in stepEntropies)
        {
            sum += entropy;
        }

        return Math.Clamp(1 - (sum / stepEntropies.Length / Math.Log(vocabularySize)), 0, 1);
    }

    /// <summary>
    /// A quantile of the step probabilities without interpolation: the value at rank floor(q (N_G-1)) in ascending order
    /// ('lower' in NumPy and PyTorch). 0.25 is the paper's Quantile_Q1, which is the low one.
    /// </summary>
    /// <param name="probabilities">Any monotone transform works alike: log-probabilities give the quantile's log.</param>
    /// <param name="q">0 to 1.</param>
    private static double Quantile(ReadOnlySpan<float> probabilities, double q)
    {
        RequireAny(probabilities);
        var sorted = probabilities.ToArray();
        foreach (var p in sorted)
        {
            if (float.IsNaN(p))
            {
                return double.NaN;
            }
        }

        Array.Sort(sorted);
        return sorted[(int)(q * (sorted.Length - 1))];
    }

    /// <summary>All scores of one answer.</summary>
    /// <param name="logProbabilities">ln P of each generated id under the small model, processed logits.</param>
    /// <param name="stepEntropies">Entropy of each step in nats, as many; empty: the entropy score is NaN.</param>
    /// <param name="vocabularySize">V.</param>
    /// <param name="prunedLogProbabilities">
    /// ln P of each generated id in the consistency pass, raw logits, as many; empty where that pass was left out: the scores
    /// that need it are NaN.
    /// </param>
    public static ExitScoreSet Of(
        ReadOnlySpan<float> logProbabilities,
        ReadOnlySpan<float> stepEntropies,
        int vocabularySize,
        ReadOnlySpan<float> prunedLogProbabilities)
    {
        RequireSameLength(logProbabilities, stepEntropies, nameof(stepEntropies));
        RequireSameLength(logProbabilities, prunedLogProbabilities, nameof(prunedLogProbabilities));
        var confidence = Confidence(logProbabilities);
        var consistency = prunedLogProbabilities.IsEmpty ? double.NaN : Consistency(prunedLogProbabilities);
        return new ExitScoreSet(
            confidence,
            consistency,
            Decision(confidence, consistency),
            stepEntropies.IsEmpty ? double.NaN : Entropy(stepEntropies, vocabularySize),
            Math.Exp(Quantile(logProbabilities, 0.25)),
            Math.Exp(Quantile(logProbabilities, 0.5)),
            Math.Exp(Quantile(logProbabilities, 0.75)),
            prunedLogProbabilities.IsEmpty ? double.NaN : LengthNormalisedConsistency(prunedLogProbabilities));
    }

    private static double Sum(ReadOnlySpan<float> logProbabilities)
    {
        RequireAny(logProbabilities);
        var sum = 0.0;
        foreach (var logProbability in logProbabilities)
        {
            if (logProbability > LogProbabilitySlack)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(logProbabilities), logProbability, "a log-probability is above 0; were probabilities handed over?");
            }

            sum += Math.Min(logProbability, 0f);
        }

        return sum;
    }

    private static void RequireAny(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
        {
            throw new ArgumentException("an answer has at least one generated id", nameof(values));
        }
    }

    private static void RequireSameLength(ReadOnlySpan<float> steps, ReadOnlySpan<float> other, string name)
    {
        if (!other.IsEmpty && other.Length != steps.Length)
        {
            throw new ArgumentException($"expected {steps.Length} steps, found {other.Length}", name);
        }
    }
}
