using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Gives HTTP endpoints what gRPC calls have: drain, the same errors, counting.</summary>
public sealed class HttpCalls
{
    private readonly CallTracker _calls;
    private readonly ErrorTranslator _errors;
    private readonly ServiceMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<HttpCalls> _logger;

    internal HttpCalls(CallTracker calls, ErrorTranslator errors, ServiceMetrics metrics, TimeProvider time, ILogger<HttpCalls> logger) =>
        (_calls, _errors, _metrics, _time, _logger) = (calls, errors, metrics, time, logger);

    /// <summary>Runs a handler.</summary>
    /// <param name="context">The request.</param>
    /// <param name="route">Its route, for log and metrics; a fixed set.</param>
    /// <param name="handler">Gets a token that is cancelled when the client is gone or the drain is over.</param>
    /// <param name="fail">Answers what the handler threw; not called when the client is gone.</param>
    public async Task RunAsync(HttpContext context, string route, Func<CancellationToken, Task> handler, Func<Google.Rpc.Status, Task> fail)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(fail);
        var started = _time.GetTimestamp();
        var code = StatusCode.OK;
        using var call = _calls.Enter(context.RequestAborted);
        try
        {
            await handler(call.Token);
        }
        catch (Exception e)
        {
            var status = _errors.Translate(e, new CallFacts(route, RequestIds.Of(context), DateTimeOffset.MaxValue, _calls.DrainIsOver, call.Token));
            code = (StatusCode)status.Code;
            if (!context.RequestAborted.IsCancellationRequested)
            {
                await fail(status);
            }
        }
        finally
        {
            _metrics.CountHttp(route, code);
            HostingLog.CallEnded(_logger, route, code, _time.GetElapsedTime(started).TotalMilliseconds, RequestIds.Of(context));
        }
    }
}
