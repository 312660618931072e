namespace Sgl.Router;

/// <summary>An answer that is told as a whole, collected from its events.</summary>
internal sealed class CollectedAnswer(ChatRequest request)
{
    private readonly AnswerTokens _tokens = new();
    private ChatDecision? _decision;
    private Wire.PromptLayout? _layout;

    /// <summary>Its last event.</summary>
    public Wire.AnswerCompleted Completed { get; private set; } = null!;

    /// <summary>The model's run that made it.</summary>
    public Wire.ModelRun Run => Completed.Large ?? Completed.Small;

    /// <summary>Takes an event of the router.</summary>
    public Task TakeAsync(Wire.AnswerResponse response)
    {
        _decision = response.Decision is { } decision ? ChatDecision.From(decision) : _decision;
        Completed = response.Completed ?? Completed;
        _layout = response.Layout ?? _layout;
        _tokens.Take(response);
        return Task.CompletedTask;
    }

    /// <summary>How it came about.</summary>
    public ChatTrail Trail() => ChatTrail.From(Completed, _decision, request.Includes) with
    {
        Layout = request.Includes.HasFlag(ChatIncludes.Layout) && _layout is not null ? ChatLayout.From(_layout) : null,
    };

    /// <summary>How likely its tokens were; null where that was not asked. To be called once.</summary>
    public ChatLogprobs? Logprobs()
    {
        if (!request.Logprobs)
        {
            return null;
        }

        var told = _tokens.Told();
        return _tokens.Rest(Run) is { } rest ? new ChatLogprobs { Content = [.. told.Content, .. rest.Content] } : told;
    }
}
