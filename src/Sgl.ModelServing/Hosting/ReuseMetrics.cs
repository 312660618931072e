using Prometheus;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>What the caches across requests hold and save.</summary>
/// <param name="factory">Makes the metrics.</param>
internal sealed class ReuseMetrics(IMetricFactory factory)
{
    private readonly Gauge _visionBytes = factory.CreateGauge("sgl_vision_cache_bytes", "Memory of visual features that are kept.");
    private readonly Gauge _bytes = factory.CreateGauge("sgl_prefix_cache_bytes", "Memory of keys and values of prompts' beginnings that are kept.");
    private readonly Gauge _budget = factory.CreateGauge("sgl_prefix_cache_budget_bytes", "Memory that they may take.");
    private readonly Counter _hits = factory.CreateCounter("sgl_prefix_cache_hits_total", "Prompts whose beginning was kept from an earlier one.");
    private readonly Counter _misses = factory.CreateCounter("sgl_prefix_cache_misses_total", "Prompts of which nothing was kept.");
    private readonly Counter _saved = factory.CreateCounter("sgl_cached_prompt_tokens_total", "Prompt tokens that were not run again.");
    private readonly Counter _continued = factory.CreateCounter("sgl_continued_prompt_tokens_total", "Prompt tokens that ran only from an earlier prune layer on, in front of which another prompt had been pruned.");
    private readonly Counter _recalled = factory.CreateCounter("sgl_recalled_pictures_total", "Pictures that were neither decoded nor resized, since they had been seen lately.");
    private readonly Counter _evictions = factory.CreateCounter("sgl_prefix_cache_evictions_total", "Pieces (a system text, a picture, a question with its answer) that went to make room.");

    /// <summary>Takes over what the engine says.</summary>
    public void Set(EngineLoad load)
    {
        var prefixes = load.PrefixCache;
        _visionBytes.Set(load.VisionCacheBytes);
        _bytes.Set(prefixes.Bytes);
        _budget.Set(prefixes.BudgetBytes);
        _recalled.IncTo(load.RecalledPictures);
        _hits.IncTo(prefixes.Hits);
        _misses.IncTo(prefixes.Misses);
        _saved.IncTo(prefixes.SavedTokens);
        _continued.IncTo(prefixes.ContinuedTokens);
        _evictions.IncTo(prefixes.Evictions);
    }
}
