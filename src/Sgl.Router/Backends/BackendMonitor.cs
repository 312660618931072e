using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>
/// Asks both model services for health and model, again and again, checks that they fit together, and sets the router's own health: SERVING while the small
/// model serves, the models fit, and the large model serves too unless the policy is to degrade.
/// </summary>
internal sealed class BackendMonitor : BackgroundService
{
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan EagerInterval = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly Backends _backends;
    private readonly DefaultPolicy _policy;
    private readonly RouterOptions _options;
    private readonly ServiceHealth _health;
    private readonly RouterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<BackendMonitor> _logger;
    private volatile ModelPair _pair = ModelPair.Unknown;

    public BackendMonitor(
        Backends backends, DefaultPolicy policy, IOptions<RouterOptions> options, ServiceHealth health, RouterMetrics metrics, TimeProvider time, ILogger<BackendMonitor> logger)
    {
        (_backends, _policy, _options) = (backends, policy, options.Value);
        (_health, _metrics, _time, _logger) = (health, metrics, time, logger);
    }

    /// <summary>The latest state.</summary>
    public ModelPair Pair => _pair;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        WatchAsync(_backends.Small, ProbeSmallAsync, (pair, state) => pair with { Small = state }, pair => pair.Small, stoppingToken),
        WatchAsync(_backends.Large, ProbeLargeAsync, (pair, state) => pair with { Large = state }, pair => pair.Large, stoppingToken));

    private async Task WatchAsync(
        Backend backend,
        Func<CallOptions, Task<Wire.ModelInfo>> model,
        Func<ModelPair, BackendState, ModelPair> with,
        Func<ModelPair, BackendState> of,
        CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var state = await ProbeAsync(backend, model, of(_pair).Info, stopping);
                Apply(backend.Name, pair => with(pair, state), of);
                await Task.Delay(state.Serving || _options.HealthInterval < EagerInterval ? _options.HealthInterval : EagerInterval, _time, stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                RouterLog.MonitorFailed(_logger, e, backend.Name);
                await Task.Delay(EagerInterval, _time, CancellationToken.None);
            }
            catch (Exception)
            {
                // The router is stopping: a call it ended itself is no failure, whatever it threw.
                return;
            }
        }
    }

    private async Task<BackendState> ProbeAsync(
        Backend backend, Func<CallOptions, Task<Wire.ModelInfo>> model, Wire.ModelInfo? known, CancellationToken stopping)
    {
        var problem = "";

        // Round-robin asks another replica each time; one that serves is enough.
        for (var i = 0; i < backend.ReplicaCount; i++)
        {
            try
            {
                var options = new CallOptions(deadline: _time.GetUtcNow().Add(ProbeTimeout).UtcDateTime, cancellationToken: stopping);
                var health = await backend.Health.CheckAsync(new HealthCheckRequest { Service = backend.ServiceName }, options);
                if (health.Status == HealthCheckResponse.Types.ServingStatus.Serving)
                {
                    return new BackendState(true, await model(options), "");
                }

                problem = $"it reports {health.Status} at {backend.Address}";
            }
            catch (RpcException e) when (!stopping.IsCancellationRequested)
            {
                problem = $"{e.StatusCode} at {backend.Address}: {e.Status.Detail}";
            }
        }

        return new BackendState(false, known, problem);
    }

    private void Apply(string name, Func<ModelPair, ModelPair> change, Func<ModelPair, BackendState> of)
    {
        lock (_gate)
        {
            var before = _pair;
            var after = change(before);
            after = after with { PairingProblem = Pairing.Problem(after.Small.Info, after.Large.Info, _policy) };
            _pair = after;
            _metrics.SetServing(name, of(after).Serving);
            Report(name, of(before), of(after));
            if (after.PairingProblem.Length > 0 && after.PairingProblem != before.PairingProblem)
            {
                RouterLog.NotPaired(_logger, after.PairingProblem);
            }

            if (after.PairingProblem.Length > 0)
            {
                _health.SetNotServing(after.PairingProblem);
            }
            else if (!after.Small.Serving)
            {
                _health.SetNotServing($"the small model does not serve: {after.Small.Problem}");
            }
            else if (!after.Large.Serving && _policy.OnLargeFailure == LargeFailure.Fail)
            {
                _health.SetNotServing($"the large model does not serve: {after.Large.Problem}");
            }
            else
            {
                _health.SetServing();
            }
        }
    }

    private void Report(string name, BackendState before, BackendState after)
    {
        if (after.Serving && (!before.Serving || !after.Info!.Equals(before.Info)))
        {
            RouterLog.BackendServes(_logger, name, after.Info!.Name, after.Info.LayerCount, after.Info.VisualLayoutKey);
            var calibrated = name == _backends.Small.Name ? _policy.File?.SmallModel : _policy.File?.LargeModel;
            if (calibrated is not null && calibrated != after.Info.Name)
            {
                RouterLog.OtherModel(_logger, calibrated, after.Info.Name);
            }
        }
        else if (!after.Serving && (before.Serving || ReferenceEquals(before, BackendState.Unknown)))
        {
            RouterLog.BackendDown(_logger, name, after.Problem);
        }
    }

    private async Task<Wire.ModelInfo> ProbeSmallAsync(CallOptions options) =>
        (await _backends.SmallClient.GetModelInfoAsync(new Wire.SmallServiceGetModelInfoRequest(), options)).Model;

    private async Task<Wire.ModelInfo> ProbeLargeAsync(CallOptions options) =>
        (await _backends.LargeClient.GetModelInfoAsync(new Wire.LargeServiceGetModelInfoRequest(), options)).Model;
}
