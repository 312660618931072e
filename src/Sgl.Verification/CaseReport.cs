namespace Sgl.Verification;

/// <summary>One compared quantity of one case.</summary>
/// <param name="Quantity">Name, e.g. <c>small.step_logits</c>.</param>
/// <param name="Error">Largest error, in the tolerance's sense; 0 or 1 for quantities that must be identical.</param>
/// <param name="Tolerance">Allowed error; 0 means identical.</param>
/// <param name="Detail">What differed, when something did.</param>
public sealed record QuantityCheck(string Quantity, double Error, double Tolerance, string? Detail = null)
{
    /// <summary>Whether the quantity is within its tolerance. A NaN error is not.</summary>
    public bool Passed => Error <= Tolerance;
}

/// <summary>Everything that was compared for one case.</summary>
/// <param name="Name">Set and case, e.g. <c>internlm2/tiles4</c>.</param>
/// <param name="Checks">Compared quantities.</param>
/// <param name="Failure">Why the case could not be run; null when it ran.</param>
public sealed record CaseReport(string Name, IReadOnlyList<QuantityCheck> Checks, string? Failure = null)
{
    /// <summary>Whether the case ran and every quantity passed.</summary>
    public bool Passed => Failure is null && Checks.Count > 0 && Checks.All(c => c.Passed);
}
