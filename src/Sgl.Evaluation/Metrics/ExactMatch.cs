namespace Sgl.Evaluation;

/// <summary>Equality but for case and surrounding white space, with any of the right answers.</summary>
public sealed class ExactMatch : Metric
{
    internal ExactMatch()
        : base("exact_match")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        var given = prediction.Trim();
        return reference.Answers.Count == 0 ? null
            : reference.Answers.Any(a => a.Trim().Equals(given, StringComparison.OrdinalIgnoreCase)) ? 1 : 0;
    }
}

/// <summary>GQA: the prediction in lower case without periods at its end equals the right answer.</summary>
public sealed class GqaMatch : Metric
{
    internal GqaMatch()
        : base("gqa_match")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        var given = prediction.TrimEnd('.').ToLowerInvariant();
        return reference.Answers.Count == 0 ? null : reference.Answers.Contains(given) ? 1 : 0;
    }
}
