using Microsoft.Extensions.Logging;

namespace Sgl.Access.Internal;

internal static partial class AccessLog
{
    [LoggerMessage(200, LogLevel.Information, "{Method} {Path} refused with {Code}, {Reason}: caller {Caller}, {RequestId}", EventName = "Refused")]
    public static partial void Refused(ILogger logger, string method, string path, Google.Rpc.Code code, string reason, string caller, string requestId);

    [LoggerMessage(201, LogLevel.Information, "{File} has changed: {Count} keys are accepted now", EventName = "KeysReloaded")]
    public static partial void Reloaded(ILogger logger, string file, int count);

    [LoggerMessage(202, LogLevel.Error, "{File} has changed and cannot be used, so the keys stay as they were: {Problem}", EventName = "KeysNotReloaded")]
    public static partial void NotReloaded(ILogger logger, string file, string problem);
}
