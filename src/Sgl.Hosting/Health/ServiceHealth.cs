using Grpc.Health.V1;
using Microsoft.Extensions.Logging;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Whether this service can serve, and why not. Read by <c>grpc.health.v1</c>, <c>/readyz</c> and metrics; changes reach watchers at once.</summary>
public sealed class ServiceHealth
{
    private readonly object _gate = new();
    private readonly ServiceSetup _setup;
    private readonly ILogger<ServiceHealth> _logger;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _serving;
    private bool _draining;
    private string _reason = "starting";
    private string _note = "";

    /// <summary>Creates the state, not serving.</summary>
    public ServiceHealth(ServiceSetup setup, ILogger<ServiceHealth> logger)
    {
        _setup = setup;
        _logger = logger;
    }

    /// <summary>Whether requests can be served now.</summary>
    public bool IsServing
    {
        get
        {
            lock (_gate)
            {
                return _serving && !_draining;
            }
        }
    }

    /// <summary>Why requests cannot be served; empty while serving.</summary>
    public string Reason
    {
        get
        {
            lock (_gate)
            {
                return _draining ? "shutting down" : _serving ? "" : _reason;
            }
        }
    }

    /// <summary>What an operator should know although requests can be served; empty while not serving.</summary>
    public string Note
    {
        get
        {
            lock (_gate)
            {
                return _serving && !_draining ? _note : "";
            }
        }
    }

    /// <summary>From now on requests can be served.</summary>
    /// <param name="note">For <c>/readyz</c>: what an operator should know nevertheless.</param>
    public void SetServing(string note = "") => Update(() => (_serving, _reason, _note) = (true, "", note));

    /// <summary>From now on requests cannot be served.</summary>
    /// <param name="reason">For the log and <c>/readyz</c>.</param>
    public void SetNotServing(string reason) => Update(() => (_serving, _reason) = (false, reason));

    /// <summary>The process is going away; nothing makes it serving again.</summary>
    public void BeginDrain() => Update(() => _draining = true);

    /// <summary>Completes when requests can be served.</summary>
    public async Task WaitUntilServingAsync(CancellationToken cancellationToken = default)
    {
        for (; ; )
        {
            var (status, changed) = Observe();
            if (status == HealthCheckResponse.Types.ServingStatus.Serving)
            {
                return;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Whether <paramref name="service"/> is a name this host answers for: empty (the whole host) or one of its services.</summary>
    public bool Knows(string service) => service.Length == 0 || _setup.HealthNames.Contains(service);

    internal (HealthCheckResponse.Types.ServingStatus Status, Task Changed) Observe()
    {
        lock (_gate)
        {
            var status = _serving && !_draining
                ? HealthCheckResponse.Types.ServingStatus.Serving
                : HealthCheckResponse.Types.ServingStatus.NotServing;
            return (status, _changed.Task);
        }
    }

    private void Update(Action change)
    {
        TaskCompletionSource changed;
        string status;
        string reason;
        lock (_gate)
        {
            var before = (_serving && !_draining, Reason);
            change();
            if (before == (_serving && !_draining, Reason))
            {
                return;
            }

            changed = _changed;
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            (status, reason) = (_serving && !_draining ? "SERVING" : "NOT_SERVING", Reason);
        }

        HostingLog.HealthChanged(_logger, _setup.Name, status, reason.Length == 0 ? "ready" : reason);
        changed.SetResult();
    }
}
