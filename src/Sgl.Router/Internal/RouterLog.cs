using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Sgl.Router.Internal;

internal static partial class RouterLog
{
    [LoggerMessage(100, LogLevel.Information, "Attempt {Attempt} of {MaxAttempts} at the {Hop} model for {RequestId} in {WaitMs:0} ms: {Detail}", EventName = "Retry")]
    public static partial void Retry(ILogger logger, string hop, string requestId, int attempt, int maxAttempts, double waitMs, string detail);

    [LoggerMessage(101, LogLevel.Warning, "The {Hop} model failed for {RequestId}", EventName = "HopFailed")]
    private static partial void HopFailed(ILogger logger, Exception exception, string hop, string requestId);

    [LoggerMessage(109, LogLevel.Information, "The {Hop} model refuses {RequestId}: {Detail}", EventName = "Refused")]
    public static partial void Refused(ILogger logger, string hop, string requestId, string detail);

    [LoggerMessage(118, LogLevel.Information, "{RequestId} gets no answer of the {Hop} model: {Explanation}", EventName = "NoAnswer")]
    public static partial void NoAnswer(ILogger logger, string hop, string requestId, string explanation);

    /// <summary>A request that a model refuses is the client's affair, one that it has no room or time for is told in a line; anything else is the operator's.</summary>
    public static void HopEnded(ILogger logger, Exception exception, HopException outcome, string hop, string requestId)
    {
        if (outcome.Reason is Wire.RoutingReason.LargeOverloaded or Wire.RoutingReason.LargeTimeout)
        {
            NoAnswer(logger, hop, requestId, outcome.Message);
            return;
        }

        if (exception is RpcException { StatusCode: StatusCode.InvalidArgument } refusal)
        {
            Refused(logger, hop, requestId, refusal.Status.Detail);
        }
        else
        {
            HopFailed(logger, exception, hop, requestId);
        }
    }

    [LoggerMessage(102, LogLevel.Information, "The {Hop} service serves {Model}: {Layers} layers, visual layout {LayoutKey}", EventName = "BackendServes")]
    public static partial void BackendServes(ILogger logger, string hop, string model, int layers, string layoutKey);

    [LoggerMessage(103, LogLevel.Warning, "The {Hop} service does not serve: {Problem}", EventName = "BackendDown")]
    public static partial void BackendDown(ILogger logger, string hop, string problem);

    [LoggerMessage(104, LogLevel.Error, "The models cannot be paired: {Problem}", EventName = "NotPaired")]
    public static partial void NotPaired(ILogger logger, string problem);

    [LoggerMessage(105, LogLevel.Warning, "The policy file was calibrated for {Calibrated}, but {Served} is served", EventName = "OtherModel")]
    public static partial void OtherModel(ILogger logger, string calibrated, string served);

    [LoggerMessage(108, LogLevel.Error, "Watching the {Hop} service failed; it is tried again", EventName = "MonitorFailed")]
    public static partial void MonitorFailed(ILogger logger, Exception exception, string hop);

    [LoggerMessage(110, LogLevel.Information, "Replica {Replica} of the {Hop} model serves {Model}", EventName = "ReplicaServes")]
    public static partial void ReplicaServes(ILogger logger, string hop, string replica, string model);

    [LoggerMessage(111, LogLevel.Warning, "Replica {Replica} of the {Hop} model does not serve: {Problem}", EventName = "ReplicaDown")]
    public static partial void ReplicaDown(ILogger logger, string hop, string replica, string problem);

    [LoggerMessage(112, LogLevel.Error, "Replica {Replica} of the {Hop} model is refused: it serves {Served}, not {Expected}; {Difference}", EventName = "ReplicaRefused")]
    public static partial void ReplicaRefused(ILogger logger, string hop, string replica, string served, string expected, string difference);

    [LoggerMessage(113, LogLevel.Warning, "Replica {Replica} of the {Hop} model is left out for {Seconds:0.###} s: {Problem}", EventName = "ReplicaEjected")]
    public static partial void ReplicaEjected(ILogger logger, string hop, string replica, double seconds, string problem);

    [LoggerMessage(114, LogLevel.Information, "Replicas of the {Hop} model at {Host} are now {Addresses}; gone: {Gone}", EventName = "AddressesChanged")]
    public static partial void AddressesChanged(ILogger logger, string hop, string host, string addresses, string gone);

    [LoggerMessage(119, LogLevel.Warning, "Settings without effect: {Idle}", EventName = "IdleSettings")]
    public static partial void Idle(ILogger logger, string idle);
}
