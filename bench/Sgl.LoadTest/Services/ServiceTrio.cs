using Grpc.Net.Client;

namespace Sgl.LoadTest;

/// <summary>Small service, large services and router on loopback, each a process, with the demo pair unless others were named.</summary>
internal sealed class ServiceTrio : IAsyncDisposable
{
    private readonly List<ServiceProcess> _all = [];

    private ServiceTrio()
    {
    }

    /// <summary>Replicas of the small model.</summary>
    public IReadOnlyList<ServiceProcess> Smalls => [.. _all.Where(s => s.Name == "small")];

    /// <summary>Replicas of the large model.</summary>
    public IReadOnlyList<ServiceProcess> Larges => [.. _all.Where(s => s.Name == "large")];

    public ServiceProcess Router => _all.Single(s => s.Name == "router");

    public GrpcChannel RouterChannel => Router.Channel;

    /// <summary>Starts all and waits until the router serves.</summary>
    /// <param name="options">Checkpoints and settings.</param>
    /// <param name="smalls">Replicas of the small model.</param>
    /// <param name="larges">Replicas of the large model.</param>
    /// <param name="settings">Settings of the scenario, <c>SERVICE:Key=value</c>; the command line's win.</param>
    /// <param name="routerHeap">Most bytes of the router's managed heap; null: what the machine has.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<ServiceTrio> StartAsync(
        LoadOptions options, int smalls = 1, int larges = 1, IReadOnlyList<string>? settings = null, long? routerHeap = null, CancellationToken cancellationToken = default)
    {
        var trio = new ServiceTrio();
        try
        {
            for (var i = 0; i < smalls; i++)
            {
                await StartAsync("small", [$"Engine:Checkpoint={options.Small}"]);
            }

            for (var i = 0; i < larges; i++)
            {
                await StartAsync("large", [$"Engine:Checkpoint={options.Large}"]);
            }

            await StartAsync("router", [$"Router:Small:Address={Addresses(trio.Smalls)}", $"Router:Large:Address={Addresses(trio.Larges)}"]);
            return trio;
        }
        catch
        {
            await trio.DisposeAsync();
            throw;
        }

        async Task StartAsync(string name, IEnumerable<string> own)
        {
            trio._all.Add(await ServiceProcess.StartAsync(
                name, own.Concat(Settings(name, settings, options)), wait: true, cancellationToken, name == "router" ? null : options.ModelCores, name == "router" ? routerHeap : null));
        }

        static string Addresses(IEnumerable<ServiceProcess> services) => string.Join(',', services.Select(s => s.Grpc.ToString()));
    }

    /// <summary>Settings of one service: the scenario's, then the command line's.</summary>
    public static IEnumerable<string> Settings(string name, IReadOnlyList<string>? scenario, LoadOptions options) =>
        (scenario ?? []).Concat(options.Settings).Where(s => s.StartsWith($"{name}:", StringComparison.Ordinal)).Select(s => s[(name.Length + 1)..]);

    public async ValueTask DisposeAsync()
    {
        foreach (var service in Enumerable.Reverse(_all))
        {
            await service.DisposeAsync();
        }
    }
}
