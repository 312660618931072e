using System.Text.RegularExpressions;

namespace Sgl.Evaluation;

/// <summary>
/// MME: per sub-task 100 times the accuracy over questions plus 100 times the share of images with both questions right
/// ("acc+"); the benchmark's number, up to 2800, is the sum over the sub-tasks (question kinds). The paper's 2270 is this sum.
/// </summary>
public sealed partial class MmeScore : Metric
{
    internal MmeScore()
        : base("mme")
    {
    }

    /// <summary>The sub-tasks that make the perception score; all others are cognition.</summary>
    public static IReadOnlyList<string> PerceptionTasks { get; } =
        ["existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"];

    /// <summary>The sub-tasks that make the cognition score.</summary>
    public static IReadOnlyList<string> CognitionTasks { get; } =
        ["commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"];

    /// <summary>
    /// <c>yes</c>, <c>no</c> or <c>other</c>. Chinese and true/false answers are translated first; then the whole answer, or
    /// its first four characters, must hold the word, "yes" before "no".
    /// </summary>
    public static string Label(string prediction)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        var text = prediction.Replace("\n", "", StringComparison.Ordinal)
            .Replace("不是", "No", StringComparison.Ordinal)
            .Replace("是", "Yes", StringComparison.Ordinal)
            .Replace("否", "No", StringComparison.Ordinal)
            .ToLowerInvariant()
            .Replace("true", "yes", StringComparison.Ordinal)
            .Replace("false", "no", StringComparison.Ordinal);
        text = Chinese().Replace(text, "");
        if (text is "yes" or "no")
        {
            return text;
        }

        var start = text[..Math.Min(4, text.Length)];
        return start.Contains("yes", StringComparison.Ordinal) ? "yes"
            : start.Contains("no", StringComparison.Ordinal) ? "no" : "other";
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return reference.Answers.Count == 0 ? null : Label(prediction).Equals(reference.Answers[0], StringComparison.OrdinalIgnoreCase) ? 1 : 0;
    }

    /// <inheritdoc/>
    /// <remarks>Images of which only one question was answered count for the accuracy, not for acc+.</remarks>
    public override double Aggregate(IReadOnlyList<IReadOnlyList<ScoredQuestion>> clusters)
    {
        ArgumentNullException.ThrowIfNull(clusters);
        return clusters.Count == 0 ? double.NaN : clusters.GroupBy(c => c[0].Kind).Sum(TaskScore);
    }

    private static double TaskScore(IEnumerable<IReadOnlyList<ScoredQuestion>> images)
    {
        var pairs = images.Where(image => image.Count == 2).ToArray();
        var both = pairs.Length == 0 ? 0 : pairs.Average(image => image.All(q => q.Score == 1) ? 1.0 : 0);
        return (100 * Mean(images)) + (100 * both);
    }

    [GeneratedRegex("[\u4e00-\u9fa5]")]
    private static partial Regex Chinese();
}
