using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Sgl.Hosting.Internal;
using StatusCode = Grpc.Core.StatusCode;

namespace Sgl.Hosting;

/// <summary>Records spans and sends them by OTLP, where a collector is configured. Once in a process: a recorder hears all services that run in it.</summary>
public static class Tracing
{
    /// <summary>Sources of our spans begin with this.</summary>
    private const string Sources = "Sgl.*";

    /// <summary>Whether a collector is configured.</summary>
    public static bool IsOn(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return !IsTrue("OTEL_SDK_DISABLED")
            && !Is("OTEL_TRACES_EXPORTER", "none")
            && new[] { "Tracing:Endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" }.Any(k => !string.IsNullOrEmpty(configuration[k]));

        bool IsTrue(string key) => Is(key, "true");

        bool Is(string key, string value) => string.Equals(configuration[key], value, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Records the spans of a process that hosts no service by itself, or several, until it is disposed; null where no collector is configured.</summary>
    /// <param name="name">Name of the process, unless <c>OTEL_SERVICE_NAME</c> says another.</param>
    public static IDisposable? Start(string name)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddEnvironmentVariables(SglHost.EnvironmentPrefix).Build();
        if (!IsOn(configuration))
        {
            return null;
        }

        return Configure(Sdk.CreateTracerProviderBuilder(), name, Read(configuration)).Build();
    }

    internal static void AddTracing(this IServiceCollection services, IConfiguration configuration, string name)
    {
        if (!IsOn(configuration))
        {
            return;
        }

        services.AddOpenTelemetry().WithTracing(tracing => Configure(tracing, $"sgl-{name}", Read(configuration)));
    }

    private static TracingOptions Read(IConfiguration configuration)
    {
        var options = new TracingOptions();
        try
        {
            configuration.GetSection(TracingOptions.SectionName).Bind(options);
        }
        catch (InvalidOperationException)
        {
            // A value that cannot be read is told by the validation, before anything starts.
        }

        return options;
    }

    private static TracerProviderBuilder Configure(TracerProviderBuilder tracing, string name, TracingOptions options)
    {
        var version = typeof(Tracing).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];
        tracing
            .SetResourceBuilder(ResourceBuilder.CreateEmpty().AddService(name, "sgl", version).AddTelemetrySdk().AddEnvironmentVariableDetector())
            .AddSource(Sources)
            .AddAspNetCoreInstrumentation(o =>
            {
                o.Filter = IsWork;
                o.EnrichWithHttpResponse = DescribeCall;
            });
        if (options.SampleRatio is { } ratio)
        {
            tracing.SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(ratio)));
        }

        return tracing.AddOtlpExporter(otlp =>
        {
            otlp.Endpoint = Endpoint(options, otlp.Endpoint);
            otlp.Protocol = options.Protocol switch
            {
                TraceProtocol.Grpc => OtlpExportProtocol.Grpc,
                TraceProtocol.HttpProtobuf => OtlpExportProtocol.HttpProtobuf,
                _ => otlp.Protocol,
            };
        });
    }

    // Probes and scrapes come every few seconds and say nothing.
    private static bool IsWork(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        return !RequestMeter.IsInfrastructure(path) && !CallInterceptor.IsRoutine(path) && path is not ("/metrics" or "/healthz" or "/readyz" or "/health");
    }

    // The library tells gRPC calls as HTTP requests that succeed, whatever became of them.
    private static void DescribeCall(Activity span, HttpResponse response)
    {
        if (response.HttpContext.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>() is not { Method: var method })
        {
            return;
        }

        span.DisplayName = $"{method.ServiceName}/{method.Name}";
        span.SetTag("rpc.system", "grpc").SetTag("rpc.service", method.ServiceName).SetTag("rpc.method", method.Name);
        if (int.TryParse(span.GetTagItem("grpc.status_code") as string, CultureInfo.InvariantCulture, out var code))
        {
            span.SetTag("rpc.grpc.status_code", code).SetTag("grpc.status_code", null).SetTag("grpc.method", null);
            span.SetStatus(IsFault((StatusCode)code) ? ActivityStatusCode.Error : ActivityStatusCode.Unset);
        }
    }

    private static bool IsFault(StatusCode code) =>
        code is StatusCode.Unknown or StatusCode.DeadlineExceeded or StatusCode.Unimplemented or StatusCode.Internal or StatusCode.Unavailable or StatusCode.DataLoss;

    private static Uri Endpoint(TracingOptions options, Uri fromEnvironment) =>
        options.Endpoint is not { } endpoint ? fromEnvironment
        : options.Protocol == TraceProtocol.HttpProtobuf && endpoint.AbsolutePath == "/" ? new Uri(endpoint, "/v1/traces")
        : endpoint;
}
