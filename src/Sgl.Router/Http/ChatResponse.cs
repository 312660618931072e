using System.Text.Json.Serialization;

namespace Sgl.Router;

/// <summary>A chat completion.</summary>
internal sealed record ChatResponse
{
    public required string Id { get; init; }

    public string Object => "chat.completion";

    public required long Created { get; init; }

    /// <summary>The model that answered.</summary>
    public required string Model { get; init; }

    public required IReadOnlyList<ChatChoice> Choices { get; init; }

    public ChatUsage? Usage { get; init; }

    /// <summary>How the answer came about; where there are several, each choice has its own.</summary>
    public ChatTrail? Sgl { get; init; }
}

/// <summary>An answer.</summary>
internal sealed record ChatChoice
{
    public int Index { get; init; }

    public required ChatAnswer Message { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogprobs? Logprobs { get; init; }

    public required string FinishReason { get; init; }

    /// <summary>How this answer came about, where there are several; each has a decision of its own.</summary>
    public ChatTrail? Sgl { get; init; }
}

/// <summary>Text of the assistant.</summary>
internal sealed record ChatAnswer
{
    public string Role => "assistant";

    public required string Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Refusal => null;
}

/// <summary>A chunk of a stream.</summary>
internal record ChatChunk
{
    public required string Id { get; init; }

    public string Object => "chat.completion.chunk";

    public required long Created { get; init; }

    /// <summary>The model that was asked for, the same in all chunks; which one answered is in the last one's <c>sgl.model</c>.</summary>
    public required string Model { get; init; }

    public required IReadOnlyList<ChatChunkChoice> Choices { get; init; }

    public ChatTrail? Sgl { get; init; }
}

/// <summary>A chunk of a stream that counts tokens in its last one; the others say null.</summary>
internal sealed record ChatChunkWithUsage : ChatChunk
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatUsage? Usage { get; init; }
}

/// <summary>A piece of the answer.</summary>
internal sealed record ChatChunkChoice
{
    public int Index { get; init; }

    public required ChatDelta Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogprobs? Logprobs { get; init; }

    /// <summary>Null in every chunk but the last.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required string? FinishReason { get; init; }
}

/// <summary>New text of the assistant.</summary>
internal sealed record ChatDelta
{
    public string? Role { get; init; }

    public string? Content { get; init; }
}

/// <summary>The models that can be asked for.</summary>
internal sealed record ChatModelList
{
    public string Object => "list";

    public required IReadOnlyList<ChatModel> Data { get; init; }
}

/// <summary>A model that can be asked for.</summary>
internal sealed record ChatModel
{
    public required string Id { get; init; }

    public string Object => "model";

    /// <summary>When the router started, in seconds since 1970.</summary>
    public required long Created { get; init; }

    public string OwnedBy => "sgl";
}

/// <summary>Questions can be answered.</summary>
internal sealed record ChatHealth
{
    public string Status => "serving";

    /// <summary>What an operator should know nevertheless.</summary>
    public string? Note { get; init; }
}

/// <summary>Tokens of the model that answered.</summary>
internal sealed record ChatUsage
{
    public required int PromptTokens { get; init; }

    public required int CompletionTokens { get; init; }

    public required int TotalTokens { get; init; }

    public required ChatPromptTokens PromptTokensDetails { get; init; }

    /// <summary>Of the answers to one question: the prompt counts once, as the first answer's model sees it; what was cached is what no answer had to run.</summary>
    public static ChatUsage? From(params IReadOnlyList<Wire.Usage?> answers)
    {
        if (answers[0] is not { } first)
        {
            return null;
        }

        var completion = answers.Sum(a => a?.GeneratedTokenCount ?? 0);
        return new ChatUsage
        {
            PromptTokens = first.PromptTokenCount,
            CompletionTokens = completion,
            TotalTokens = first.PromptTokenCount + completion,
            PromptTokensDetails = new ChatPromptTokens { CachedTokens = answers.Min(a => a?.CachedPromptTokenCount ?? 0) },
        };
    }
}

/// <summary>What the prompt's tokens were.</summary>
internal sealed record ChatPromptTokens
{
    /// <summary>Those at its front that an earlier request had run already.</summary>
    public required int CachedTokens { get; init; }
}

/// <summary>How the answer came about: our own part of a response.</summary>
internal sealed record ChatTrail
{
    /// <summary>A token of the small model that may be replaced.</summary>
    public string? Provisional { get; init; }

    public ChatDecision? Decision { get; init; }

    /// <summary>Name of the model that answered.</summary>
    public string? Model { get; init; }

    /// <summary><c>exit</c>, <c>escalated</c> or <c>degraded</c>.</summary>
    public string? Path { get; init; }

    public string? Reason { get; init; }

    public string? Explanation { get; init; }

    public string? SmallAnswer { get; init; }

    public int? VisualTokens { get; init; }

    public int? KeptVisualTokens { get; init; }

    public double? AverageRetention { get; init; }

    /// <summary>Tiles of all images; absent without images.</summary>
    public int? Tiles { get; init; }

    /// <summary>Those that the vision tower of the model that answered ran for.</summary>
    public int? EncodedTiles { get; init; }

    /// <summary>Those that were left out, since none of their visual tokens was needed.</summary>
    public int? LeftOutTiles { get; init; }

    public IReadOnlyList<float>? Importance { get; init; }

    public ChatLayout? Layout { get; init; }

    public ChatPruning? Pruning { get; init; }

    /// <summary>The small model's run.</summary>
    public ChatRun? Small { get; init; }

    /// <summary>The large model's run.</summary>
    public ChatRun? Large { get; init; }

    public double? TimeToFirstTokenMs { get; init; }

    public double? TimeToFirstFinalTokenMs { get; init; }

    public double? TotalMs { get; init; }

    public static ChatTrail From(Wire.AnswerCompleted completed, ChatDecision? decision, ChatIncludes includes) => new()
    {
        Decision = decision,
        Model = (completed.Large ?? completed.Small)?.Model,
        Path = completed.Path.ToString().ToLowerInvariant(),
        Reason = ChatDecision.Name(completed.Reason),
        Explanation = completed.Explanation,
        SmallAnswer = completed.Path == Wire.AnswerPath.Escalated ? completed.Small?.Answer : null,
        VisualTokens = (completed.Large ?? completed.Small)?.Usage?.VisualTokenCount,
        KeptVisualTokens = (completed.Large ?? completed.Small)?.Usage?.KeptVisualTokenCount,
        AverageRetention = completed.Pruning?.AverageRetention,
        Tiles = Tiled(completed)?.TileCount,
        EncodedTiles = Tiled(completed)?.EncodedTileCount,
        LeftOutTiles = Tiled(completed) is { } tiled ? tiled.TileCount - tiled.EncodedTileCount - tiled.CachedTileCount : null,
        Importance = includes.HasFlag(ChatIncludes.Importance) && completed.Importance is { Values: var values } ? [.. values] : null,
        Pruning = includes.HasFlag(ChatIncludes.Pruning) && completed.Pruning is { } pruning ? ChatPruning.From(pruning) : null,
        Small = includes.HasFlag(ChatIncludes.Runs) ? ChatRun.From(completed.Small) : null,
        Large = includes.HasFlag(ChatIncludes.Runs) ? ChatRun.From(completed.Large) : null,
        TimeToFirstTokenMs = ChatDetails.Milliseconds(completed.TimeToFirstToken),
        TimeToFirstFinalTokenMs = completed.TimeToFirstFinalToken?.ToTimeSpan().TotalMilliseconds,
        TotalMs = completed.Total.ToTimeSpan().TotalMilliseconds,
    };

    private static Wire.Usage? Tiled(Wire.AnswerCompleted completed) => (completed.Large ?? completed.Small)?.Usage is { TileCount: > 0 } usage ? usage : null;
}

/// <summary>The early-exit decision.</summary>
internal sealed record ChatDecision
{
    /// <summary><c>exit</c> or <c>escalate</c>.</summary>
    public required string Action { get; init; }

    public required string Reason { get; init; }

    public string? Criterion { get; init; }

    /// <summary>Absent where it is infinite: nothing exits.</summary>
    public double? Threshold { get; init; }

    public Dictionary<string, double>? Scores { get; init; }

    public static ChatDecision From(Wire.Decision decision) => new()
    {
        Action = decision.Action.ToString().ToLowerInvariant(),
        Reason = Name(decision.Reason),
        Criterion = WireGuidance.To(decision.Criterion) is { } criterion ? WireGuidance.Name(criterion) : null,
        Threshold = double.IsFinite(decision.Threshold) ? decision.Threshold : null,
        Scores = WireGuidance.Named(decision.Scores),
    };

    internal static string Name(Wire.RoutingReason reason) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString());
}

/// <summary>An error in the shape that clients of this protocol expect.</summary>
internal sealed record ChatErrorBody
{
    public required ChatError Error { get; init; }
}

/// <summary>What is wrong.</summary>
internal sealed record ChatError
{
    public required string Message { get; init; }

    public required string Type { get; init; }

    /// <summary>The field at fault, the first where there are several.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Param { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Code { get; init; }
}
