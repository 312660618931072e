using Sgl.Client.Internal;

namespace Sgl.Client;

/// <summary>An event of an answer: one prompt, small tokens, one decision, on escalation large tokens, one end, in this order.</summary>
public abstract class SglEvent
{
    private protected SglEvent()
    {
    }
}

/// <summary>First: the prompt as the model sees it that is asked first.</summary>
public sealed class SglPromptEvent : SglEvent
{
    internal SglPromptEvent(Wire.PromptLayout layout) => Layout = layout;

    /// <summary>Where each picture's visual tokens are.</summary>
    public Wire.PromptLayout Layout { get; }
}

/// <summary>A token of the small model. Provisional until the decision: on escalation the large model's answer takes its place.</summary>
public sealed class SglSmallTokenEvent : SglEvent
{
    internal SglSmallTokenEvent(Wire.Token token) => Token = token;

    /// <summary>What it adds to the small model's answer; may be empty.</summary>
    public string Text => Token.Text;

    /// <summary>The token, with its probability.</summary>
    public Wire.Token Token { get; }
}

/// <summary>Whether the small model's answer is final.</summary>
public sealed class SglDecisionEvent : SglEvent
{
    internal SglDecisionEvent(Wire.Decision decision) => Decision = decision;

    /// <summary>The large model is asked: what the small one said is void, unless the large one fails (<see cref="Wire.AnswerPath.Degraded"/>).</summary>
    public bool Escalates => Decision.Action == Wire.DecisionAction.Escalate;

    /// <summary>The exit score that was compared with the threshold, 0 to 1; null where the small model was not asked, or the score not computed.</summary>
    public double? Score => Scores.Compared(Decision);

    /// <summary>The decision: reason, criterion, threshold, all scores.</summary>
    public Wire.Decision Decision { get; }
}

/// <summary>A token of the large model.</summary>
public sealed class SglLargeTokenEvent : SglEvent
{
    internal SglLargeTokenEvent(Wire.Token token) => Token = token;

    /// <summary>What it adds to the large model's answer; may be empty.</summary>
    public string Text => Token.Text;

    /// <summary>The token, with its probability.</summary>
    public Wire.Token Token { get; }
}

/// <summary>Last: the answer. Its text is what counts, whatever tokens came before.</summary>
public sealed class SglCompletedEvent : SglEvent
{
    internal SglCompletedEvent(SglAnswer answer) => Answer = answer;

    /// <summary>The answer.</summary>
    public SglAnswer Answer { get; }
}
