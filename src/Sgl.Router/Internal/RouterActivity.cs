using System.Diagnostics;
using Sgl.Hosting;

namespace Sgl.Router.Internal;

/// <summary>
/// What the router tells in traces: a span for each model it asks, and the decision, on the span of the request. The W3C trace context goes on to the model services
/// with every call. Names as in OpenTelemetry's conventions for generative AI; without a recorder nothing is made.
/// </summary>
internal static class RouterActivity
{
    private static readonly ActivitySource Source = new("Sgl.Router");

    /// <summary>One of several answers to a request; null where nobody records it.</summary>
    public static Activity? Answer(int index) => Source.StartActivity("answer")?.SetTag("sgl.answer", index);

    /// <summary>Asking one model, however many tries that takes; null where nobody records it.</summary>
    public static Activity? Hop() => Source.StartActivity("chat", ActivityKind.Client);

    /// <summary>Tells of a try.</summary>
    public static void Tell(Activity? hop, Attempt attempt)
    {
        if (hop is null)
        {
            return;
        }

        if (attempt.Number > 0)
        {
            hop.AddEvent(new ActivityEvent("retry", tags: new ActivityTagsCollection { ["server.address"] = attempt.Replica.Label }));
        }

        var model = attempt.Replica.View.Info?.Name ?? "";
        hop.DisplayName = $"chat {model}";
        hop.SetTag("gen_ai.operation.name", "chat").SetTag("gen_ai.provider.name", GenerationTags.Provider).SetTag("gen_ai.request.model", model)
            .SetTag("server.address", attempt.Replica.Label);
    }

    /// <summary>Tells of an answer.</summary>
    public static void Tell(Activity? hop, Attempt attempt, Wire.Usage usage, Wire.FinishReason reason)
    {
        if (hop is not null)
        {
            GenerationTags.Set(hop, attempt.Replica.View.Info?.Name ?? "", usage.PromptTokenCount, usage.GeneratedTokenCount, ChatStream.FinishReason(reason));
        }
    }

    /// <summary>Tells of the decision.</summary>
    public static void Tell(Wire.Decision decision, double? score)
    {
        if (Activity.Current is not { IsAllDataRequested: true } span)
        {
            return;
        }

        var action = decision.Action == Wire.DecisionAction.Exit ? "exit" : "escalate";
        span.SetTag("sgl.decision", action)
            .SetTag("sgl.reason", decision.Reason.ToString().ToLowerInvariant())
            .SetTag("sgl.criterion", decision.Criterion.ToString().ToLowerInvariant())
            .SetTag("sgl.threshold", decision.Threshold);
        if (score is { } value)
        {
            span.SetTag("sgl.score", value);
        }

        span.AddEvent(new ActivityEvent("decision", tags: new ActivityTagsCollection { ["sgl.decision"] = action }));
    }

    /// <summary>Tells how a request ended.</summary>
    public static void Tell(Wire.AnswerCompleted completed, string? caller)
    {
        if (Activity.Current is { IsAllDataRequested: true } span)
        {
            var (run, path) = (completed.Large ?? completed.Small, completed.Path.ToString().ToLowerInvariant());
            GenerationTags.Set(
                span, run.Model, run.Usage.PromptTokenCount, run.Usage.GeneratedTokenCount, ChatStream.FinishReason(run.FinishReason));
            span.SetTag("sgl.path", path).SetTag("sgl.key", caller);
        }
    }

    /// <summary>The score that was compared; null where none was.</summary>
    public static double? Score(Wire.Decision decision)
    {
        var score = decision.Scores is { } scores && WireGuidance.To(decision.Criterion) is { } criterion ? WireGuidance.To(scores)[criterion] : double.NaN;
        return double.IsFinite(score) ? score : null;
    }
}
