using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>What a model service tells of a request in its trace and in the one line of its log. Names as in OpenTelemetry's conventions for generative AI.</summary>
public static class ServingActivity
{
    private static readonly ActivitySource Source = new("Sgl.ModelServing");

    /// <summary>Decoding, resizing and normalising of pictures, tokenising; waiting for a place included. Null where nobody records it.</summary>
    public static Activity? Preprocess() => Source.StartActivity("preprocess");

    /// <summary>Tells a finished answer.</summary>
    /// <param name="context">The request.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="result">The answer.</param>
    /// <param name="scores">Exit scores; null: none.</param>
    public static void Tell(HttpContext context, string model, GenerationResult result, ExitScoreSet? scores)
    {
        ArgumentNullException.ThrowIfNull(result);
        new RequestSummary
        {
            PromptTokens = result.Usage.PromptTokens,
            GeneratedTokens = result.Usage.GeneratedTokens,
            FirstToken = result.Timings.TimeToFirstToken,
            Score = scores is not null && double.IsFinite(scores.Decision) ? scores.Decision : scores?.Confidence,
        }.Attach(context);
        if (Activity.Current is not { IsAllDataRequested: true } span)
        {
            return;
        }

        GenerationTags.Set(span, model, result.Usage.PromptTokens, result.Usage.GeneratedTokens, result.FinishReason == FinishReason.Stop ? "stop" : "length");
        span.SetTag("sgl.visual_tokens", result.Usage.VisualTokens)
            .SetTag("sgl.kept_visual_tokens", result.Usage.KeptVisualTokens)
            .SetTag("sgl.cached_visual_tokens", result.Usage.CachedVisualTokens)
            .SetTag("sgl.cached_prompt_tokens", result.Usage.CachedPromptTokens)
            .SetTag("sgl.tiles", result.Usage.Tiles)
            .SetTag("sgl.encoded_tiles", result.Usage.EncodedTiles)
            .SetTag("sgl.left_out_tiles", result.Usage.LeftOutTiles)
            .SetTag("sgl.kv_bytes", result.Usage.KvBytes);
        if (scores is not null)
        {
            span.SetTag("sgl.score.confidence", scores.Confidence).SetTag("sgl.score.consistency", scores.Consistency).SetTag("sgl.score.decision", scores.Decision);
        }
    }
}
