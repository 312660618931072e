using Prometheus;

namespace Sgl.Router;

/// <summary>What each kind of failure is called in <c>sgl_router_replica_failures_total</c>.</summary>
internal enum ReplicaFailure
{
    /// <summary>The connection could not be made, or broke.</summary>
    Broken,

    /// <summary>No first response in time.</summary>
    Silent,

    /// <summary>UNAVAILABLE from the replica itself.</summary>
    Unavailable,

    /// <summary>INTERNAL and the like, or an answer that breaks the contract.</summary>
    Failed,

    /// <summary>RESOURCE_EXHAUSTED; no fault, and no reason to leave it out.</summary>
    Full,
}

/// <summary>Metrics by replica; label <c>backend</c> is the model, <c>replica</c> the address.</summary>
internal sealed class ReplicaMetrics
{
    private static readonly string[] Labels = ["backend", "replica"];
    private static readonly string[] Failures = [.. Enum.GetValues<ReplicaFailure>().Select(f => f.ToString().ToLowerInvariant())];

    private readonly Gauge _serving;
    private readonly Gauge _refused;
    private readonly Gauge _inFlight;
    private readonly Counter _picks;
    private readonly Counter _failures;
    private readonly Counter _ejections;
    private readonly Histogram _probes;

    public ReplicaMetrics(IMetricFactory factory)
    {
        _serving = factory.CreateGauge("sgl_router_replica_serving", "1 while the replica serves and is given calls.", Labels);
        _refused = factory.CreateGauge("sgl_router_replica_refused", "1 while the replica serves another model than the others and gets no calls.", Labels);
        _inFlight = factory.CreateGauge("sgl_router_replica_in_flight", "Calls at the replica, those in its queue included.", Labels);
        _picks = factory.CreateCounter("sgl_router_replica_picks_total", "Calls sent to the replica, retries included.", Labels);
        _failures = factory.CreateCounter(
            "sgl_router_replica_failures_total", "Calls that failed by the replica's fault: broken, silent, unavailable, failed; and full.", [.. Labels, "kind"]);
        _ejections = factory.CreateCounter("sgl_router_replica_ejections_total", "Times the replica was left out although its probes succeeded.", Labels);
        _probes = factory.CreateHistogram(
            "sgl_router_replica_probe_seconds", "Time of a probe for health and model, failed ones included.", Labels,
            new HistogramConfiguration { Buckets = [.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5] });
    }

    public void CountPick(string backend, string replica) => _picks.WithLabels(backend, replica).Inc();

    public void CountFailure(string backend, string replica, ReplicaFailure failure) => _failures.WithLabels(backend, replica, Failures[(int)failure]).Inc();

    public void CountEjection(string backend, string replica) => _ejections.WithLabels(backend, replica).Inc();

    public void ObserveProbe(string backend, string replica, TimeSpan time) => _probes.WithLabels(backend, replica).Observe(time.TotalSeconds);

    public void SetState(string backend, string replica, bool serving, bool refused, int inFlight)
    {
        _inFlight.WithLabels(backend, replica).Set(inFlight);
        _serving.WithLabels(backend, replica).Set(serving ? 1 : 0);
        _refused.WithLabels(backend, replica).Set(refused ? 1 : 0);
    }

    /// <summary>A replica is gone for good; names with ever new addresses must not leave ever more series.</summary>
    public void Forget(string backend, string replica)
    {
        _serving.RemoveLabelled(backend, replica);
        _refused.RemoveLabelled(backend, replica);
        _inFlight.RemoveLabelled(backend, replica);
        _picks.RemoveLabelled(backend, replica);
        _ejections.RemoveLabelled(backend, replica);
        _probes.RemoveLabelled(backend, replica);
        foreach (var failure in Failures)
        {
            _failures.RemoveLabelled(backend, replica, failure);
        }
    }
}
