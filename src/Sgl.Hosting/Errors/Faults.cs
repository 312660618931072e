using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Status = Google.Rpc.Status;

namespace Sgl.Hosting;

/// <summary>Builds <c>google.rpc.Status</c> values with the details clients act on (AIP-193).</summary>
public static class Faults
{
    // Trailers travel in one HTTP/2 header block; most peers refuse more than 8 KiB of it.
    private const int MaxViolations = 12;
    private const int MaxText = 1800;

    /// <summary>INVALID_ARGUMENT that lists every violation.</summary>
    public static Status InvalidArgument(IReadOnlyList<FieldViolation> violations, string? reason = null)
    {
        var each = MaxText / Math.Clamp(violations.Count, 1, MaxViolations);
        var shown = violations.Take(MaxViolations).Select(v => v with { Field = Shorten(v.Field, each), Description = Shorten(v.Description, each) }).ToList();
        var bad = new BadRequest();
        bad.FieldViolations.AddRange(shown.Select(v => new BadRequest.Types.FieldViolation { Field = v.Field, Description = v.Description, Reason = v.Reason }));
        var message = string.Join("; ", shown.Take(3).Select(v => $"{v.Field}: {v.Description}"));
        if (violations.Count > 3)
        {
            message += $"; and {violations.Count - 3} more";
        }

        return Create(Code.InvalidArgument, message, reason ?? FieldViolation.ReasonOf(violations), bad);
    }

    /// <summary>INVALID_ARGUMENT with one violation.</summary>
    public static Status InvalidArgument(string field, string description, string reason = ErrorReasons.InvalidRequest) =>
        InvalidArgument([new FieldViolation(field, description, reason)]);

    /// <summary>INVALID_ARGUMENT for bytes that are not the message of the contract, among them strings that are not UTF-8.</summary>
    public static Status Unreadable() =>
        InvalidArgument("request", "cannot be read: it is not a protobuf message of this method, or one of its strings is not valid UTF-8", ErrorReasons.MalformedMessage);

    /// <summary>RESOURCE_EXHAUSTED that says when to try again.</summary>
    public static Status Overloaded(string message, TimeSpan retryAfter, string reason = ErrorReasons.Overloaded) =>
        Create(Code.ResourceExhausted, message, reason, Retry(retryAfter));

    /// <summary>UNAVAILABLE that says when to try again.</summary>
    public static Status Unavailable(string message, TimeSpan retryAfter, string reason = ErrorReasons.NotReady) =>
        Create(Code.Unavailable, message, reason, Retry(retryAfter));

    /// <summary>RESOURCE_EXHAUSTED for a message beyond the size limit.</summary>
    public static Status MessageTooLarge(long limitBytes) =>
        Create(
            Code.ResourceExhausted,
            FormattableString.Invariant($"The message is longer than {limitBytes} bytes, the server's limit (setting Listen:MaxReceiveMessageBytes). Send smaller or fewer images."),
            ErrorReasons.MessageTooLarge);

    /// <summary>RESOURCE_EXHAUSTED: memory for the request could not be had.</summary>
    public static Status OutOfMemory() => Overloaded("The server has no memory for this request at the moment.", TimeSpan.FromSeconds(2));

    /// <summary>INTERNAL that tells a client nothing but the id to quote.</summary>
    public static Status Internal(string correlationId) =>
        Create(Code.Internal, $"Internal error. The server's log has the cause under correlation id {correlationId}.", ErrorReasons.Internal);

    /// <summary>A status with an <c>ErrorInfo</c> and further details.</summary>
    public static Status Create(Code code, string message, string reason, params IMessage[] details)
    {
        var status = new Status { Code = (int)code, Message = message };
        status.Details.Add(Any.Pack(new ErrorInfo { Domain = ErrorReasons.Domain, Reason = reason }));
        foreach (var detail in details)
        {
            status.Details.Add(Any.Pack(detail));
        }

        return status;
    }

    private static RetryInfo Retry(TimeSpan after) => new() { RetryDelay = Duration.FromTimeSpan(after) };

    private static string Shorten(string text, int length) => text.Length <= length ? text : string.Concat(text.AsSpan(0, length), "...");
}
