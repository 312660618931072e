using Prometheus;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Metrics that only the router has, beside <see cref="ServiceMetrics"/>.</summary>
internal sealed class RouterMetrics
{
    private readonly Counter _retries;
    private readonly Counter _shed;
    private readonly Counter _degraded;
    private readonly Gauge _backends;
    private readonly Gauge _threshold;
    private readonly Histogram _hops;

    public RouterMetrics(ServiceMetrics common)
    {
        Common = common;
        Replicas = new ReplicaMetrics(common.Factory);
        _retries = common.Factory.CreateCounter("sgl_router_retries_total", "Retried attempts by model.", ["backend"]);
        _shed = common.Factory.CreateCounter("sgl_router_shed_total", "Calls not sent to a model that is known to be full, by model.", ["backend"]);
        _degraded = common.Factory.CreateCounter("sgl_router_degraded_total", "Degraded answers by reason.", ["reason"]);
        _backends = common.Factory.CreateGauge("sgl_router_backend_serving", "1 while the model's service reports SERVING.", ["backend"]);
        _threshold = common.Factory.CreateGauge("sgl_router_threshold", "Threshold that the last request was decided with, by criterion.", ["criterion"]);
        _hops = common.Factory.CreateHistogram(
            "sgl_router_hop_seconds", "Time a request spent waiting for each model.", ["backend"], new HistogramConfiguration { Buckets = MetricBuckets.EndToEnd });
        FirstFinalToken = common.Factory.CreateHistogram(
            "sgl_time_to_first_final_token_seconds", "From the request to the first token of the answer that counts.",
            new HistogramConfiguration { Buckets = MetricBuckets.TimeToFirstToken });
    }

    public ServiceMetrics Common { get; }

    public ReplicaMetrics Replicas { get; }

    public Histogram FirstFinalToken { get; }

    public void CountRetry(string backend) => _retries.WithLabels(backend).Inc();

    public void CountShed(string backend) => _shed.WithLabels(backend).Inc();

    public void CountDegraded(Wire.RoutingReason reason) => _degraded.WithLabels(reason.ToString().ToLowerInvariant()).Inc();

    public void SetServing(string backend, bool serving) => _backends.WithLabels(backend).Set(serving ? 1 : 0);

    public void SetThreshold(string criterion, double threshold) => _threshold.WithLabels(criterion).Set(threshold);

    public void ObserveHop(string backend, TimeSpan time) => _hops.WithLabels(backend).Observe(time.TotalSeconds);
}
