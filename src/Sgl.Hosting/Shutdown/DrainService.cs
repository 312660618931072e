using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>
/// Orderly shutdown: NOT_SERVING at once; the shutdown delay, in which calls are still accepted; then no new connections, and running calls have the
/// drain timeout to end; then they are cancelled and answered with UNAVAILABLE. The host's own timeout lies behind that as the last resort.
/// </summary>
internal sealed class DrainService(
    ServiceHealth health,
    CallTracker calls,
    IOptions<ServiceListenOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<DrainService> logger) : IHostedLifecycleService
{
    private readonly Lock _gate = new();
    private Task? _draining;
    private ITimer? _timer;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStopping.Register(health.BeginDrain);
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>A host is stopped twice where a signal and its owner do it: there is one drain, and both wait for it.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _draining ??= DrainAsync(cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        // Stopping a host in process does not raise ApplicationStopping before this point; a signal does.
        health.BeginDrain();
        var (delay, drain) = (options.Value.ShutdownDelay, options.Value.DrainTimeout);
        HostingLog.Draining(logger, calls.Count, delay + drain);
        _timer = time.CreateTimer(_ => EndDrain(drain), null, delay + drain, Timeout.InfiniteTimeSpan);
        if (delay > TimeSpan.Zero)
        {
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void EndDrain(TimeSpan timeout)
    {
        if (calls.Count > 0)
        {
            HostingLog.DrainTimedOut(logger, timeout, calls.Count);
        }

        calls.EndDrain();
    }
}
