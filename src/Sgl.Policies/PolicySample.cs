namespace Sgl.Policies;

/// <summary>The sample a policy was made from.</summary>
public sealed record PolicySample
{
    /// <summary>Number of requests.</summary>
    public required int Count { get; init; }

    /// <summary>How many of them had a right answer to compare with.</summary>
    public int Labelled { get; init; }

    /// <summary>Where they came from.</summary>
    public string? Source { get; init; }

    /// <summary>Expected calibration error of the score as it is, where there are labels.</summary>
    public double? ExpectedCalibrationError { get; init; }

    /// <summary>What limits the claims of <see cref="PolicyExpectation"/>.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
