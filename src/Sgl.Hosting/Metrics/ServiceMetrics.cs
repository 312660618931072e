using System.Diagnostics;
using Grpc.Core;
using Prometheus;

namespace Sgl.Hosting;

/// <summary>
/// All metrics of a service, prefix <c>sgl_</c>, seconds and bytes, static label <c>service</c>. Durations come from one process's monotonic clock.
/// The gauges <c>sgl_requests_waiting</c>, <c>sgl_requests_running</c> and <c>sgl_kv_bytes_*</c> are the load signals an inference gateway or autoscaler reads.
/// </summary>
public sealed class ServiceMetrics
{
    private static readonly string[] Paths = [.. Enum.GetValues<RequestPath>().Select(p => p.ToString().ToLowerInvariant())];
    private static readonly string[] Phases = [.. Enum.GetValues<RequestPhase>().Select(p => p.ToString().ToLowerInvariant())];

    private readonly Counter _calls;
    private readonly Counter _httpCalls;
    private readonly Counter _requests;
    private readonly Histogram _scores;
    private readonly Histogram _phases;

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
        _requests = Factory.CreateCounter("sgl_requests_total", "Questions by the path their answer took: exit, escalated, degraded; or why there was none: failed, shed, cancelled, deadline.", ["path"]);
        _scores = Histogram("sgl_exit_score", "Exit scores by criterion.", MetricBuckets.Score, "criterion");
        _phases = Histogram("sgl_phase_seconds", "Time per phase of a request.", MetricBuckets.TimeToFirstToken, "phase");
        TimeToFirstToken = Histogram("sgl_time_to_first_token_seconds", "From the request to its first token.", MetricBuckets.TimeToFirstToken);
        InterToken = Histogram("sgl_inter_token_latency_seconds", "Between two tokens of one answer.", MetricBuckets.InterToken);
        EndToEnd = Histogram("sgl_e2e_request_latency_seconds", "From the request to the end of its answer.", MetricBuckets.EndToEnd);
        Running = Factory.CreateGauge("sgl_requests_running", "Requests being worked on.");
        Waiting = Factory.CreateGauge("sgl_requests_waiting", "Requests that arrived and are not worked on by the decoder yet: in preparation, at the vision tower, without guidance, in the queue.");
        KvBytesUsed = Factory.CreateGauge("sgl_kv_bytes_used", "KV cache memory of running requests.");
        KvBytesBudget = Factory.CreateGauge("sgl_kv_bytes_budget", "KV cache memory allowed.");
        PromptTokens = Factory.CreateCounter("sgl_prompt_tokens_total", "Prompt tokens, visual tokens included.");
        GeneratedTokens = Factory.CreateCounter("sgl_generated_tokens_total", "Generated tokens.");
        VisualTokens = Factory.CreateCounter("sgl_visual_tokens_total", "Visual tokens of all images.");
        KeptVisualTokens = Factory.CreateCounter("sgl_kept_visual_tokens_total", "Visual tokens that the last stage saw.");
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

    /// <summary>Requests that wait.</summary>
    public Gauge Waiting { get; }

    /// <summary>KV memory reserved, bytes.</summary>
    public Gauge KvBytesUsed { get; }

    /// <summary>KV memory allowed, bytes.</summary>
    public Gauge KvBytesBudget { get; }

    /// <summary>Prompt tokens.</summary>
    public Counter PromptTokens { get; }

    /// <summary>Generated tokens.</summary>
    public Counter GeneratedTokens { get; }

    /// <summary>Visual tokens.</summary>
    public Counter VisualTokens { get; }

    /// <summary>Visual tokens that the last stage saw.</summary>
    public Counter KeptVisualTokens { get; }

    internal Gauge Serving { get; }

    /// <summary>Counts a finished question.</summary>
    public void CountRequest(RequestPath path) => _requests.WithLabels(Paths[(int)path]).Inc();

    /// <summary>Records an exit score.</summary>
    /// <param name="criterion">Short name, e.g. <c>decision</c>; a fixed set, since every value is a time series.</param>
    /// <param name="score">0..1; other values are not recorded.</param>
    public void ObserveScore(string criterion, double score)
    {
        if (score is >= 0 and <= 1)
        {
            _scores.WithLabels(criterion).Observe(score);
        }
    }

    /// <summary>Records how long a phase took; zero means the phase did not happen.</summary>
    public void ObservePhase(RequestPhase phase, TimeSpan duration)
    {
        if (duration > TimeSpan.Zero)
        {
            _phases.WithLabels(Phases[(int)phase]).Observe(duration.TotalSeconds);
        }
    }

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

    private Histogram Histogram(string name, string help, double[] buckets, params string[] labels) =>
        Factory.CreateHistogram(name, help, labels, new HistogramConfiguration { Buckets = buckets });
}
