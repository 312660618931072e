using Grpc.Core;
using Microsoft.Extensions.AI;

namespace Sgl.Client.Internal.Chat;

/// <summary>A stream of updates whose texts add up to the answer.</summary>
/// <param name="provisional">Whether the small model's tokens are told before the decision.</param>
/// <param name="smallIsFinal">No decision can void the small model's tokens.</param>
internal sealed class ChatUpdates(bool provisional, bool smallIsFinal)
{
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly AnswerText _text = new();
    private bool _hasLargeText;
    private SglAnswer? _broken;

    /// <summary>The update for an event; null: there is nothing to tell yet.</summary>
    public ChatResponseUpdate? Of(SglEvent e) => e switch
    {
        SglSmallTokenEvent small when smallIsFinal => Text(small.Text, small),
        SglSmallTokenEvent { Text.Length: > 0 } small when provisional => Update(small, new SglProvisionalContent(small.Text)),
        SglDecisionEvent decision => Told(Update(decision), ChatTerms.Properties(decision.Decision, decision.Score)),
        SglLargeTokenEvent large => Large(large),
        SglCompletedEvent completed => End(completed),
        _ => null,
    };

    /// <summary>Ends a stream half of which is the large model's, while the small one's answer is what counts.</summary>
    public void ThrowIfBroken()
    {
        if (_broken is { } answer)
        {
            throw new SglException(StatusCode.Unavailable, $"The large model broke off in the middle of its answer: {answer.Completed.Explanation}", ChatTerms.Name(answer.Completed.Reason));
        }
    }

    private ChatResponseUpdate? Large(SglLargeTokenEvent large)
    {
        var update = Text(large.Text, large);
        _hasLargeText |= update is not null;
        return update;
    }

    private ChatResponseUpdate? Text(string token, SglEvent e) => _text.Take(token) is { Length: > 0 } text ? Update(e, new TextContent(text)) : null;

    private ChatResponseUpdate End(SglCompletedEvent completed)
    {
        var answer = completed.Answer;
        var properties = ChatTerms.Properties(answer);
        if (answer.Path == Wire.AnswerPath.Degraded && _hasLargeText)
        {
            _broken = answer;
            properties[SglPropertyNames.SmallAnswer] = answer.Text;
            return Told(Update(completed), properties);
        }

        var end = Told(Update(completed, new UsageContent(ChatTerms.Usage(answer))), properties);
        if (answer.Path != Wire.AnswerPath.Escalated && !smallIsFinal)
        {
            end.Contents.Insert(0, new TextContent(answer.Text));
        }

        (end.ModelId, end.FinishReason) = (answer.Model, ChatTerms.Reason(answer.FinishReason));
        return end;
    }

    private ChatResponseUpdate Update(SglEvent e, params AIContent[] contents) => new(ChatRole.Assistant, [.. contents])
    {
        ResponseId = _id,
        CreatedAt = TimeProvider.System.GetUtcNow(),
        RawRepresentation = e,
    };

    private static ChatResponseUpdate Told(ChatResponseUpdate update, AdditionalPropertiesDictionary properties)
    {
        update.AdditionalProperties = properties;
        return update;
    }
}
