namespace Sgl.Evaluation;

/// <summary>What a benchmark knows about the right answer. Which members are set depends on the metric.</summary>
public sealed record ReferenceAnswer
{
    /// <summary>Accepted answers, or all annotators' answers. Empty where the benchmark keeps them to itself.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [];

    /// <summary>The options of a multiple-choice question, letter and text, in order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Options { get; init; } = [];

    /// <summary>The right box in pixels of the original image.</summary>
    public BoundingBox? Box { get; init; }

    /// <summary>Width of the original image in pixels, where <see cref="Box"/> is set.</summary>
    public int ImageWidth { get; init; }

    /// <summary>Height of the original image in pixels, where <see cref="Box"/> is set.</summary>
    public int ImageHeight { get; init; }
}
