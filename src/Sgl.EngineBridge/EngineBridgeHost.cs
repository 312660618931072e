using Microsoft.Extensions.Options;
using Prometheus;
using Sgl.EngineBridge.Internal;
using Sgl.Hosting;
using Sgl.ModelServing;

namespace Sgl.EngineBridge;

/// <summary>Builds the bridge to a foreign engine: as a process of its own, or inside another one.</summary>
public static class EngineBridgeHost
{
    /// <summary>The service as configured by appsettings.json, environment and command line.</summary>
    /// <param name="args">Command line, e.g. <c>--Bridge:Endpoint=http://vllm:8000/v1 --Bridge:Model=Qwen/Qwen2.5-VL-72B-Instruct</c>.</param>
    public static WebApplication Create(string[] args) => Build(SglHost.CreateBuilder(args), null);

    /// <summary>The service for use inside another process; nothing but the given settings is read.</summary>
    /// <param name="settings">Configuration keys and values, e.g. <c>Bridge:Endpoint</c>.</param>
    /// <param name="logging">Where the log goes; null: nowhere.</param>
    /// <param name="registry">Where metrics are collected; null: a registry of its own.</param>
    public static WebApplication CreateEmbedded(IEnumerable<KeyValuePair<string, string?>> settings, ILoggerFactory? logging = null, CollectorRegistry? registry = null) =>
        Build(SglHost.CreateEmbeddedBuilder(settings, logging), registry);

    /// <summary>Why the engine can never serve in this role; empty: it can, or was not reached yet.</summary>
    /// <param name="services">Services of a bridge.</param>
    public static string Unusable(IServiceProvider services) => services.GetRequiredService<EngineProbe>().Unusable;

    private static WebApplication Build(WebApplicationBuilder builder, CollectorRegistry? registry)
    {
        // Read before all is bound, since it says what this service is; a value that is none is told with the others.
        var isSmall = nameof(BridgeRole.Small).Equals(builder.Configuration[$"{BridgeOptions.SectionName}:{nameof(BridgeOptions.Role)}"], StringComparison.OrdinalIgnoreCase);
        builder.AddSglHosting(new ServiceSetup
        {
            Name = isSmall ? "small" : "large",
            HealthNames = [isSmall ? "sgl.v1.SmallService" : "sgl.v1.LargeService"],
            Registry = registry,
        });
        var services = builder.Services;
        services.AddSettings<BridgeOptions, BridgeOptionsValidator>(builder.Configuration, BridgeOptions.SectionName);
        services.AddSettings<RequestLimits, RequestLimitsValidator>(builder.Configuration, RequestLimits.SectionName);
        services.AddSettings<GuidanceOptions, GuidanceOptionsValidator>(builder.Configuration, GuidanceOptions.SectionName);
        services.AddEngineClients();
        services.AddSingleton<ChatEngine>();
        services.AddSingleton<EngineProbe>();
        services.AddHostedService(s => s.GetRequiredService<EngineProbe>());
        services.AddSingleton<BridgeMetrics>();
        services.AddSingleton<ExitScoreMetrics>();
        services.AddSingleton(s => new RequestGate(Bridge(s).MaxConcurrent));
        services.AddSingleton<ICallGate>(s => s.GetRequiredService<RequestGate>());
        services.AddSingleton(s => new UnguidedInputs(s.GetRequiredService<IOptions<GuidanceOptions>>(), Bridge(s).MaxConcurrent, s.GetRequiredService<ServiceMetrics>()));
        services.AddSingleton<BridgeRequests>();
        services.AddSingleton<PictureShaper>();
        services.AddSingleton<VisualTokenMeter>();
        services.AddExceptionMapper<EngineException>(e => e.Status);
        var app = builder.Build();
        app.MapSglHosting();
        if (isSmall)
        {
            app.MapGrpcService<SmallBridgeService>();
        }
        else
        {
            app.MapGrpcService<LargeBridgeService>();
        }

        return app;
    }

    private static BridgeOptions Bridge(IServiceProvider services) => services.GetRequiredService<IOptions<BridgeOptions>>().Value;
}
