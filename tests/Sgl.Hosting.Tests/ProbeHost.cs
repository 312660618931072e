using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Sgl.Hosting.Tests;

/// <summary>A real host on loopback ports with the probe service.</summary>
internal sealed class ProbeHost : IAsyncDisposable
{
    private ProbeHost(WebApplication app, ProbeLog log)
    {
        App = app;
        Log = log;
        Channel = GrpcChannel.ForAddress(Endpoints.Grpc, new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
        Client = new Probe.ProbeClient(Channel);
        Http = new HttpClient();
    }

    public WebApplication App { get; }

    public ProbeLog Log { get; }

    public GrpcChannel Channel { get; }

    public Probe.ProbeClient Client { get; }

    public HttpClient Http { get; }

    public ServiceEndpoints Endpoints => App.Services.GetRequiredService<ServiceEndpoints>();

    public ServiceHealth Health => App.Services.GetRequiredService<ServiceHealth>();

    public ServiceMetrics Metrics => App.Services.GetRequiredService<ServiceMetrics>();

    public static WebApplication Build(ProbeLog log, ServiceSetup? setup, params (string Key, string Value)[] settings)
    {
        var all = new Dictionary<string, string?> { ["Listen:MetricsPort"] = "0" };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var builder = SglHost.CreateEmbeddedBuilder(all, LoggerFactory.Create(l => l.AddProvider(new QueueLogger(log.Lines))));
        builder.AddSglHosting(setup ?? new ServiceSetup { Name = "probe", HealthNames = ["sgl.testing.Probe"] });
        builder.Services.AddSingleton(log);
        builder.Services.AddExceptionMapper<FormatException>(e => Faults.InvalidArgument(e.Message, "mapped"));
        var app = builder.Build();
        app.MapSglHosting();
        app.MapGrpcService<ProbeService>();
        return app;
    }

    public static Task<ProbeHost> StartAsync(params (string Key, string Value)[] settings) => StartAsync(null, settings);

    public static async Task<ProbeHost> StartAsync(ServiceSetup? setup, params (string Key, string Value)[] settings)
    {
        var log = new ProbeLog();
        var app = Build(log, setup, settings);
        await app.StartAsync();
        return new ProbeHost(app, log);
    }

    public Task<string> MetricsTextAsync() => Http.GetStringAsync(new Uri(Endpoints.Metrics!, "/metrics"));

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Channel.Dispose();
        await App.DisposeAsync();
        Log.Dispose();
    }

    private sealed class QueueLogger(System.Collections.Concurrent.ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
