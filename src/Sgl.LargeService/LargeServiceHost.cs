using Microsoft.Extensions.Options;
using Prometheus;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;

namespace Sgl.LargeService;

/// <summary>Builds the large service: as a process of its own, or inside another one.</summary>
public static class LargeServiceHost
{
    /// <summary>The service as configured by appsettings.json, environment and command line.</summary>
    /// <param name="args">Command line, e.g. <c>--Engine:Checkpoint=models/large --Engine:Placement=0-23:cuda:0,24-47:cuda:1</c>.</param>
    public static WebApplication Create(string[] args) => Build(SglHost.CreateBuilder(args), null);

    /// <summary>The service for use inside another process; nothing but the given settings is read.</summary>
    /// <param name="settings">Configuration keys and values, e.g. <c>Engine:Checkpoint</c>.</param>
    /// <param name="logging">Where the log goes; null: nowhere.</param>
    /// <param name="progress">Shown the progress of loading; null: nobody.</param>
    /// <param name="registry">Where metrics are collected; null: a registry of its own.</param>
    public static WebApplication CreateEmbedded(
        IEnumerable<KeyValuePair<string, string?>> settings,
        ILoggerFactory? logging = null,
        IProgress<LoadProgress>? progress = null,
        CollectorRegistry? registry = null)
    {
        var builder = SglHost.CreateEmbeddedBuilder(settings, logging);
        if (progress is not null)
        {
            builder.Services.AddSingleton(progress);
        }

        return Build(builder, registry);
    }

    private static WebApplication Build(WebApplicationBuilder builder, CollectorRegistry? registry)
    {
        // The large model is guided; its own importance is only wanted for studies, which switch it on.
        builder.Services.Configure<EngineOptions>(o => o.Importance = false);
        builder.AddModelServing(new ServiceSetup { Name = "large", HealthNames = ["sgl.v1.LargeService"], Registry = registry });
        builder.Services.AddSettings<GuidanceOptions, GuidanceOptionsValidator>(builder.Configuration, GuidanceOptions.SectionName);
        builder.Services.AddSingleton(s => new UnguidedInputs(
            s.GetRequiredService<IOptions<GuidanceOptions>>(), s.GetRequiredService<IOptions<EngineOptions>>().Value.MaxQueue, s.GetRequiredService<ServiceMetrics>()));
        var app = builder.Build();
        app.MapSglHosting();
        app.MapGrpcService<LargeModelService>();
        return app;
    }
}
