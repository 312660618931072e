using Sgl.Evaluation.Internal;

namespace Sgl.Evaluation;

/// <summary>
/// TextVQA's soft accuracy: with prediction and annotators' answers normalised, the mean over the annotators i of
/// min(1, number of other annotators who gave the prediction / 3).
/// </summary>
public sealed class VqaAccuracy : Metric
{
    internal VqaAccuracy()
        : base("vqa_accuracy")
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

        var wanted = VqaAnswerNormalizer.Normalize(prediction);
        var agrees = reference.Answers.Select(a => VqaAnswerNormalizer.Normalize(a) == wanted).ToArray();
        var agreeing = agrees.Count(a => a);
        return agreeing == 0 ? 0 : agrees.Average(own => Math.Min(1, (agreeing - (own ? 1 : 0)) / 3.0));
    }
}
