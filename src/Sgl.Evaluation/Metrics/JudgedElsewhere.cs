using System.Text.Json;

namespace Sgl.Evaluation;

/// <summary>
/// MM-Vet: answers are written for its grader, a judge model behind an external service. No score is given here, and none
/// can be: the published one is not reproducible offline.
/// </summary>
public sealed class JudgedElsewhere : Metric
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    internal JudgedElsewhere()
        : base("judged_elsewhere")
    {
    }

    /// <summary>What a summary says in place of a score.</summary>
    public const string Note = "needs an external judge; the answers were written in the grader's format";

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference) => null;

    /// <summary>Writes the grader's file: one JSON object that maps <c>v1_{question id}</c> to the answer.</summary>
    public static void WriteAnswerFile(string path, IEnumerable<(string QuestionId, string Answer)> answers)
    {
        var entries = answers.ToDictionary(a => $"v1_{a.QuestionId}", a => a.Answer);
        File.WriteAllText(path, JsonSerializer.Serialize(entries, Indented));
    }
}
