using Prometheus;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Metrics that only the router has, beside <see cref="ServiceMetrics"/>.</summary>
internal sealed class RouterMetrics
{
    private static readonly string[] Paths = [.. Enum.GetValues<RequestPath>().Select(p => p.ToString().ToLowerInvariant())];

    private readonly Counter _requests;
    private readonly Counter _retries;
    private readonly Counter _shed;
    private readonly Counter _degraded;
    private readonly Counter _overlaps;
    private readonly Counter _overlapSeconds;
    private readonly Counter _overlapsLeft;
    private readonly Gauge _exitRatio;
    private readonly Gauge _backends;
    private readonly Gauge _threshold;
    private readonly Gauge _drift;
    private readonly Gauge _agreement;
    private readonly Counter _opinions;
    private readonly Counter _cost;
    private readonly Histogram _hops;
    private readonly Counter _promptTokens;
    private readonly Counter _visualTokens;
    private readonly Counter _tiles;

    public RouterMetrics(ServiceMetrics common)
    {
        Common = common;
        Scores = new ExitScoreMetrics(common);
        Replicas = new ReplicaMetrics(common.Factory);
        _requests = common.Factory.CreateCounter(
            "sgl_requests_total", "Questions by the path their answer took: exit, escalated, degraded; or why there was none: failed, shed, cancelled, deadline.", ["path"]);
        _retries = common.Factory.CreateCounter("sgl_router_retries_total", "Retried attempts by model.", ["backend"]);
        _shed = common.Factory.CreateCounter("sgl_router_shed_total", "Calls not sent to a model that is known to be full, by model.", ["backend"]);
        _degraded = common.Factory.CreateCounter("sgl_router_degraded_total", "Degraded answers by reason.", ["reason"]);
        _overlaps = common.Factory.CreateCounter(
            "sgl_router_overlaps_total",
            "Inputs that the large model got ahead of the decision, by what became of them: used, wasted (the small answer was final, or there was none), lost (the large model did not answer that call).",
            ["outcome"]);
        _overlapSeconds = common.Factory.CreateCounter(
            "sgl_router_overlap_seconds_total", "Time that the large model had such an input before the decision: latency saved at most where used, work wasted at most elsewhere.", ["outcome"]);
        _overlapsLeft = common.Factory.CreateCounter(
            "sgl_router_overlaps_left_total", "Inputs that adaptive overlap did not send ahead, by why: unknown (too few decisions yet), exits, busy, shared (both models on the processors of one machine).", ["reason"]);
        _exitRatio = common.Factory.CreateGauge("sgl_router_recent_exit_ratio", "Share of the latest decisions that were exits, as adaptive overlap sees it.");
        _backends = common.Factory.CreateGauge("sgl_router_backend_serving", "1 while the model's service reports SERVING.", ["backend"]);
        _threshold = common.Factory.CreateGauge("sgl_router_threshold", "Threshold that the last request was decided with, by criterion.", ["criterion"]);
        _drift = common.Factory.CreateGauge(
            "sgl_router_score_drift",
            "Population stability index of the latest scores against those the policy's file was calibrated on, by policy; above 0.25 calibrate anew. Only for files of sgl calibrate that hold score_bins.",
            ["policy"]);
        _agreement = common.Factory.CreateGauge(
            "sgl_router_agreement", "Share of the latest second opinions in which the large model says what the small one had said, by policy. Only with Router:SecondOpinion:Share.", ["policy"]);
        _opinions = common.Factory.CreateCounter(
            "sgl_router_second_opinions_total", "Exits that the large model was to be asked about, by outcome: same, different, busy (it had other work), failed.", ["outcome"]);
        _cost = common.Factory.CreateCounter(
            "sgl_router_cost_total", "Cost of answers by model, at the prices of Router:Policy:Cost; at the default prices seconds of work.", ["backend"]);
        _hops = common.Histogram("sgl_router_hop_seconds", "Time a request spent waiting for each model.", MetricBuckets.EndToEnd, "backend");
        _promptTokens = common.Factory.CreateCounter(
            "sgl_router_prompt_tokens_total", "Prompt tokens of answers by model: run, or cached, whose keys and values were kept from an earlier prompt.", ["backend", "outcome"]);
        _visualTokens = common.Factory.CreateCounter(
            "sgl_router_visual_tokens_total", "Visual tokens of answers by model: encoded, or cached, whose features were known. Left out ones count as encoded.", ["backend", "outcome"]);
        _tiles = common.Factory.CreateCounter(
            "sgl_router_tiles_total", "Tiles of pictures of answers by model: encoded, cached, or left_out, of which no visual token was needed.", ["backend", "outcome"]);
        FirstFinalToken = common.Histogram(
            "sgl_time_to_first_final_token_seconds", "From the request to the first token of the answer that counts.", MetricBuckets.TimeToFirstToken);
    }

    public ServiceMetrics Common { get; }

    public ExitScoreMetrics Scores { get; }

    public ReplicaMetrics Replicas { get; }

    public Histogram FirstFinalToken { get; }

    /// <summary>Counts a finished question.</summary>
    public void CountRequest(RequestPath path) => _requests.WithLabels(Paths[(int)path]).Inc();

    public void CountRetry(string backend) => _retries.WithLabels(backend).Inc();

    public void CountShed(string backend) => _shed.WithLabels(backend).Inc();

    public void CountDegraded(Wire.RoutingReason reason) => _degraded.WithLabels(reason.ToString().ToLowerInvariant()).Inc();

    public void CountOverlap(OverlapOutcome outcome, TimeSpan ahead)
    {
        var label = outcome.ToString().ToLowerInvariant();
        _overlaps.WithLabels(label).Inc();
        _overlapSeconds.WithLabels(label).Inc(ahead.TotalSeconds);
    }

    public void CountOverlapLeft(OverlapRule.Verdict reason) => _overlapsLeft.WithLabels(reason.ToString().ToLowerInvariant()).Inc();

    /// <summary>Counts what an answer took of a model, and what it did not take again.</summary>
    public void CountUsage(string backend, Wire.Usage usage)
    {
        Count(_promptTokens, "run", usage.PromptTokenCount - usage.CachedPromptTokenCount);
        Count(_promptTokens, "cached", usage.CachedPromptTokenCount);
        Count(_visualTokens, "encoded", usage.VisualTokenCount - usage.CachedVisualTokenCount);
        Count(_visualTokens, "cached", usage.CachedVisualTokenCount);
        Count(_tiles, "encoded", usage.EncodedTileCount);
        Count(_tiles, "cached", usage.CachedTileCount);
        Count(_tiles, "left_out", usage.TileCount - usage.EncodedTileCount - usage.CachedTileCount);

        // A model that does not tell one of two counts must not make a counter fall.
        void Count(Counter counter, string outcome, int amount) => counter.WithLabels(backend, outcome).Inc(Math.Max(0, amount));
    }

    public void SetExitRatio(double ratio) => _exitRatio.Set(ratio);

    public void SetServing(string backend, bool serving) => _backends.WithLabels(backend).Set(serving ? 1 : 0);

    public void SetThreshold(string criterion, double threshold) => _threshold.WithLabels(criterion).Set(threshold);

    public void SetDrift(string policy, double index) => _drift.WithLabels(policy).Set(index);

    public void CountSecondOpinion(SecondOpinion outcome) => _opinions.WithLabels(outcome.ToString().ToLowerInvariant()).Inc();

    public void SetAgreement(string policy, double share) => _agreement.WithLabels(policy).Set(share);

    public void CountCost(string backend, double cost) => _cost.WithLabels(backend).Inc(Math.Max(0, cost));

    public void ObserveHop(string backend, TimeSpan time) => _hops.WithLabels(backend).Observe(time.TotalSeconds);
}
