namespace Sgl.Evaluation;

/// <summary>SEED: the first character of the prediction is the right letter. An empty prediction is wrong.</summary>
public sealed class SeedLetter : Metric
{
    internal SeedLetter()
        : base("seed_letter")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        return reference.Answers.Count == 0 ? null : prediction.Length > 0 && prediction[..1] == reference.Answers[0] ? 1 : 0;
    }
}

/// <summary>
/// MMBench: a letter is taken from the prediction, and where the file holds rotated copies of a question, all copies must be
/// right (circular evaluation). The test split's answers are not public; there the score is null.
/// </summary>
public sealed class MMBenchLetter : Metric
{
    internal MMBenchLetter()
        : base("mmbench_letter")
    {
    }

    /// <summary>
    /// The letter that goes into the answer file: a single character is itself; else the first character where it names an
    /// option; else the first option whose text occurs in the prediction; else the prediction, trimmed.
    /// </summary>
    public static string Extract(string prediction, IReadOnlyList<KeyValuePair<string, string>> options)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(options);
        var given = prediction.Trim();
        if (given.Length <= 1)
        {
            return given;
        }

        if (options.Any(o => o.Key == given[..1]))
        {
            return given[..1];
        }

        foreach (var (letter, text) in options)
        {
            if (given.Contains(text, StringComparison.Ordinal))
            {
                return letter;
            }
        }

        return given;
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return reference.Answers.Count == 0 ? null : Extract(prediction, reference.Options) == reference.Answers[0] ? 1 : 0;
    }

    /// <inheritdoc/>
    public override double Aggregate(IReadOnlyList<IReadOnlyList<ScoredQuestion>> clusters)
    {
        ArgumentNullException.ThrowIfNull(clusters);
        return clusters.Count == 0 ? double.NaN : 100 * clusters.Average(c => c.All(q => q.Score == 1) ? 1.0 : 0);
    }
}
