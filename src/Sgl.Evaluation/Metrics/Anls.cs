using System.Text;
using System.Text.RegularExpressions;

namespace Sgl.Evaluation;

/// <summary>
/// DocVQA's average normalised Levenshtein similarity with threshold 0.5: the best similarity over the right answers, 0 where
/// it is below one half. Distances are taken between lower-cased texts with collapsed white space, but divided by the longer
/// of the texts as they were, as the reference does. Characters are code points.
/// </summary>
public sealed partial class Anls : Metric
{
    internal Anls()
        : base("anls")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.Answers.Count == 0)
        {
            return null;
        }

        var similarity = 1 - reference.Answers.Min(answer => NormalisedDistance(prediction, answer));
        return similarity < 0.5 ? 0 : similarity;
    }

    private static double NormalisedDistance(string prediction, string answer)
    {
        var longer = Math.Max(prediction.EnumerateRunes().Count(), answer.EnumerateRunes().Count());
        return longer == 0 ? 0 : (double)Distance(Runes(prediction), Runes(answer)) / longer;
    }

    private static Rune[] Runes(string text) =>
        [.. Spaces().Replace(text.ToLowerInvariant().Trim(), " ").EnumerateRunes()];

    private static int Distance(Rune[] a, Rune[] b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j < row.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
