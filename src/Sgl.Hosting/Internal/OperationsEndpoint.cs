using Microsoft.AspNetCore.Http;
using Prometheus;

namespace Sgl.Hosting.Internal;

/// <summary>The metrics port: <c>/metrics</c>, <c>/healthz</c> (the process lives), <c>/readyz</c> (it can serve; 503 with the reason otherwise).</summary>
internal static class OperationsEndpoint
{
    public static async Task AnswerAsync(HttpContext context, ServiceHealth health, ServiceMetrics metrics)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return;
        }

        switch (context.Request.Path.Value)
        {
            case "/metrics":
                // Exemplars, which lead from a bucket to a trace, exist in OpenMetrics only; Prometheus asks for that.
                var (format, type) = context.Request.Headers.Accept.ToString().Contains("application/openmetrics-text", StringComparison.OrdinalIgnoreCase)
                    ? (ExpositionFormat.OpenMetricsText, "application/openmetrics-text; version=1.0.0; charset=utf-8")
                    : (ExpositionFormat.PrometheusText, "text/plain; version=0.0.4; charset=utf-8");
                context.Response.ContentType = type;
                await metrics.Registry.CollectAndExportAsTextAsync(context.Response.Body, format, context.RequestAborted);
                break;
            case "/healthz":
                await context.Response.WriteAsync("alive\n", context.RequestAborted);
                break;
            case "/readyz":
                var serving = health.IsServing;
                context.Response.StatusCode = serving ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
                var note = health.Note;
                await context.Response.WriteAsync(serving ? note.Length > 0 ? $"serving\n{note}\n" : "serving\n" : $"not serving: {health.Reason}\n", context.RequestAborted);
                break;
            default:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                break;
        }
    }
}
