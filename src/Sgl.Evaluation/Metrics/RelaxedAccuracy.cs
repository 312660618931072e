using Sgl.Evaluation.Internal;

namespace Sgl.Evaluation;

/// <summary>
/// ChartQA's relaxed accuracy: numbers may differ by 5 %, other answers must be equal but for case. The reference call has
/// its arguments swapped, so the 5 % are of the prediction, not of the right answer; that is kept. The benchmark's number
/// is the mean of its two splits (question kinds).
/// </summary>
public sealed class RelaxedAccuracy : Metric
{
    private const double MaxRelativeChange = 0.05;

    internal RelaxedAccuracy()
        : base("relaxed_accuracy")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        return reference.Answers.Count == 0 ? null
            : reference.Answers.Any(answer => IsClose(prediction.Trim(), answer)) ? 1 : 0;
    }

    /// <inheritdoc/>
    public override double Aggregate(IReadOnlyList<IReadOnlyList<ScoredQuestion>> clusters)
    {
        ArgumentNullException.ThrowIfNull(clusters);
        return clusters.Count == 0 ? double.NaN : 100 * clusters.GroupBy(c => c[0].Kind).Average(Mean);
    }

    private static bool IsClose(string prediction, string answer)
    {
        if (Number(answer) is { } right && Number(prediction) is { } given && given != 0)
        {
            return Math.Abs(right - given) / Math.Abs(given) <= MaxRelativeChange;
        }

        return prediction.Equals(answer, StringComparison.OrdinalIgnoreCase);
    }

    private static double? Number(string text) =>
        text.EndsWith('%') ? (PythonFloat.TryParse(text.TrimEnd('%'), out var percent) ? percent / 100 : null)
        : PythonFloat.TryParse(text, out var value) ? value : null;
}
