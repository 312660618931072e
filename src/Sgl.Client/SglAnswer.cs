using Sgl.Client.Internal;

namespace Sgl.Client;

/// <summary>An answer as a whole.</summary>
public sealed class SglAnswer
{
    internal SglAnswer(Wire.AnswerCompleted completed, Wire.Decision? decision) => (Completed, Decision) = (completed, decision);

    /// <summary>The text, without white space around it.</summary>
    public string Text => Completed.Answer;

    /// <summary>Which way it took: the small model's, the large one's, or the small one's in place of the large one's, which failed.</summary>
    public Wire.AnswerPath Path => Completed.Path;

    /// <summary>Name of the model whose answer it is.</summary>
    public string Model => Run?.Model ?? "";

    /// <summary>Why that model ended.</summary>
    public Wire.FinishReason FinishReason => Run?.FinishReason ?? Wire.FinishReason.Unspecified;

    /// <summary>Counts of that model's run; those of the other one are in <see cref="Completed"/>.</summary>
    public Wire.Usage Usage => Run?.Usage ?? new Wire.Usage();

    /// <summary>The early-exit decision; null where none was told.</summary>
    public Wire.Decision? Decision { get; }

    /// <summary>The exit score that was compared with the threshold, 0 to 1; null where the small model was not asked, or the score not computed.</summary>
    public double? Score => Scores.Compared(Decision);

    /// <summary>Everything that the router said at the end: importance, masks, times, both models' runs.</summary>
    public Wire.AnswerCompleted Completed { get; }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private Wire.ModelRun? Run => Completed.Large ?? Completed.Small;
}
