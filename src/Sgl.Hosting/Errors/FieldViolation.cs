namespace Sgl.Hosting;

/// <summary>One thing that is wrong with a request.</summary>
/// <param name="Field">Request field in contract notation, e.g. <c>policy.threshold</c> or <c>images[0].data</c>.</param>
/// <param name="Description">What is wrong and what would be right; shown to the client.</param>
/// <param name="Reason">One of <see cref="ErrorReasons"/>, for programs.</param>
public readonly record struct FieldViolation(string Field, string Description, string Reason = ErrorReasons.InvalidRequest)
{
    /// <summary>The reason of a whole request: that of all its violations where they agree.</summary>
    /// <param name="violations">At least one.</param>
    public static string ReasonOf(IReadOnlyList<FieldViolation> violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        return violations.Count > 0 && violations.All(v => v.Reason == violations[0].Reason) ? violations[0].Reason : ErrorReasons.InvalidRequest;
    }
}
