using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>Builds the service of one model: as a process of its own, or inside another one.</summary>
/// <typeparam name="TService">What answers its calls.</typeparam>
/// <param name="name">Short name in metrics and traces, e.g. <c>small</c>.</param>
/// <param name="grpcName">Full name of the gRPC service, which health is asked by.</param>
public sealed class ModelServiceHost<TService>(string name, string grpcName)
    where TService : class
{
    /// <summary>What the engine's settings are where none are given.</summary>
    public Action<EngineOptions>? Defaults { get; init; }

    /// <summary>Adds what only this service has.</summary>
    public Action<WebApplicationBuilder>? Services { get; init; }

    /// <summary>The service as configured by appsettings.json, environment and command line.</summary>
    /// <param name="args">Command line, e.g. <c>--Engine:Checkpoint=models/small --Listen:Port=5101</c>.</param>
    public WebApplication Create(string[] args) => Build(SglHost.CreateBuilder(args));

    /// <summary>The service for use inside another process; nothing but the given settings is read.</summary>
    /// <param name="settings">Configuration keys and values, e.g. <c>Engine:Checkpoint</c>.</param>
    /// <param name="logging">Where the log goes; null: nowhere.</param>
    /// <param name="progress">Shown the progress of loading; null: nobody.</param>
    public WebApplication CreateEmbedded(IEnumerable<KeyValuePair<string, string?>> settings, ILoggerFactory? logging = null, IProgress<LoadProgress>? progress = null)
    {
        var builder = SglHost.CreateEmbeddedBuilder(settings, logging);
        if (progress is not null)
        {
            builder.Services.AddSingleton(progress);
        }

        return Build(builder);
    }

    private WebApplication Build(WebApplicationBuilder builder)
    {
        // Before the settings are bound, which win.
        builder.Services.Configure<EngineOptions>(o => Defaults?.Invoke(o));
        builder.AddModelServing(new ServiceSetup { Name = name, HealthNames = [grpcName] });
        Services?.Invoke(builder);
        var app = builder.Build();
        app.MapSglHosting();
        app.MapGrpcService<TService>();
        return app;
    }
}
