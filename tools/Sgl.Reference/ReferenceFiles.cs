using Sgl.EngineBridge;
using Sgl.LargeService;
using Sgl.Router;
using Sgl.SmallService;

namespace Sgl.Reference;

/// <summary>The generated pages of <c>docs/reference</c>, from the services themselves: their options, validators, metrics, error reasons and limits.</summary>
public static class ReferenceFiles
{
    /// <summary>What makes the files current.</summary>
    public const string Command = "dotnet run --project tools/Sgl.Reference";

    /// <summary>The repository, found from here upwards.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Sgl.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("Sgl.sln was not found above the program");
    }

    /// <summary>All pages.</summary>
    /// <param name="root">The repository: its demo pair is loaded, since some metrics belong to a loaded model.</param>
    /// <returns>Paths below <paramref name="root"/>, and texts.</returns>
    public static async Task<IReadOnlyDictionary<string, string>> BuildAsync(string root)
    {
        await using var small = SmallServiceHost.CreateEmbedded(Settings("small"));
        await using var large = LargeServiceHost.CreateEmbedded(Settings("large"));
        await small.StartAsync();
        await large.StartAsync();
        // No engine is needed to tell what a bridge to one has.
        await using var bridge = EngineBridgeHost.CreateEmbedded(new Dictionary<string, string?>
        {
            ["Bridge:Endpoint"] = "http://localhost:1/v1",
            ["Bridge:Model"] = "model",
            ["Bridge:Probe"] = "false",
            ["Listen:MetricsPort"] = "0",
        });
        await bridge.StartAsync();
        // It never finds its models, and needs none to tell what it has. With keys it has their metrics too.
        await using var router = RouterHost.Create(new Dictionary<string, string?>
        {
            ["Listen:MetricsPort"] = "0",
            ["Listen:HttpPort"] = "0",
            ["Access:Keys:0:Name"] = "reference",
            ["Access:Keys:0:Hash"] = $"sha256:{new string('0', 64)}",
            ["Router:Small:Address"] = "http://localhost:1",
            ["Router:Large:Address"] = "http://localhost:2",
        });
        await router.StartAsync();
        Service[] services = [new("router", "Sgl.Router", router), new("small", "Sgl.SmallService", small), new("large", "Sgl.LargeService", large), new("bridge", "Sgl.EngineBridge", bridge)];
        foreach (var service in services[1..])
        {
            await service.UntilServingAsync();
        }

        foreach (var service in services)
        {
            service.CreateMetrics();
        }

        var pages = new Dictionary<string, string>
        {
            ["settings.md"] = SettingsPage.Of(root, services),
            ["metrics.md"] = MetricsPage.Of(root, services),
            ["errors.md"] = ErrorsPage.Of(),
            ["limits.md"] = LimitsPage.Of(services),
        };
        return pages.ToDictionary(p => $"docs/reference/{p.Key}", p => p.Value);

        Dictionary<string, string?> Settings(string model) => new()
        {
            ["Engine:Checkpoint"] = Path.Combine(root, "models", $"sgl-demo-{model}"),
            ["Listen:MetricsPort"] = "0",
        };
    }

    /// <summary>The files that are not as they would be written now.</summary>
    public static async Task<IReadOnlyList<string>> StaleAsync(string root)
    {
        var stale = new List<string>();
        foreach (var (name, text) in await BuildAsync(root))
        {
            var file = Path.Combine(root, name);
            if (!File.Exists(file) || await File.ReadAllTextAsync(file) != text)
            {
                stale.Add(name);
            }
        }

        return stale;
    }
}
