namespace Sgl.Policies;

/// <summary>What a threshold is expected to do, measured on the calibration sample. Members without data are null.</summary>
public sealed record PolicyExpectation
{
    /// <summary>Share of requests that exit.</summary>
    public required double ExitRatio { get; init; }

    /// <summary>95 % bootstrap interval of <see cref="ExitRatio"/>.</summary>
    public double[]? ExitRatioInterval { get; init; }

    /// <summary>Mean metric score of all answers, small and large mixed.</summary>
    public double? Accuracy { get; init; }

    /// <summary>95 % bootstrap interval of <see cref="Accuracy"/>.</summary>
    public double[]? AccuracyInterval { get; init; }

    /// <summary>Mean metric score of the answers that exit.</summary>
    public double? ExitedAccuracy { get; init; }

    /// <summary>95 % bootstrap interval of <see cref="ExitedAccuracy"/>.</summary>
    public double[]? ExitedAccuracyInterval { get; init; }

    /// <summary>Mean seconds per request: the small model always, the large one for those that do not exit.</summary>
    public double? SecondsPerRequest { get; init; }

    /// <summary><see cref="SecondsPerRequest"/> over the mean seconds of the large model alone.</summary>
    public double? CostRatio { get; init; }

    /// <summary>Mean cost of a request in the unit of the prices it was chosen by; null where it was not chosen by cost.</summary>
    public double? CostPerRequest { get; init; }

    /// <summary>Mean metric score of all answers to requests that the choice was not made from.</summary>
    public double? HeldOutAccuracy { get; init; }

    /// <summary>Mean cost of requests that the choice was not made from.</summary>
    public double? HeldOutCostPerRequest { get; init; }
}
