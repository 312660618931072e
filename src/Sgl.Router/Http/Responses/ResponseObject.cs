using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sgl.Router;

/// <summary>A response of <c>/v1/responses</c>.</summary>
internal sealed record ResponseObject
{
    public required string Id { get; init; }

    public string Object => "response";

    public required long CreatedAt { get; init; }

    /// <summary><c>in_progress</c>, <c>completed</c>, <c>incomplete</c> or <c>failed</c>.</summary>
    public required string Status { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseError? Error { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseIncomplete? IncompleteDetails { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Instructions { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? MaxOutputTokens { get; init; }

    /// <summary>The model that was asked for; which one answered is in <c>sgl.model</c>.</summary>
    public required string Model { get; init; }

    public required IReadOnlyList<ResponseMessage> Output { get; init; }

    public bool ParallelToolCalls => true;

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? PreviousResponseId => null;

    /// <summary>Nothing is kept.</summary>
    public bool Store => false;

    public required double Temperature { get; init; }

    public required double TopP { get; init; }

    /// <summary>How many tokens are told of each step beside the chosen one.</summary>
    public required int TopLogprobs { get; init; }

    public ResponseText Text { get; init; } = new(new ResponseTextFormat());

    public string ToolChoice => "auto";

    public IReadOnlyList<string> Tools => [];

    public string Truncation => "disabled";

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseUsage? Usage { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    public ChatTrail? Sgl { get; init; }
}

/// <summary>Why there is no answer.</summary>
internal sealed record ResponseError(string Code, string Message);

/// <summary>Why an answer is not whole.</summary>
internal sealed record ResponseIncomplete(string Reason);

/// <summary>The form of the text.</summary>
internal sealed record ResponseText(ResponseTextFormat Format);

/// <summary>The form of the text.</summary>
internal sealed record ResponseTextFormat
{
    /// <summary><c>text</c>, <c>json_object</c> or <c>json_schema</c>.</summary>
    public string Type { get; init; } = "text";

    public string? Name { get; init; }

    public JsonElement? Schema { get; init; }

    public bool? Strict { get; init; }

    /// <summary>As it was asked for.</summary>
    /// <param name="format">Null: any text.</param>
    /// <param name="name">Of the schema.</param>
    public static ResponseTextFormat From(Wire.ResponseFormat? format, string? name) => format?.KindCase switch
    {
        null => new(),
        Wire.ResponseFormat.KindOneofCase.JsonObject => new() { Type = "json_object" },
        _ => new() { Type = "json_schema", Name = name ?? "answer", Schema = JsonSerializer.Deserialize<JsonElement>(format.JsonSchema), Strict = true },
    };
}

/// <summary>What the assistant said.</summary>
internal sealed record ResponseMessage
{
    public string Type => "message";

    public required string Id { get; init; }

    public required string Status { get; init; }

    public string Role => "assistant";

    public required IReadOnlyList<ResponsePart> Content { get; init; }
}

/// <summary>Text of the assistant.</summary>
internal sealed record ResponsePart
{
    public string Type => "output_text";

    public required string Text { get; init; }

    public IReadOnlyList<string> Annotations => [];

    /// <summary>How likely its tokens were; empty where that was not asked for.</summary>
    public IReadOnlyList<ChatTokenLogprob> Logprobs { get; init; } = [];
}

/// <summary>Tokens of the model that answered.</summary>
internal sealed record ResponseUsage
{
    public required int InputTokens { get; init; }

    public required ResponseInputDetails InputTokensDetails { get; init; }

    public required int OutputTokens { get; init; }

    public ResponseOutputDetails OutputTokensDetails => new();

    public required int TotalTokens { get; init; }

    public static ResponseUsage? From(Wire.Usage? usage) => ChatUsage.From(usage) is not { } counts ? null : new()
    {
        InputTokens = counts.PromptTokens,
        InputTokensDetails = new ResponseInputDetails(counts.PromptTokensDetails?.CachedTokens ?? 0),
        OutputTokens = counts.CompletionTokens,
        TotalTokens = counts.TotalTokens,
    };
}

/// <summary>Of the prompt.</summary>
/// <param name="CachedTokens">Tokens at its front that were not run again.</param>
internal sealed record ResponseInputDetails(int CachedTokens);

/// <summary>Of the answer.</summary>
internal sealed record ResponseOutputDetails
{
    public int ReasoningTokens => 0;
}

/// <summary>An event of a streamed response; which members there are depends on its type.</summary>
internal sealed record ResponseEvent
{
    public required string Type { get; init; }

    public required int SequenceNumber { get; init; }

    public ResponseObject? Response { get; init; }

    public int? OutputIndex { get; init; }

    public string? ItemId { get; init; }

    public int? ContentIndex { get; init; }

    public ResponseMessage? Item { get; init; }

    public ResponsePart? Part { get; init; }

    /// <summary>New text.</summary>
    public string? Delta { get; init; }

    /// <summary>All of the text.</summary>
    public string? Text { get; init; }

    /// <summary>Of new text, or of all of it: how likely its tokens were.</summary>
    public IReadOnlyList<ChatTokenLogprob>? Logprobs { get; init; }

    /// <summary>Of an error.</summary>
    public string? Code { get; init; }

    /// <summary>Of an error.</summary>
    public string? Message { get; init; }

    /// <summary>Of an error: the field at fault.</summary>
    public string? Param { get; init; }
}
