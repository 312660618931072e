using System.Diagnostics;
using Grpc.Core;
using Prometheus;

namespace Sgl.Hosting;

/// <summary>
/// What every service measures of its calls, and where it adds its own: prefix <c>sgl_</c>, seconds and bytes, static label <c>service</c>. Durations come
/// from one process's monotonic clock.
/// </summary>
public sealed class ServiceMetrics
{
    private readonly Counter _calls;
    private readonly Counter _httpCalls;

    /// <summary>Registers the metrics of one service.</summary>
    /// <param name="setup">Name and, where given, the registry.</param>
    public ServiceMetrics(ServiceSetup setup)
    {
        Registry = setup.Registry ?? NewRegistry();
        Factory = Prometheus.Metrics.WithCustomRegistry(Registry).WithLabels(new Dictionary<string, string> { ["service"] = setup.Name });
        Factory.ExemplarBehavior = new ExemplarBehavior
        {
            // A trace that nobody records is no example of anything.
            DefaultExemplarProvider = (_, _) => Activity.Current is { Recorded: true } ? Exemplar.FromTraceContext() : Exemplar.None,
        };
        _calls = Factory.CreateCounter("sgl_grpc_requests_total", "gRPC calls by method and status code.", ["method", "code"]);
        _httpCalls = Factory.CreateCounter("sgl_http_requests_total", "HTTP calls by route and status code of the answer.", ["route", "code"]);
        TimeToFirstToken = Histogram("sgl_time_to_first_token_seconds", "From the request to its first token.", MetricBuckets.TimeToFirstToken);
        InterToken = Histogram("sgl_inter_token_latency_seconds", "Between two tokens of one answer.", MetricBuckets.InterToken);
        EndToEnd = Histogram("sgl_e2e_request_latency_seconds", "From the request to the end of its answer.", MetricBuckets.EndToEnd);
        Running = Factory.CreateGauge("sgl_requests_running", "Requests being worked on.");
        Serving = Factory.CreateGauge("sgl_serving", "1 while the service reports SERVING.");
    }

    /// <summary>Where the metrics are collected.</summary>
    public CollectorRegistry Registry { get; }

    /// <summary>Makes further metrics of this service, with its label.</summary>
    public IMetricFactory Factory { get; }

    /// <summary>Request to first token.</summary>
    public Histogram TimeToFirstToken { get; }

    /// <summary>Between two tokens.</summary>
    public Histogram InterToken { get; }

    /// <summary>Request to end of answer.</summary>
    public Histogram EndToEnd { get; }

    /// <summary>Requests being worked on.</summary>
    public Gauge Running { get; }

    internal Gauge Serving { get; }

    /// <summary>Makes gauges up to date right before each scrape.</summary>
    public void BeforeScrape(Action<ServiceMetrics> update) => Registry.AddBeforeCollectCallback(() => update(this));

    internal void CountCall(string method, StatusCode code) => _calls.WithLabels(method, code.ToString()).Inc();

    internal void CountHttp(string route, StatusCode code) => _httpCalls.WithLabels(route, code.ToString()).Inc();

    private static CollectorRegistry NewRegistry()
    {
        var registry = Prometheus.Metrics.NewCustomRegistry();
        DotNetStats.Register(registry);
        return registry;
    }

    /// <summary>Makes a histogram of this service.</summary>
    /// <param name="name">With the prefix.</param>
    /// <param name="help">What it says.</param>
    /// <param name="buckets">See <see cref="MetricBuckets"/>.</param>
    /// <param name="labels">Names of its labels.</param>
    public Histogram Histogram(string name, string help, double[] buckets, params string[] labels) =>
        Factory.CreateHistogram(name, help, labels, new HistogramConfiguration { Buckets = buckets });
}
