using System.Collections.Concurrent;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sgl.Hosting;
using Sgl.LargeService;
using Sgl.ModelServing;
using Sgl.Router;
using Sgl.SmallService;

namespace Sgl.Fuzz.Internal;

/// <summary>The three real services on loopback ports with the demo pair, and their log: what clients send must neither be an error of theirs nor reach it raw.</summary>
internal sealed class Trio : IAsyncDisposable
{
    private readonly List<WebApplication> _apps = [];
    private readonly WatchedLog _log = new();

    /// <summary>gRPC addresses by service: router, small, large.</summary>
    public Dictionary<string, Uri> Grpc { get; } = [];

    /// <summary>The router's HTTP API.</summary>
    public Uri Http { get; private set; } = null!;

    /// <summary>Lines that must not be, since the last time they were asked for.</summary>
    public string? Complaint()
    {
        string? first = null;
        while (_log.Complaints.TryDequeue(out var line))
        {
            first ??= line;
        }

        return first;
    }

    /// <summary>Starts all three.</summary>
    public static async Task<Trio> StartAsync()
    {
        var trio = new Trio();
        var loggers = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Debug).AddProvider(trio._log));
        await trio.AddAsync("small", SmallServiceHost.CreateEmbedded(Model("small"), loggers));
        await trio.AddAsync("large", LargeServiceHost.CreateEmbedded(Model("large"), loggers));
        foreach (var app in trio._apps)
        {
            await app.Services.GetRequiredService<EngineHost>().Ready;
        }

        await trio.AddAsync("router", RouterHost.Create(
            new Dictionary<string, string?>
            {
                ["Listen:HttpPort"] = "0",
                ["Router:Small:Address"] = trio.Grpc["small"].GetLeftPart(UriPartial.Authority),
                ["Router:Large:Address"] = trio.Grpc["large"].GetLeftPart(UriPartial.Authority),
            },
            loggers));
        var router = trio._apps[^1].Services;
        await router.GetRequiredService<ServiceHealth>().WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));
        trio.Http = router.GetRequiredService<ServiceEndpoints>().Http!;
        return trio;
    }

    /// <summary>Throws where a service does not answer an ordinary call any more.</summary>
    public async Task CheckAliveAsync()
    {
        using var channel = GrpcChannel.ForAddress(Grpc["router"]);
        var info = await new Wire.RouterService.RouterServiceClient(channel).GetInfoAsync(new Wire.GetInfoRequest(), deadline: DateTime.UtcNow.AddSeconds(20));
        if (info.Small is null || info.Large is null)
        {
            throw new InvalidOperationException("a model is away");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var app in Enumerable.Reverse(_apps))
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }

        _log.Dispose();
    }

    private static Dictionary<string, string?> Model(string name) => new()
    {
        ["Engine:Checkpoint"] = Corpus.Folder($"models/sgl-demo-{name}"),
        ["Engine:MaxNewTokens"] = "4", // answers are not what is tried
        ["Guidance:Timeout"] = "00:00:02",
    };

    private async Task AddAsync(string name, WebApplication app)
    {
        _apps.Add(app);
        await app.StartAsync();
        Grpc[name] = app.Services.GetRequiredService<ServiceEndpoints>().Grpc;
    }

    private sealed class WatchedLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Complaints { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var text = $"{formatter(state, exception)} {exception}";
            if (logLevel >= LogLevel.Error)
            {
                Complaints.Enqueue($"{logLevel} in a log: {text.Split('\n')[0]}");
            }

            if (!PrintableText.IsPrintable(text.ReplaceLineEndings(string.Empty)))
            {
                Complaints.Enqueue($"raw text in a log: {PrintableText.Escape(text)}");
            }
        }

        public void Dispose()
        {
        }
    }
}
