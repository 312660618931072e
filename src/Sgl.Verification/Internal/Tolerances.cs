namespace Sgl.Verification.Internal;

/// <summary>Allowed errors of a float32 implementation, from the READMEs of the golden sets.</summary>
internal sealed record Tolerances
{
    public double Vision { get; init; } = 1e-4;

    public double SmallLogits { get; init; } = 3e-4;

    public double LargeLogits { get; init; } = 6e-4;

    public double Importance { get; init; } = 4e-4;

    public double LogProbability { get; init; } = 6e-4;

    /// <summary>Relative.</summary>
    public double Confidence { get; init; } = 1e-4;

    /// <summary>Step probabilities: relative in the authors' set, absolute in the families' set.</summary>
    public double ConsistencyStep { get; init; } = 1e-3;

    /// <summary>Product of step probabilities, relative.</summary>
    public double Consistency { get; init; } = 1e-3;

    public static Tolerances For(bool familySet) => familySet
        ? new Tolerances { SmallLogits = 4e-4, LargeLogits = 4e-4, LogProbability = 4e-4, ConsistencyStep = 1e-4, Consistency = 4e-3 }
        : new Tolerances();
}
