using System.Diagnostics;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge.Internal;

/// <summary>What the bridge tells of a request in its trace and in the one line of its log.</summary>
internal static class BridgeActivity
{
    public static void Tell(HttpContext context, string model, EngineResult answer, Wire.Usage usage, double? score)
    {
        new RequestSummary { PromptTokens = usage.PromptTokenCount, GeneratedTokens = usage.GeneratedTokenCount, FirstToken = answer.FirstToken, Score = score }.Attach(context);
        if (Activity.Current is { IsAllDataRequested: true } span)
        {
            GenerationTags.Set(span, model, usage.PromptTokenCount, usage.GeneratedTokenCount, BridgeMetrics.Name(answer.Reason));
            span.SetTag("sgl.visual_tokens", usage.VisualTokenCount).SetTag("sgl.kept_visual_tokens", usage.KeptVisualTokenCount);
        }
    }
}
