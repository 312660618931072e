using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;

namespace Sgl.Router.Tests;

/// <summary>What the peers of a test have in common: a real gRPC server on a loopback port.</summary>
internal abstract class Peer : IAsyncDisposable
{
    private WebApplication? _app;
    private int _calls;

    /// <summary>Calls that began.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Released when a call that was running is cancelled.</summary>
    public SemaphoreSlim Cancelled { get; } = new(0);

    /// <summary>Released when a call has its input.</summary>
    public SemaphoreSlim Started { get; } = new(0);

    /// <summary>Statuses that the next calls end with before they answer; null: that call answers.</summary>
    public ConcurrentQueue<RpcException?> Failures { get; } = [];

    /// <summary>Metadata of each call.</summary>
    public ConcurrentQueue<Metadata> Headers { get; } = [];

    /// <summary>Deadline of each call.</summary>
    public ConcurrentQueue<DateTime> Deadlines { get; } = [];

    /// <summary>Calls get no response at all, not even headers, although the peer is healthy.</summary>
    public bool Mute { get; set; }

    /// <summary>Where it listens; port 0: the system chooses.</summary>
    public int Port { get; set; }

    public string Host { get; init; } = "127.0.0.1";

    public string Address => $"{(Tls.Count > 0 ? "https" : "http")}://{Host}:{Port}";

    /// <summary>Settings of TLS; none: h2c.</summary>
    public IReadOnlyDictionary<string, string?> Tls { get; set; } = new Dictionary<string, string?>();

    protected abstract string ServiceName { get; }

    private ServiceHealth Health => _app!.Services.GetRequiredService<ServiceHealth>();

    public async Task StartAsync(bool serving = true)
    {
        var builder = SglHost.CreateEmbeddedBuilder([new("Listen:Address", Host), new("Listen:Port", $"{Port}"), new("Listen:DrainTimeout", "00:00:00"), .. Tls]);
        builder.AddSglHosting(new ServiceSetup { Name = "peer", HealthNames = [ServiceName] });
        AddService(builder.Services);
        _app = builder.Build();
        _app.MapSglHosting();
        Map(_app);
        await _app.StartAsync();
        Port = _app.Services.GetRequiredService<ServiceEndpoints>().Grpc.Port;
        SetServing(serving);
    }

    /// <summary>Ends the server, cutting its connections; the next start has the same port.</summary>
    public async Task StopAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }

    public void SetServing(bool serving)
    {
        if (serving)
        {
            Health.SetServing();
        }
        else
        {
            Health.SetNotServing("told so by the test");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Cancelled.Dispose();
        Started.Dispose();
    }

    protected abstract void AddService(IServiceCollection services);

    protected abstract void Map(WebApplication app);

    /// <summary>Notes the call, fails it as scripted, and tells when it is cancelled, wherever that meets it.</summary>
    protected async Task ServeAsync(ServerCallContext context, Func<Task> answer)
    {
        Interlocked.Increment(ref _calls);
        Headers.Enqueue(context.RequestHeaders);
        Deadlines.Enqueue(context.Deadline);
        if (Failures.TryDequeue(out var failure) && failure is not null)
        {
            throw failure;
        }

        // What the handler meets first when its caller leaves, the token or a stream that is gone, is left to chance.
        var told = 0;
        context.GetHttpContext().RequestAborted.Register(TellCancelled);
        try
        {
            await (Mute ? Task.Delay(Timeout.Infinite, context.CancellationToken) : Task.CompletedTask);
            await answer();
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            TellCancelled();
            throw;
        }

        void TellCancelled()
        {
            if (Interlocked.Exchange(ref told, 1) == 0)
            {
                Cancelled.Release();
            }
        }
    }

    protected static Task WaitAsync(TimeSpan time, ServerCallContext context) =>
        time == TimeSpan.Zero ? Task.CompletedTask : Task.Delay(time, context.CancellationToken);
}
