using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;

namespace Sgl.TestKit.Serving;

/// <summary>A real service on loopback ports, with a channel to it.</summary>
public sealed class RunningService : IAsyncDisposable
{
    private RunningService(WebApplication app)
    {
        App = app;
        Endpoints = app.Services.GetRequiredService<ServiceEndpoints>();
        Channel = GrpcChannel.ForAddress(Endpoints.Grpc, new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
    }

    public WebApplication App { get; }

    public ServiceEndpoints Endpoints { get; }

    public GrpcChannel Channel { get; }

    public EngineHost Host => App.Services.GetRequiredService<EngineHost>();

    public ServiceHealth Health => App.Services.GetRequiredService<ServiceHealth>();

    public VlmEngine Engine => Host.Engine;

    /// <summary>The folder of one of the two demo models, <c>small</c> or <c>large</c>.</summary>
    public static string DemoModel(string name) => Path.Combine(SharedData.RepositoryRoot, "models", $"sgl-demo-{name}");

    /// <summary>Settings of a service on a demo model; later ones win.</summary>
    public static Dictionary<string, string?> Settings(string model, params (string Key, string Value)[] more)
    {
        var settings = new Dictionary<string, string?> { ["Engine:Checkpoint"] = DemoModel(model), ["Listen:MetricsPort"] = "0" };
        foreach (var (key, value) in more)
        {
            settings[key] = value;
        }

        return settings;
    }

    /// <summary>Starts a service and waits until its model is loaded.</summary>
    public static async Task<RunningService> StartAsync(WebApplication app)
    {
        var service = await StartLoadingAsync(app);
        await service.Host.Ready.WaitAsync(TimeSpan.FromMinutes(2));
        return service;
    }

    /// <summary>Starts a service; its model loads in the background.</summary>
    public static async Task<RunningService> StartLoadingAsync(WebApplication app)
    {
        await app.StartAsync();
        return new RunningService(app);
    }

    /// <summary>Waits until the engine has nothing to do: the work of all calls has ended.</summary>
    public async Task IdleAsync()
    {
        for (var i = 0; Engine.Load is not { Running: 0, Waiting: 0 }; i++)
        {
            Assert.True(i < 400, $"The engine still works, {Engine.Load}, after 20 s.");
            await Task.Delay(50);
        }
    }

    public async Task<string> MetricsAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri(Endpoints.Metrics!, "/metrics"));
    }

    /// <summary>The value of a metric, summed over its labels; 0 where there is none.</summary>
    /// <param name="name">Its name, with or without a part of its labels.</param>
    public async Task<double> MetricAsync(string name) => (await MetricsAsync()).Split('\n')
        .Where(l => l.StartsWith(name, StringComparison.Ordinal) && (name.Contains('{', StringComparison.Ordinal) || l[name.Length] is ' ' or '{'))
        .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Waits until a metric has a value.</summary>
    public async Task UntilMetricAsync(string name, double value)
    {
        for (var i = 0; await MetricAsync(name) is var now && now != value; i++)
        {
            Assert.True(i < 400, $"{name} is {now} after 20 s, not {value}.");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await App.DisposeAsync();
    }
}
