using System.Text;
using System.Text.Json.Serialization;

namespace Sgl.Router;

/// <summary>How likely the tokens of an answer were.</summary>
internal sealed record ChatLogprobs
{
    /// <summary>The tokens, those that ended the answer apart.</summary>
    public required IReadOnlyList<ChatTokenLogprob> Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Refusal => null;
}

/// <summary>How likely a token was.</summary>
internal sealed record ChatTokenLogprob
{
    private const double LeastLogprob = -9999; // JSON has no infinity

    /// <summary>Text that became certain with it: empty for the first half of a character, which its second half then brings.</summary>
    public required string Token { get; init; }

    /// <summary>Natural logarithm of its probability under the scores it was chosen from; at least -9999.</summary>
    public required double Logprob { get; init; }

    /// <summary>The text in UTF-8.</summary>
    public required IReadOnlyList<int> Bytes { get; init; }

    /// <summary>The likeliest tokens in its place, as many as were asked for.</summary>
    public required IReadOnlyList<ChatTopLogprob> TopLogprobs { get; init; }

    public static ChatTokenLogprob From(Wire.Token token) => new()
    {
        Token = token.Text,
        Logprob = Finite(token.LogProbability),
        Bytes = [.. Encoding.UTF8.GetBytes(token.Text).Select(b => (int)b)],
        TopLogprobs = [.. token.Alternatives.Select(ChatTopLogprob.From)],
    };

    internal static double Finite(float logProbability) => float.IsFinite(logProbability) ? Math.Max(LeastLogprob, logProbability) : LeastLogprob;
}

/// <summary>A token that could have been chosen.</summary>
internal sealed record ChatTopLogprob
{
    /// <summary>Its own text; bytes that are half a character are told as U+FFFD here.</summary>
    public required string Token { get; init; }

    public required double Logprob { get; init; }

    /// <summary>The text in UTF-8.</summary>
    public required IReadOnlyList<int> Bytes { get; init; }

    public static ChatTopLogprob From(Wire.TokenAlternative alternative) => new()
    {
        Token = alternative.Text.ToStringUtf8(),
        Logprob = ChatTokenLogprob.Finite(alternative.LogProbability),
        Bytes = [.. alternative.Text.Select(b => (int)b)],
    };
}

/// <summary>Collects the tokens of the answer that counts: those of the small model until the large one begins.</summary>
internal sealed class AnswerTokens
{
    private readonly List<Wire.Token> _waiting = [];
    private bool _isLarge;

    /// <summary>Takes an event of the router.</summary>
    public void Take(Wire.AnswerResponse answer)
    {
        if (answer.LargeToken is not null && !_isLarge)
        {
            _isLarge = true;
            _waiting.Clear();
        }

        if ((answer.LargeToken ?? answer.SmallToken) is { } token)
        {
            _waiting.Add(token);
        }
    }

    /// <summary>The tokens since the last time, up to the last one with text; those behind it may be what ends the answer.</summary>
    public ChatLogprobs Told()
    {
        var count = _waiting.FindLastIndex(t => t.Text.Length > 0) + 1;
        var told = _waiting.Take(count).Select(ChatTokenLogprob.From).ToList();
        _waiting.RemoveRange(0, count);
        return new ChatLogprobs { Content = told };
    }

    /// <summary>The rest, where the answer was cut off and its last token did not end it.</summary>
    public ChatLogprobs? Rest(Wire.ModelRun run)
    {
        if (run.FinishReason != Wire.FinishReason.Length || _waiting.Count == 0)
        {
            return null;
        }

        var rest = _waiting.Select(ChatTokenLogprob.From).ToList();
        _waiting.Clear();
        return new ChatLogprobs { Content = rest };
    }
}
