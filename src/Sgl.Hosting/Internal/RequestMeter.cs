using System.IO.Pipelines;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>In front of all handlers: counts calls and the bytes they hold, turns away what is too much, and puts a <see cref="MeteredBody"/> under each.</summary>
internal sealed class RequestMeter
{
    private readonly InFlightBytes _budget;
    private readonly ICallGate[] _gates;
    private readonly ServiceMetrics _metrics;
    private readonly Prometheus.Counter _refused;
    private readonly Prometheus.Counter.Child _stalled;
    private readonly Prometheus.Counter.Child _unread;
    private int _calls;

    public RequestMeter(
        InFlightBytes budget, IOptions<CallLimits> limits, IOptions<ServiceListenOptions> listen, IEnumerable<ICallGate> gates, ServiceMetrics metrics, TimeProvider time)
    {
        (_budget, Limits, MostBytes, _gates, _metrics, Time) = (budget, limits.Value, listen.Value.MaxReceiveMessageBytes, [.. gates], metrics, time);
        _refused = metrics.Factory.CreateCounter("sgl_bytes_refused_total", "Requests refused because requests in flight held too many bytes.");
        var slow = metrics.Factory.CreateCounter("sgl_slow_clients_total", "Streams ended because their client sent nothing (upload) or took nothing (answer) for too long.", ["side"]);
        (_stalled, _unread) = (slow.WithLabels("upload"), slow.WithLabels("answer"));
        var held = metrics.Factory.CreateGauge("sgl_bytes_in_flight", "Bytes of request messages held by calls in flight.");
        metrics.Factory.CreateGauge("sgl_bytes_in_flight_budget", "Bytes of request messages allowed.").Set(budget.Limit);
        metrics.BeforeScrape(_ => held.Set(budget.Used));
    }

    public CallLimits Limits { get; }

    public long MostBytes { get; }

    public TimeProvider Time { get; }

    public void CountRefused() => _refused.Inc();

    public void CountStalled() => _stalled.Inc();

    public void CountUnread() => _unread.Inc();

    public static bool IsGrpc(HttpContext context) => context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true;

    // Health watches and reflection live as long as their client: neither work to drain nor requests to count.
    public static bool IsInfrastructure(string method) =>
        method.StartsWith("/grpc.health.", StringComparison.Ordinal) || method.StartsWith("/grpc.reflection.", StringComparison.Ordinal);

    public async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value ?? "";
        var counts = !IsInfrastructure(path);
        var bytes = new RequestBytes(_budget);
        using var body = new MeteredBody(context, bytes, this, counts ? Refusal(path, Interlocked.Increment(ref _calls)) : null);
        context.Features.Set(bytes);
        if (IsGrpc(context))
        {
            context.Features.Set<IRequestBodyPipeFeature>(new Pipe(body));
        }
        else
        {
            context.Request.Body = body.AsStream();
        }

        try
        {
            await next(context);
            CountUnseen(context, path);
        }
        finally
        {
            bytes.End();
            if (counts)
            {
                Interlocked.Decrement(ref _calls);
            }
        }
    }

    private OverloadedException? Refusal(string path, int calls)
    {
        if (calls > Limits.MaxConcurrent)
        {
            return new OverloadedException($"The service has {Limits.MaxConcurrent} calls already.", InFlightBytes.RetryAfter);
        }

        try
        {
            foreach (var gate in _gates)
            {
                gate.Check(path);
            }

            return null;
        }
        catch (OverloadedException e)
        {
            return e;
        }
    }

    // A call whose message could not be read never gets to the interceptor that counts.
    private void CountUnseen(HttpContext context, string path)
    {
        if (!context.Items.ContainsKey(CallInterceptor.Seen)
            && !IsInfrastructure(path)
            && context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>() is not null
            && !context.Response.HasStarted
            && int.TryParse(context.Response.Headers["grpc-status"].ToString(), out var code))
        {
            _metrics.CountCall(path, (StatusCode)code);
        }
    }

    private sealed class Pipe(PipeReader reader) : IRequestBodyPipeFeature
    {
        public PipeReader Reader => reader;
    }
}
