using Prometheus;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;

namespace Sgl.SmallService;

/// <summary>Builds the small service: as a process of its own, or inside another one.</summary>
public static class SmallServiceHost
{
    /// <summary>The service as configured by appsettings.json, environment and command line.</summary>
    /// <param name="args">Command line, e.g. <c>--Engine:Checkpoint=models/small --Listen:Port=5101</c>.</param>
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
        builder.AddModelServing(new ServiceSetup { Name = "small", HealthNames = ["sgl.v1.SmallService"], Registry = registry });
        builder.Services.AddSingleton<ExitScoreMetrics>();

        // This service never prunes inside its layers, so it needs no stage borders there.
        builder.Services.PostConfigure<EngineOptions>(options =>
        {
            if (options.PruneLayers.Count == 0)
            {
                options.PruneLayers.Add(0);
            }
        });
        var app = builder.Build();
        app.MapSglHosting();
        app.MapGrpcService<SmallModelService>();
        return app;
    }
}
