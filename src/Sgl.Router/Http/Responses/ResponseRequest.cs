namespace Sgl.Router;

/// <summary>What of a request of <c>/v1/responses</c> is told back.</summary>
/// <param name="Chat">The question.</param>
/// <param name="Instructions">The system message in front.</param>
/// <param name="MaxOutputTokens">As it was asked.</param>
/// <param name="Metadata">The client's own.</param>
/// <param name="FormatName">Name of the schema.</param>
internal sealed record ResponseRequest(ChatRequest Chat, string? Instructions, long? MaxOutputTokens, IReadOnlyDictionary<string, string> Metadata, string? FormatName) : IQuestion
{
    /// <summary>The response without an answer.</summary>
    public ResponseObject Empty(string requestId, long created) => new()
    {
        Id = $"resp_{requestId}",
        CreatedAt = created,
        Status = "in_progress",
        Instructions = Instructions,
        MaxOutputTokens = MaxOutputTokens,
        Model = Chat.Model,
        Output = [],
        Temperature = Chat.Answer.Sampling.Temperature,
        TopP = Chat.Answer.Sampling.HasTopP ? Chat.Answer.Sampling.TopP : 1,
        TopLogprobs = Chat.Answer.Sampling.TopLogProbabilities,
        Metadata = Metadata,
        Text = new ResponseText(ResponseTextFormat.From(Chat.Answer.ResponseFormat, FormatName)),
    };

    /// <summary>The response with its answer.</summary>
    public static ResponseObject Whole(ResponseObject empty, Wire.AnswerCompleted completed, ChatTrail trail, ChatLogprobs? logprobs)
    {
        var run = completed.Large ?? completed.Small;
        var isWhole = run.FinishReason is not (Wire.FinishReason.Length or Wire.FinishReason.ContentFilter);
        return empty with
        {
            Status = isWhole ? "completed" : "incomplete",
            IncompleteDetails = isWhole ? null : new ResponseIncomplete(run.FinishReason == Wire.FinishReason.Length ? "max_output_tokens" : "content_filter"),
            Output = [Message(empty, isWhole ? "completed" : "incomplete", completed.Answer, logprobs)],
            Usage = ResponseUsage.From(run.Usage),
            Sgl = trail,
        };
    }

    /// <summary>The message of a response; null: nothing of it yet.</summary>
    public static ResponseMessage Message(ResponseObject response, string status, string? text, ChatLogprobs? logprobs = null) => new()
    {
        Id = response.Id.Replace("resp_", "msg_", StringComparison.Ordinal),
        Status = status,
        Content = text is null ? [] : [new ResponsePart { Text = text, Logprobs = logprobs?.Content ?? [] }],
    };
}
