using Sgl.Hosting;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge.Internal;

/// <summary>What the bridge tells the metrics, by the names that the services with engines of their own have.</summary>
internal sealed class BridgeMetrics
{
    private readonly ServiceMetrics _metrics;
    private readonly Prometheus.Counter _promptTokens;
    private readonly Prometheus.Counter _generatedTokens;
    private readonly Prometheus.Counter _visualTokens;
    private readonly Prometheus.Counter _keptVisualTokens;
    private readonly Prometheus.Counter _finished;

    public BridgeMetrics(ServiceMetrics metrics, RequestGate gate)
    {
        _metrics = metrics;
        _promptTokens = metrics.Factory.CreateCounter("sgl_prompt_tokens_total", "Prompt tokens, visual tokens included.");
        _generatedTokens = metrics.Factory.CreateCounter("sgl_generated_tokens_total", "Generated tokens.");
        _visualTokens = metrics.Factory.CreateCounter("sgl_visual_tokens_total", "Visual tokens of all images.");
        _keptVisualTokens = metrics.Factory.CreateCounter("sgl_kept_visual_tokens_total", "Visual tokens that the last stage saw.");
        _finished = metrics.Factory.CreateCounter("sgl_generations_total", "Generations by the reason their answer ended.", ["finish_reason"]);
        metrics.BeforeScrape(m => m.Running.Set(gate.Inside));
    }

    /// <summary>Records the time to a token: to the first one, or from the one before.</summary>
    public void ObserveToken(int index, TimeSpan wait) => (index == 0 ? _metrics.TimeToFirstToken : _metrics.InterToken).Observe(wait.TotalSeconds);

    /// <summary>Records a finished answer.</summary>
    public void ObserveResult(Wire.FinishReason reason, Wire.Usage usage, TimeSpan total)
    {
        _finished.WithLabels(Name(reason)).Inc();
        _metrics.EndToEnd.Observe(total.TotalSeconds);
        _promptTokens.Inc(usage.PromptTokenCount);
        _generatedTokens.Inc(usage.GeneratedTokenCount);
        _visualTokens.Inc(usage.VisualTokenCount);
        _keptVisualTokens.Inc(usage.KeptVisualTokenCount);
    }

    /// <summary>A finish reason as OpenAI's API calls it.</summary>
    public static string Name(Wire.FinishReason reason) => reason switch
    {
        Wire.FinishReason.Length => "length",
        Wire.FinishReason.ContentFilter => "content_filter",
        _ => "stop",
    };
}
