using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>
/// What engine and requests of a model service tell the metrics. The gauges <c>sgl_requests_waiting</c>, <c>sgl_requests_running</c> and <c>sgl_kv_bytes_*</c>
/// are the load signals that an inference gateway or autoscaler reads.
/// </summary>
public sealed class EngineMetrics
{
    private readonly ServiceMetrics _metrics;
    private readonly Prometheus.Histogram _phases;
    private readonly Prometheus.Counter _promptTokens;
    private readonly Prometheus.Counter _generatedTokens;
    private readonly Prometheus.Counter _visualTokens;
    private readonly Prometheus.Counter _keptVisualTokens;
    private readonly Prometheus.Counter _finished;
    private readonly Prometheus.Counter _cachedVisualTokens;
    private readonly Prometheus.Counter _tiles;
    private readonly Prometheus.Counter _prefillChunks;
    private readonly Prometheus.Histogram _rowsBetweenTokens;
    private readonly Prometheus.Counter _draftTokens;
    private readonly Prometheus.Counter _acceptedDraftTokens;

    /// <summary>Ties the engine's load to the gauges.</summary>
    public EngineMetrics(ServiceMetrics metrics, EngineHost host, RequestGate gate)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(gate);
        _metrics = metrics;
        _phases = metrics.Histogram("sgl_phase_seconds", "Time per phase of a request.", MetricBuckets.TimeToFirstToken, "phase");
        _promptTokens = metrics.Factory.CreateCounter("sgl_prompt_tokens_total", "Prompt tokens, visual tokens included.");
        _generatedTokens = metrics.Factory.CreateCounter("sgl_generated_tokens_total", "Generated tokens.");
        _visualTokens = metrics.Factory.CreateCounter("sgl_visual_tokens_total", "Visual tokens of all images.");
        _keptVisualTokens = metrics.Factory.CreateCounter("sgl_kept_visual_tokens_total", "Visual tokens that the last stage saw.");
        _finished = metrics.Factory.CreateCounter("sgl_generations_total", "Generations by the reason their answer ended.", ["finish_reason"]);
        _cachedVisualTokens = metrics.Factory.CreateCounter("sgl_cached_visual_tokens_total", "Visual tokens whose features were in the cache.");
        _prefillChunks = metrics.Factory.CreateCounter("sgl_prefill_chunks_total", "Pieces in which prompts ran, with decode steps of other requests between them.");
        _rowsBetweenTokens = metrics.Factory.CreateHistogram(
            "sgl_rows_between_tokens",
            "Most rows of other requests' prompts that ran between two tokens of an answer.",
            new Prometheus.HistogramConfiguration { Buckets = [0, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192] });
        _tiles = metrics.Factory.CreateCounter(
            "sgl_tiles_total", "Tiles of images by what became of them: encoded by the vision tower, cached, or left out because no visual token of theirs was needed.", ["outcome"]);
        _draftTokens = metrics.Factory.CreateCounter("sgl_draft_tokens_total", "Tokens of drafts that were tried.");
        _acceptedDraftTokens = metrics.Factory.CreateCounter("sgl_accepted_draft_tokens_total", "Tokens of drafts that became part of an answer: decode steps saved.");
        var rowsWaiting = metrics.Factory.CreateGauge("sgl_prompt_rows_waiting", "Rows of prompts in the batch that have not run yet.");
        var weights = metrics.Factory.CreateGauge("sgl_weights_bytes", "Memory of the weights as computed with, by what most parameters of the decoder's linear layers are in.", ["kind", "bits"]);
        var waiting = metrics.Factory.CreateGauge(
            "sgl_requests_waiting", "Requests that arrived and are not worked on by the decoder yet: in preparation, at the vision tower, without guidance, in the queue.");
        var kvUsed = metrics.Factory.CreateGauge("sgl_kv_bytes_used", "KV cache memory of running requests.");
        var kvBudget = metrics.Factory.CreateGauge("sgl_kv_bytes_budget", "KV cache memory allowed.");
        var jobs = metrics.Factory.CreateGauge("sgl_device_jobs", "Chunks of prompts and decode steps at a device, the one that runs included.", ["device"]);
        var busy = metrics.Factory.CreateCounter(
            "sgl_device_busy_seconds_total", "How long a device was busy with chunks and steps; for a GPU, how long the processor asked and waited for them.", ["device"]);
        var reuse = new ReuseMetrics(metrics.Factory);
        metrics.BeforeScrape(m =>
        {
            if (host.Loaded?.Model.Weights is { } chosen)
            {
                weights.WithLabels(chosen.Kind, chosen.Bits.ToString(System.Globalization.CultureInfo.InvariantCulture)).Set(chosen.Bytes);
            }

            if (host.Loaded?.Load is { } load)
            {
                m.Running.Set(load.Running);

                // All that are here and not in the batch, whatever they wait for.
                waiting.Set(Math.Max(0, gate.Inside - load.Running));
                kvUsed.Set(load.KvBytesOccupied);
                kvBudget.Set(load.KvBytesBudget);
                rowsWaiting.Set(load.PromptRowsWaiting);
                foreach (var device in load.Devices)
                {
                    jobs.WithLabels(device.Device).Set(device.Jobs);
                    busy.WithLabels(device.Device).IncTo(device.Busy.TotalSeconds);
                }

                reuse.Set(load);
            }
        });
    }

    /// <summary>Records the time to a token: to the first one, or from the one before.</summary>
    public void ObserveToken(int index, TimeSpan wait) =>
        (index == 0 ? _metrics.TimeToFirstToken : _metrics.InterToken).Observe(wait.TotalSeconds);

    /// <summary>Records a finished generation.</summary>
    public void ObserveResult(GenerationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var (usage, timings) = (result.Usage, result.Timings);
        _finished.WithLabels(result.FinishReason == FinishReason.Stop ? "stop" : "length").Inc();
        _metrics.EndToEnd.Observe(timings.Total.TotalSeconds);
        _promptTokens.Inc(usage.PromptTokens);
        _generatedTokens.Inc(usage.GeneratedTokens);
        _visualTokens.Inc(usage.VisualTokens);
        _keptVisualTokens.Inc(usage.KeptVisualTokens);
        _cachedVisualTokens.Inc(usage.CachedVisualTokens);
        _prefillChunks.Inc(usage.PrefillChunks);
        _rowsBetweenTokens.Observe(usage.RowsBetweenTokens);
        _tiles.WithLabels("encoded").Inc(usage.EncodedTiles);
        _tiles.WithLabels("cached").Inc(usage.CachedTiles);
        _tiles.WithLabels("left_out").Inc(usage.LeftOutTiles);
        _draftTokens.Inc(usage.DraftTokens);
        _acceptedDraftTokens.Inc(usage.AcceptedDraftTokens);
        ObservePhase("queue", timings.Queue);
        ObservePhase("preprocess", timings.Preprocess);
        ObservePhase("vision", timings.Vision);
        ObservePhase("prefill", timings.Prefill);
        ObservePhase("decode", timings.Decode);
        ObservePhase("consistency", timings.Consistency);
    }

    /// <summary>Records how long a phase took; zero means that it did not happen.</summary>
    private void ObservePhase(string phase, TimeSpan duration)
    {
        if (duration > TimeSpan.Zero)
        {
            _phases.WithLabels(phase).Observe(duration.TotalSeconds);
        }
    }
}
