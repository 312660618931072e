using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Gives HTTP endpoints what gRPC calls have: drain, the same errors, counting.</summary>
public sealed class HttpCalls
{
    private readonly CallTracker _calls;
    private readonly RequestMeter _meter;
    private readonly ErrorTranslator _errors;
    private readonly ServiceMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<HttpCalls> _logger;

    internal HttpCalls(CallTracker calls, RequestMeter meter, ErrorTranslator errors, ServiceMetrics metrics, TimeProvider time, ILogger<HttpCalls> logger) =>
        (_calls, _meter, _errors, _metrics, _time, _logger) = (calls, meter, errors, metrics, time, logger);

    /// <summary>When the service itself ends a call.</summary>
    public static DateTimeOffset Deadline(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<CallEnd>()?.Deadline ?? DateTimeOffset.MaxValue;
    }

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
        context.Features.Set(new CallEnd(call.Deadline));
        context.Response.Body = new PatientStream(context.Response.Body, new ReadersPatience(context, _meter, call.Token));
        try
        {
            await handler(call.Token);
        }
        catch (Exception e)
        {
            var status = _errors.Translate(e, new CallFacts(route, RequestIds.Of(context), call.Deadline, _calls.DrainIsOver, call.Token));
            code = (StatusCode)status.Code;
            if (!context.RequestAborted.IsCancellationRequested)
            {
                await TellAsync(status, fail);
            }
        }
        finally
        {
            _metrics.CountHttp(route, code);
            RequestLine.Write(_logger, LogLevel.Information, context, route, code, _time.GetElapsedTime(started));
        }
    }

    private static async Task TellAsync(Google.Rpc.Status status, Func<Google.Rpc.Status, Task> fail)
    {
        try
        {
            await fail(status);
        }
        catch (ClientGoneException)
        {
            // Nobody is there to be told.
        }
    }

    private sealed record CallEnd(DateTimeOffset Deadline);
}
