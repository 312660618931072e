using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;

namespace Sgl.LargeService;

/// <summary>Builds the large service: as a process of its own, or inside another one.</summary>
public static class LargeServiceHost
{
    private static readonly ModelServiceHost<LargeModelService> Host = new("large", "sgl.v1.LargeService")
    {
        // The large model is guided; its own importance is only wanted for studies, which switch it on.
        Defaults = o => o.Importance = false,
        Services = AddServices,
    };

    /// <inheritdoc cref="ModelServiceHost{TService}.Create"/>
    public static WebApplication Create(string[] args) => Host.Create(args);

    /// <inheritdoc cref="ModelServiceHost{TService}.CreateEmbedded"/>
    public static WebApplication CreateEmbedded(
        IEnumerable<KeyValuePair<string, string?>> settings, ILoggerFactory? logging = null, IProgress<LoadProgress>? progress = null) =>
        Host.CreateEmbedded(settings, logging, progress);

    private static void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<GuidanceOptions, GuidanceOptionsValidator>(builder.Configuration, GuidanceOptions.SectionName);
        builder.Services.AddSingleton<DiverseTokens>();
        builder.Services.AddSingleton(s => new UnguidedInputs(
            s.GetRequiredService<IOptions<GuidanceOptions>>(), s.GetRequiredService<IOptions<EngineOptions>>().Value.MaxQueue, s.GetRequiredService<ServiceMetrics>()));
    }
}
