namespace Sgl.Evaluation;

/// <summary>
/// The demo pair's synthetic pages: a right answer that is a box (<c>[[x1,y1,x2,y2]]</c> in thousandths) is judged by an IoU
/// of at least one half, every other one by equality but for case, surrounding white space and a period at the end.
/// </summary>
public sealed class SyntheticScore : Metric
{
    internal SyntheticScore()
        : base("synthetic")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        return reference.Answers.Count == 0 ? null : reference.Answers.Any(answer => IsRight(prediction, answer)) ? 1 : 0;
    }

    private static bool IsRight(string prediction, string answer) => answer.StartsWith("[[", StringComparison.Ordinal)
        ? BoundingBox.FromAnswer(prediction).IntersectionOverUnion(BoundingBox.FromAnswer(answer)) >= 0.5f
        : Plain(prediction).Equals(Plain(answer), StringComparison.OrdinalIgnoreCase);

    private static string Plain(string text) => text.Trim().TrimEnd('.');
}
