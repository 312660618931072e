using OpenAI.Chat;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>The events of one answer, from the client library's.</summary>
internal sealed class EngineAnswer
{
    private ChatFinishReason? _reason;
    private ChatTokenUsage? _usage;

    /// <summary>Whether anything came.</summary>
    public bool Begun { get; set; }

    /// <summary>The texts of an update. What is no text (roles, tool calls, thoughts that some engines tell apart) counts as a sign of life only.</summary>
    public IEnumerable<EngineEvent.Text> Read(StreamingChatCompletionUpdate update)
    {
        _reason = update.FinishReason ?? _reason;
        _usage = update.Usage ?? _usage;
        var text = string.Concat(update.ContentUpdate.Where(p => p.Kind == ChatMessageContentPartKind.Text).Select(p => p.Text));
        var tokens = update.ContentTokenLogProbabilities;
        if (tokens is not { Count: > 0 })
        {
            return text.Length == 0 ? [] : [new EngineEvent.Text(text, null)];
        }

        // Tokens that are parts of a character have no text of their own; the answer's text is what counts.
        return string.Concat(tokens.Select(t => t.Token)) == text
            ? tokens.Select(t => new EngineEvent.Text(t.Token, Bounded(t.LogProbability)))
            : tokens.Select((t, i) => new EngineEvent.Text(i == 0 ? text : "", Bounded(t.LogProbability)));
    }

    /// <summary>The end; null where the stream had none.</summary>
    public EngineEvent.End? End() => _reason is { } reason ? new EngineEvent.End(Reason(reason), Usage()) : null;

    private EngineUsage? Usage() => _usage is null
        ? null
        : new EngineUsage(Math.Max(0, _usage.InputTokenCount), Math.Max(0, _usage.OutputTokenCount), Math.Max(0, _usage.InputTokenDetails?.CachedTokenCount ?? 0));

    // Engines that cannot tell a probability send numbers far from any, or above 0.
    private static float Bounded(float logProbability) => float.IsNaN(logProbability) ? float.NegativeInfinity : Math.Min(0, logProbability);

    private static Wire.FinishReason Reason(ChatFinishReason reason) => reason switch
    {
        ChatFinishReason.Length => Wire.FinishReason.Length,
        ChatFinishReason.ContentFilter => Wire.FinishReason.ContentFilter,
        _ => Wire.FinishReason.Stop,
    };
}
