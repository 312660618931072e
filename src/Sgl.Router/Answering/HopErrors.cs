using Google.Rpc;
using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>What a failed call to a model means to the router's client. Addresses and inner details stay in the log.</summary>
internal static class HopErrors
{
    private static readonly TimeSpan DeadlineSlack = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan DefaultRetry = TimeSpan.FromSeconds(1);

    /// <summary>Translates a failure.</summary>
    /// <param name="hop"><c>small</c> or <c>large</c>.</param>
    /// <param name="exception">What the call threw.</param>
    /// <param name="timedOut">Whether the hop's own time limit ended the call.</param>
    /// <param name="limit">That limit.</param>
    /// <param name="call">The request; its correlation id is the same in the model service's log.</param>
    /// <param name="now">The time.</param>
    public static HopException From(string hop, Exception exception, bool timedOut, TimeSpan limit, AnswerCall call, DateTimeOffset now)
    {
        if (exception is HopException known)
        {
            return known;
        }

        if (timedOut || exception is RpcException { StatusCode: StatusCode.DeadlineExceeded })
        {
            var late = call.Deadline - now < DeadlineSlack
                ? $"the {hop} model gave no answer before the request's deadline"
                : FormattableString.Invariant($"the {hop} model gave no answer within {limit.TotalSeconds:0.###} s");
            return new(
                Wire.RoutingReason.LargeTimeout, late, Faults.Create(Code.DeadlineExceeded, Sentence(late), ErrorReasons.DeadlineExceeded), exception);
        }

        if (exception is OutOfMemoryException or RpcException { Status.DebugException: OutOfMemoryException })
        {
            return new(Wire.RoutingReason.LargeOverloaded, $"the router has no memory to ask the {hop} model", Faults.OutOfMemory(), exception);
        }

        if (exception is not RpcException e)
        {
            return Failed(hop, call.RequestId, exception);
        }

        var details = e.GetRpcStatus();
        switch (e.StatusCode)
        {
            case var _ when IsAway(e):
                var away = $"the {hop} model cannot be reached";
                return new(Wire.RoutingReason.LargeUnavailable, away, Faults.Unavailable(Sentence(away), RetryAfter(details)), e);
            case StatusCode.ResourceExhausted:
                var full = $"the {hop} model has no capacity";
                return new(Wire.RoutingReason.LargeOverloaded, full, Faults.Overloaded(Sentence(full), RetryAfter(details)), e);
            case StatusCode.InvalidArgument:
                var refused = $"the {hop} model refused the request: {e.Status.Detail}";
                return new(Wire.RoutingReason.LargeFailed, refused, Refused(hop, details, e.Status.Detail), e);
            default:
                return Failed(hop, call.RequestId, e);
        }
    }

    /// <summary>
    /// Whether nobody answered. The client library calls some broken connections INTERNAL, for instance one that the peer resets because it does not trust
    /// the certificate; a status that a peer sent has no exception of the transport in it.
    /// </summary>
    public static bool IsAway(RpcException exception) => exception.StatusCode == StatusCode.Unavailable
        || (exception.StatusCode == StatusCode.Internal && exception.Status.DebugException is HttpRequestException or IOException);

    /// <summary>Whether a hop failed because its request ended: the client left, does not read, or its deadline is here.</summary>
    /// <param name="exception">What the hop threw.</param>
    /// <param name="timedOut">Whether the hop's own time limit ended it.</param>
    /// <param name="call">The request.</param>
    /// <param name="now">The time.</param>
    public static bool IsTheClients(Exception exception, bool timedOut, AnswerCall call, DateTimeOffset now) =>
        exception is ClientGoneException || call.CancellationToken.IsCancellationRequested || (!timedOut && call.IsLate(now));

    /// <summary>Whether a call that was opened before its guidance was known was given up for that alone, so that it can be made anew.</summary>
    public static bool IsUnguided(RpcException exception) => exception.StatusCode == StatusCode.DeadlineExceeded
        || exception.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason == ErrorReasons.Unguided;

    /// <summary>A model broke the contract.</summary>
    public static HopException Broken(string hop, string requestId, string what) =>
        new(Wire.RoutingReason.LargeFailed, $"the {hop} model's answer cannot be used: {what}", Faults.Internal(requestId));

    private static HopException Failed(string hop, string requestId, Exception exception) =>
        new(Wire.RoutingReason.LargeFailed, $"the {hop} model failed", Faults.Internal(requestId), exception);

    private static Google.Rpc.Status Refused(string hop, Google.Rpc.Status? details, string message)
    {
        var reason = details?.GetDetail<ErrorInfo>()?.Reason ?? ErrorReasons.InvalidRequest;
        var violations = details?.GetDetail<BadRequest>()?.FieldViolations.Select(v => new FieldViolation(Field(hop, v.Field), v.Description, v.Reason.Length > 0 ? v.Reason : reason)).ToList();
        return violations is { Count: > 0 } ? Faults.InvalidArgument(violations, reason) : Faults.Create(Code.InvalidArgument, message, reason);
    }

    /// <summary>Where the client of the router finds what a model service calls <paramref name="field"/>.</summary>
    private static string Field(string hop, string field)
    {
        if (hop == "small")
        {
            return field.StartsWith("importance", StringComparison.Ordinal) ? $"policy.{field}" : field;
        }

        const string input = "input.";
        field = field.StartsWith(input, StringComparison.Ordinal) ? field[input.Length..] : field;
        return field.StartsWith("guidance", StringComparison.Ordinal) ? "policy.prune" : field;
    }

    private static TimeSpan RetryAfter(Google.Rpc.Status? details) =>
        details?.GetDetail<RetryInfo>()?.RetryDelay?.ToTimeSpan() is { } delay && delay > TimeSpan.Zero ? delay : DefaultRetry;

    private static string Sentence(string text) => char.ToUpperInvariant(text[0]) + text[1..] + ".";
}
