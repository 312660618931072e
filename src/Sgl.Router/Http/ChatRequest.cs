namespace Sgl.Router;

/// <summary>A chat-completions request as the router understands it.</summary>
/// <param name="Answer">The router's own request.</param>
/// <param name="Names">The names that the fields of <paramref name="Answer"/> have in the body.</param>
internal sealed record ChatRequest(Wire.AnswerRequest Answer, ChatFieldNames Names) : IQuestion
{
    ChatRequest IQuestion.Chat => this;

    /// <summary>The model that was asked for, by which a stream goes in all its chunks.</summary>
    public string Model { get; init; } = ChatModels.Router;

    /// <summary>Whether the answer comes as server-sent events.</summary>
    public bool Stream { get; init; }

    /// <summary>How many answers are wanted.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Whether the answer tells how likely its tokens were.</summary>
    public bool Logprobs { get; init; }

    /// <summary>Whether a stream ends with the counts of tokens.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>Whether a stream shows the small model's tokens before they are final.</summary>
    public bool Provisional { get; init; }

    /// <summary>What is told beside the answer.</summary>
    public ChatIncludes Includes { get; init; }

    /// <summary>Whether the small model's tokens are the answer from the first one on.</summary>
    public bool SmallIsFinal { get; init; }
}
