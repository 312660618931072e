using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sgl.Router;

/// <summary>Body of <c>POST /v1/chat/completions</c>: the part of the OpenAI protocol that a vision-language cascade can honour, and our own <c>sgl</c>.</summary>
internal sealed record ChatRequest
{
    public string? Model { get; init; }

    public IReadOnlyList<ChatTurn?>? Messages { get; init; }

    public int? MaxTokens { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public int? TopK { get; init; }

    public ulong? Seed { get; init; }

    /// <summary>A string or a list of strings.</summary>
    public JsonElement? Stop { get; init; }

    public bool Stream { get; init; }

    public ChatStreamOptions? StreamOptions { get; init; }

    public ChatSgl? Sgl { get; init; }

    // What follows would change the answer if it were honoured, so it must not be ignored.
    public int? N { get; init; }

    public JsonElement? Tools { get; init; }

    public JsonElement? Functions { get; init; }

    public ChatResponseFormat? ResponseFormat { get; init; }

    public JsonElement? Logprobs { get; init; }

    public double? FrequencyPenalty { get; init; }

    public double? PresencePenalty { get; init; }

    public JsonElement? LogitBias { get; init; }
}

/// <summary>One turn.</summary>
internal sealed record ChatTurn
{
    public string? Role { get; init; }

    /// <summary>A string or a list of parts.</summary>
    public JsonElement? Content { get; init; }
}

/// <summary>A part of a turn.</summary>
internal sealed record ChatContentPart
{
    public string? Type { get; init; }

    public string? Text { get; init; }

    public ChatImageUrl? ImageUrl { get; init; }
}

/// <summary>An image as <c>data:</c> URL.</summary>
internal sealed record ChatImageUrl
{
    public string? Url { get; init; }
}

/// <summary>What a stream holds beside the text.</summary>
internal sealed record ChatStreamOptions
{
    public bool IncludeUsage { get; init; }
}

/// <summary>Format of the answer; only <c>text</c> can be had.</summary>
internal sealed record ChatResponseFormat
{
    public string? Type { get; init; }
}

/// <summary>Our own settings of a request; see the fields of <c>sgl.v1.RoutingPolicy</c>.</summary>
internal sealed record ChatSgl
{
    [JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)]
    public double? Threshold { get; init; }

    public string? Criterion { get; init; }

    public IReadOnlyList<ChatPrunePoint?>? Prune { get; init; }

    public bool Unpruned { get; init; }

    /// <summary><c>small</c> or <c>large</c>.</summary>
    public string? Force { get; init; }

    /// <summary><c>degrade</c> or <c>fail</c>.</summary>
    public string? OnLargeFailure { get; init; }

    public long? LargeTimeoutMs { get; init; }

    /// <summary>Return importance and masks.</summary>
    public bool IncludeImportance { get; init; }

    /// <summary>Stream the small model's tokens too, as <c>sgl.provisional</c>; they may be replaced.</summary>
    public bool Provisional { get; init; }
}

/// <summary>See <c>sgl.v1.PrunePoint</c>.</summary>
internal sealed record ChatPrunePoint
{
    public int? Layer { get; init; }

    public double? LayerFraction { get; init; }

    public double? KeepRatio { get; init; }
}
