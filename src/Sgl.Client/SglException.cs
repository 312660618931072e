using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Status = Google.Rpc.Status;

namespace Sgl.Client;

/// <summary>
/// The router gave no answer. What the caller itself ended is an <see cref="OperationCanceledException"/> instead.
/// </summary>
public sealed class SglException : Exception
{
    private const string Domain = "sgl.v1";

    internal SglException(StatusCode statusCode, string message, string? reason = null, Exception? innerException = null)
        : base(message, innerException) => (StatusCode, Reason) = (statusCode, reason);

    /// <summary>The gRPC status, e.g. <see cref="StatusCode.InvalidArgument"/>.</summary>
    public StatusCode StatusCode { get; }

    /// <summary>The name of an <see cref="Wire.ErrorReason"/> without its prefix, e.g. <c>PROMPT_TOO_LONG</c>; null where no service of ours said it, e.g. without a connection.</summary>
    public string? Reason { get; }

    /// <summary>The fields at fault, in their order; empty where it is not the request's fault.</summary>
    public IReadOnlyList<SglViolation> Violations { get; private init; } = [];

    /// <summary>The first field at fault; null where there is none.</summary>
    public string? Field => Violations.Count > 0 ? Violations[0].Field : null;

    /// <summary>When the same call may be tried again; null where that was not said.</summary>
    public TimeSpan? RetryAfter { get; private init; }

    /// <summary>From what the gRPC library throws.</summary>
    internal static SglException From(RpcException exception)
    {
        var status = Details(exception);
        var bad = Detail<BadRequest>(status);
        var info = Detail<ErrorInfo>(status);
        return new SglException(exception.StatusCode, Text(exception), info is { Domain: Domain, Reason.Length: > 0 } ? info.Reason : null, exception)
        {
            Violations = [.. bad?.FieldViolations.Select(v => new SglViolation(v.Field, v.Description, v.Reason is { Length: > 0 } reason ? reason : null)) ?? []],
            RetryAfter = Detail<RetryInfo>(status)?.RetryDelay?.ToTimeSpan(),
        };
    }

    private static string Text(RpcException exception) =>
        exception.Status.Detail is { Length: > 0 } detail ? detail : $"The router answered {exception.StatusCode}.";

    // A proxy on the way may add what is no status of ours; then the code alone counts.
    private static Status? Details(RpcException exception)
    {
        try
        {
            return exception.GetRpcStatus();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static T? Detail<T>(Status? status)
        where T : class, IMessage<T>, new()
    {
        try
        {
            return status?.GetDetail<T>();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
