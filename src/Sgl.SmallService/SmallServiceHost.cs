using Sgl.Inference;
using Sgl.ModelServing;

namespace Sgl.SmallService;

/// <summary>Builds the small service: as a process of its own, or inside another one.</summary>
public static class SmallServiceHost
{
    private static readonly ModelServiceHost<SmallModelService> Host = new("small", "sgl.v1.SmallService") { Services = AddServices };

    /// <inheritdoc cref="ModelServiceHost{TService}.Create"/>
    public static WebApplication Create(string[] args) => Host.Create(args);

    /// <inheritdoc cref="ModelServiceHost{TService}.CreateEmbedded"/>
    public static WebApplication CreateEmbedded(
        IEnumerable<KeyValuePair<string, string?>> settings, ILoggerFactory? logging = null, IProgress<LoadProgress>? progress = null) =>
        Host.CreateEmbedded(settings, logging, progress);

    private static void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ExitScoreMetrics>();

        // This service never prunes inside its layers, so it needs no stage borders there.
        builder.Services.PostConfigure<EngineOptions>(options =>
        {
            if (options.PruneLayers.Count == 0)
            {
                options.PruneLayers.Add(0);
            }
        });
    }
}
