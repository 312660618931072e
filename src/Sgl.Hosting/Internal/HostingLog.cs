using Microsoft.Extensions.Logging;

namespace Sgl.Hosting.Internal;

internal static partial class HostingLog
{
    [LoggerMessage(1, LogLevel.Error, "{Method} failed; correlation id {RequestId}", EventName = "CallFailed")]
    public static partial void CallFailed(ILogger logger, Exception exception, string method, string requestId);

    [LoggerMessage(3, LogLevel.Information, "{Service} listens on {Grpc}; metrics on {Metrics}; HTTP on {Http}", EventName = "Listening")]
    public static partial void Listening(ILogger logger, string service, string grpc, string metrics, string http);

    [LoggerMessage(4, LogLevel.Information, "Health of {Service} is now {Status}: {Reason}", EventName = "HealthChanged")]
    public static partial void HealthChanged(ILogger logger, string service, string status, string reason);

    [LoggerMessage(5, LogLevel.Information, "Draining: {Calls} calls in flight, up to {Timeout} for them", EventName = "Draining")]
    public static partial void Draining(ILogger logger, int calls, TimeSpan timeout);

    [LoggerMessage(7, LogLevel.Information, "Idle: memory trimmed from {BeforeMiB} to {AfterMiB} MiB", EventName = "MemoryTrimmed")]
    public static partial void MemoryTrimmed(ILogger logger, long beforeMiB, long afterMiB);

    [LoggerMessage(6, LogLevel.Warning, "Drain timeout of {Timeout} is over; {Calls} calls are cancelled", EventName = "DrainTimedOut")]
    public static partial void DrainTimedOut(ILogger logger, TimeSpan timeout, int calls);

    [LoggerMessage(8, LogLevel.Warning, "{Service} can be reached from other machines and asks nobody who they are: set Listen:Tls:ClientCaPath, or let the network see to it", EventName = "Open")]
    public static partial void Open(ILogger logger, string service);
}
