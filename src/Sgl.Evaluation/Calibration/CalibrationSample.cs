namespace Sgl.Evaluation;

/// <summary>One request to learn a threshold from.</summary>
/// <param name="ExitScore">The criterion's score; NaN never exits.</param>
/// <param name="SmallRight">Metric score of the small answer, or null without a label.</param>
/// <param name="LargeRight">Metric score of the large answer, or null where it was not asked or there is no label.</param>
/// <param name="SmallSeconds">Time of the small model, or null.</param>
/// <param name="LargeSeconds">Time of the large model, or null.</param>
public readonly record struct CalibrationSample(
    double ExitScore, double? SmallRight = null, double? LargeRight = null, double? SmallSeconds = null, double? LargeSeconds = null);
