using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Turns any exception that leaves a handler into the status a client gets; the same rules for gRPC and HTTP.</summary>
public sealed class ErrorTranslator
{
    // A deadline travels as the time that is left, so the caller's clock runs out a little before the server's, and its reset arrives first.
    private static readonly TimeSpan DeadlineSlack = TimeSpan.FromMilliseconds(250);

    private readonly IExceptionMapper[] _mappers;
    private readonly ILogger<ErrorTranslator> _logger;
    private readonly TimeProvider _time;

    /// <summary>Creates the translator over the host's mappers.</summary>
    public ErrorTranslator(IEnumerable<IExceptionMapper> mappers, ILogger<ErrorTranslator> logger, TimeProvider time)
    {
        _mappers = [.. mappers];
        _logger = logger;
        _time = time;
    }

    /// <summary>Translates an exception. Faults of the server are logged in full; what the client sees never has a stack trace.</summary>
    /// <param name="exception">What the handler threw.</param>
    /// <param name="call">Who was called and until when.</param>
    public Google.Rpc.Status Translate(Exception exception, CallFacts call)
    {
        ArgumentNullException.ThrowIfNull(exception);
        switch (exception)
        {
            case ClientGoneException { Left: true }:
                return Ended(call) ?? Faults.Create(Google.Rpc.Code.Cancelled, "The client cancelled the call.", ErrorReasons.Cancelled);
            case ClientGoneException e:
                return e.Answer;
            case InvalidRequestException e:
                return Faults.InvalidArgument(e.Violations, e.Reason);
            case InvalidProtocolBufferException:
                return Faults.Unreadable(); // a message of the client's stream; the first one is read before any handler runs
            case OutOfMemoryException:
                HostingLog.CallFailed(_logger, exception, call.Method, call.RequestId);
                return Faults.OutOfMemory();
            case OverloadedException e:
                return Faults.Overloaded(e.Message, e.RetryAfter);
            case NotReadyException e:
                return Faults.Unavailable(e.Message, e.RetryAfter);
            case RpcException { StatusCode: StatusCode.Cancelled or StatusCode.DeadlineExceeded } when call.CancellationToken.IsCancellationRequested:
                break; // a hop that ended with the call: why the call ended is told below
            case RpcException e:
                return e.GetRpcStatus() ?? new Google.Rpc.Status { Code = (int)e.StatusCode, Message = e.Status.Detail };
        }

        foreach (var mapper in _mappers)
        {
            if (mapper.Map(exception) is { } status)
            {
                return status;
            }
        }

        if (exception is AggregateException { InnerExceptions: [var only] })
        {
            return Translate(only, call);
        }

        // A handler that writes to a caller who is gone fails with whatever the transport throws.
        if (call.CancellationToken.IsCancellationRequested || exception is OperationCanceledException)
        {
            if (Ended(call) is { } ended)
            {
                return ended;
            }

            if (call.CancellationToken.IsCancellationRequested)
            {
                return Faults.Create(Google.Rpc.Code.Cancelled, "The client cancelled the call.", ErrorReasons.Cancelled);
            }
        }

        HostingLog.CallFailed(_logger, exception, call.Method, call.RequestId);
        return Faults.Internal(call.RequestId);
    }

    private Google.Rpc.Status? Ended(CallFacts call) =>
        call.ServerStopping ? Faults.Unavailable("The server is shutting down.", TimeSpan.FromSeconds(1), ErrorReasons.ShuttingDown)
        : call.Deadline - _time.GetUtcNow() <= DeadlineSlack
            ? Faults.Create(Google.Rpc.Code.DeadlineExceeded, "The deadline passed before the answer was complete.", ErrorReasons.DeadlineExceeded)
        : null;
}

/// <summary>What the translation of an error depends on.</summary>
/// <param name="Method">Full method name, for the log.</param>
/// <param name="RequestId">Correlation id.</param>
/// <param name="Deadline">Until when the caller waits, or the service allows.</param>
/// <param name="ServerStopping">Whether the drain of this server is over.</param>
/// <param name="CancellationToken">Cancelled when the caller is gone, the deadline passed, or the drain is over.</param>
public readonly record struct CallFacts(string Method, string RequestId, DateTimeOffset Deadline, bool ServerStopping, CancellationToken CancellationToken);
