using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sgl.Requests;

namespace Sgl.Cli.Internal;

/// <summary>An answer for programs: names as in the contract, times in milliseconds, absent what did not happen.</summary>
internal static class AnswerJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <summary>One object.</summary>
    public static string Write(RouterAnswer answer)
    {
        var (decision, completed) = (answer.Decision, answer.Completed);
        return JsonSerializer.Serialize(
            new
            {
                completed.Answer,
                Path = Name(completed.Path),
                Reason = Name(completed.Reason),
                completed.Explanation,
                Decision = new
                {
                    Action = Name(decision.Action),
                    Criterion = Name(decision.Criterion),
                    decision.Threshold,
                    Scores = WireGuidance.Named(decision.Scores),
                },
                VisualTokenCount = answer.Layout.VisualTokenCount,
                PromptTokenCount = answer.Layout.PromptTokenCount,
                Small = Run(completed.Small),
                Large = Run(completed.Large),
                Pruning = completed.Pruning is { } p ? Pruning(p) : null,
                Importance = completed.Importance?.Values,
                TimeToFirstTokenMs = Milliseconds(completed.TimeToFirstToken),
                TimeToFirstFinalTokenMs = Milliseconds(completed.TimeToFirstFinalToken),
                TotalMs = Milliseconds(completed.Total),
            },
            Options);
    }

    private static object? Run(Wire.ModelRun? run) => run is null ? null : new
    {
        run.Model,
        run.Answer,
        FinishReason = Name(run.FinishReason),
        run.Usage.PromptTokenCount,
        run.Usage.VisualTokenCount,
        run.Usage.KeptVisualTokenCount,
        run.Usage.TileCount,
        run.Usage.EncodedTileCount,
        run.Usage.CachedTileCount,
        run.Usage.GeneratedTokenCount,
        run.Usage.KvCacheBytes,
        TimeToFirstTokenMs = Milliseconds(run.Timings.TimeToFirstToken),
        TotalMs = Milliseconds(run.Timings.Total),
    };

    private static object Pruning(Wire.PruneOutcome pruning) => new
    {
        Steps = pruning.Steps.Select((step, i) => new { step.Layer, KeptVisualTokenCount = pruning.KeptVisualTokenCounts[i] }),
        pruning.AverageRetention,
    };

    private static double? Milliseconds(Google.Protobuf.WellKnownTypes.Duration? duration) => duration?.ToTimeSpan().TotalMilliseconds;

    private static string Name(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
