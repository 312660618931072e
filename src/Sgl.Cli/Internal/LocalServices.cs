using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sgl.EngineBridge;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.LargeService;
using Sgl.ModelServing;
using Sgl.Router;
using Sgl.SmallService;
using Sgl.Vision;

namespace Sgl.Cli.Internal;

/// <summary>What the three services of one process are told.</summary>
internal sealed record LocalServicesOptions
{
    /// <summary>Checkpoint folder of the small model.</summary>
    public required string Small { get; init; }

    /// <summary>Checkpoint folder of the large model.</summary>
    public required string Large { get; init; }

    /// <summary>A foreign engine in place of <see cref="Small"/>; null: none.</summary>
    public ForeignEngine? SmallEngine { get; init; }

    /// <summary>A foreign engine in place of <see cref="Large"/>; null: none.</summary>
    public ForeignEngine? LargeEngine { get; init; }

    /// <summary>Devices of the small model.</summary>
    public string? SmallPlacement { get; init; }

    /// <summary>Devices of the large model.</summary>
    public string? LargePlacement { get; init; }

    /// <summary>Arithmetic of both models on the CPU, as <c>Engine:Weights</c>; null: its default.</summary>
    public string? Weights { get; init; }

    /// <summary>Layers in front of which the large model may prune; empty: the paper's.</summary>
    public IReadOnlyList<int> PruneLayers { get; init; } = [];

    /// <summary>Address that the router binds; the model services stay on this machine.</summary>
    public string Address { get; init; } = "localhost";

    /// <summary>gRPC port of the router; the small and the large service have the next two. 0: the system chooses all three.</summary>
    public int Port { get; init; }

    /// <summary>Port of the router's HTTP API; null: none.</summary>
    public int? HttpPort { get; init; }

    /// <summary>Port of the router's metrics; the small and the large service have the next two. Null: none.</summary>
    public int? MetricsPort { get; init; }

    /// <summary>Time for running requests to end when stopping.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How both models see pictures.</summary>
    public ImageDecoderOptions Pictures { get; init; } = new();

    /// <summary>More settings of the router.</summary>
    public IReadOnlyDictionary<string, string?> Router { get; init; } = new Dictionary<string, string?>();

    /// <summary>Where the services log; null: nowhere.</summary>
    public ILoggerFactory? Logging { get; init; }
}

/// <summary>Router, small and large service in this process, talking to each other over loopback sockets as they do on three machines.</summary>
internal sealed class LocalServices : IAsyncDisposable
{
    private readonly List<(string Name, WebApplication App)> _apps = [];

    private LocalServices()
    {
    }

    /// <summary>gRPC address of the router.</summary>
    public Uri Router => Endpoints("router").Grpc;

    /// <summary>Whether the router's HTTP port has a page.</summary>
    public bool HasPage => RouterHost.HasPage(Services("router"));

    /// <summary>Completes when one of the services stops by itself.</summary>
    public Task Stopped => Task.WhenAny(_apps.Select(a => a.App.WaitForShutdownAsync()));

    /// <summary>Starts all three and loads both models.</summary>
    /// <exception cref="CliException">A port is in use, or the two models do not fit together.</exception>
    public static Task<LocalServices> StartAsync(LocalServicesOptions options, Terminal terminal, CancellationToken cancellationToken)
    {
        string[] names =
        [
            .. options.SmallEngine is null ? [Named("small", options.Small)] : Array.Empty<string>(),
            .. options.LargeEngine is null ? [Named("large", options.Large)] : Array.Empty<string>(),
        ];
        return LoadBars.RunAsync(terminal, names, progress => StartAsync(options, progress, cancellationToken));

        static string Named(string role, string folder) => $"{role} model {Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)))}";
    }

    /// <summary>Where a service listens.</summary>
    public ServiceEndpoints Endpoints(string name) => Services(name).GetRequiredService<ServiceEndpoints>();

    /// <summary>Stops accepting, lets running requests end, and frees the models; the router first, so that nothing is cut off behind it.</summary>
    public async Task StopAsync()
    {
        foreach (var (_, app) in Enumerable.Reverse(_apps))
        {
            await app.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, app) in Enumerable.Reverse(_apps))
        {
            await app.DisposeAsync();
        }
    }

    private static async Task<LocalServices> StartAsync(LocalServicesOptions options, IReadOnlyList<IProgress<LoadProgress>> progress, CancellationToken cancellationToken)
    {
        var services = new LocalServices();
        try
        {
            var small = LocalServiceSettings.Small(options);
            await services.AddAsync(
                "small",
                options.SmallEngine is null ? SmallServiceHost.CreateEmbedded(small, options.Logging, progress[0]) : EngineBridgeHost.CreateEmbedded(small, options.Logging),
                cancellationToken);
            var large = LocalServiceSettings.Large(options);
            await services.AddAsync(
                "large",
                options.LargeEngine is null ? LargeServiceHost.CreateEmbedded(large, options.Logging, progress[^1]) : EngineBridgeHost.CreateEmbedded(large, options.Logging),
                cancellationToken);
            var router = LocalServiceSettings.Router(options, services.Endpoints("small").Grpc, services.Endpoints("large").Grpc);
            await services.AddAsync("router", RouterHost.Create(router, options.Logging), cancellationToken);

            // Either model may fail; its error counts, not the wait for the other one.
            var loading = new[] { "small", "large" }.Where(services.IsLoaded).Select(services.EngineAsync).ToList();
            while (loading.Count > 0)
            {
                var done = await Task.WhenAny(loading).WaitAsync(cancellationToken);
                loading.Remove(done);
                await done;
            }

            await services.PairedAsync(options.LargeEngine is null, cancellationToken);
            return services;
        }
        catch
        {
            await services.DisposeAsync();
            throw;
        }
    }

    private async Task AddAsync(string name, WebApplication app, CancellationToken cancellationToken)
    {
        _apps.Add((name, app));
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new CliException($"the {name} service cannot start: {e.Message.TrimEnd('.')}; choose other ports (--port, --http-port, --metrics-port)", innerException: e);
        }
    }

    private Task<VlmEngine> EngineAsync(string name) => Services(name).GetRequiredService<EngineHost>().Ready;

    /// <summary>Why a foreign engine in the place of the large model does not serve; empty: it does, or there is none.</summary>
    public string LargeEngineProblem => !IsLoaded("large") && Services("large").GetRequiredService<ServiceHealth>() is { IsServing: false } health ? health.Reason : "";

    private async Task PairedAsync(bool waitsForLarge, CancellationToken cancellationToken)
    {
        for (; ; )
        {
            var (knowsBoth, problem) = RouterHost.PairOf(Services("router"));
            if (problem.Length > 0)
            {
                throw new CliException($"the two models cannot be paired: {problem}");
            }

            if (!IsLoaded("small") && EngineBridgeHost.Unusable(Services("small")) is { Length: > 0 } unusable)
            {
                throw new CliException($"the small model cannot be used: {unusable}");
            }

            // An engine elsewhere may come later; until then questions that need it are answered by the small model.
            if (knowsBoth || (!waitsForLarge && Services("router").GetRequiredService<ServiceHealth>().IsServing))
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }

    /// <summary>Whether a service runs its model itself.</summary>
    private bool IsLoaded(string name) => Services(name).GetService<EngineHost>() is not null;

    private IServiceProvider Services(string name) => _apps.First(a => a.Name == name).App.Services;
}
