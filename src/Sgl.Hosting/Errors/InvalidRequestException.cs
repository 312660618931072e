namespace Sgl.Hosting;

/// <summary>A request that cannot be served as it is: INVALID_ARGUMENT with a <c>google.rpc.BadRequest</c> that lists every violation.</summary>
public sealed class InvalidRequestException : Exception
{
    /// <summary>Creates the error from all violations that were found.</summary>
    /// <param name="violations">At least one.</param>
    public InvalidRequestException(IReadOnlyList<FieldViolation> violations)
        : base(string.Join("; ", violations.Select(v => $"{v.Field}: {v.Description}")))
    {
        Violations = violations;
        Reason = FieldViolation.ReasonOf(violations);
    }

    /// <summary>Creates the error from one violation.</summary>
    public InvalidRequestException(string field, string description, string reason = ErrorReasons.InvalidRequest)
        : this([new FieldViolation(field, description, reason)])
    {
    }

    /// <summary>All violations.</summary>
    public IReadOnlyList<FieldViolation> Violations { get; }

    /// <summary>Machine-readable reason of the <c>google.rpc.ErrorInfo</c>.</summary>
    public string Reason { get; }
}
