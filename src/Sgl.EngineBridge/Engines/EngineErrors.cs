using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Text.Json;
using Google.Rpc;
using Sgl.Hosting;

namespace Sgl.EngineBridge;

/// <summary>What an engine's failures mean to callers of the bridge.</summary>
internal static class EngineErrors
{
    private const int LongestMessage = 400;
    private static readonly TimeSpan DefaultRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromHours(1);

    // How engines say that a prompt does not fit; only OpenAI has a code for it.
    private static readonly string[] TooLong = ["context_length_exceeded", "context length", "maximum model length", "max_model_len", "too many tokens", "longer than the maximum"];

    /// <summary>The status for a failure of a request; null where it is not the engine's.</summary>
    /// <param name="exception">What the client library threw.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="correlationId">For the log.</param>
    public static Status? Translate(Exception exception, string model, string correlationId) => exception switch
    {
        ClientResultException { Status: > 0 } e => OfAnswer(e.Status, Message(e), Retry(e.GetRawResponse()), model, correlationId),
        EngineErrorEventException e => OfAnswer(e.Status, e.Message, null, model, correlationId),
        EngineKeyException => Faults.Unavailable("The bridge has no key for the engine.", DefaultRetry),
        ClientResultException or HttpRequestException or IOException => Faults.Unavailable($"The engine of {model} cannot be reached, or broke off.", DefaultRetry),

        // What the client library throws where it cannot read an event; which exceptions these are is not in its contract.
        EngineStreamException or JsonException or FormatException or InvalidOperationException or ArgumentException or KeyNotFoundException or NotSupportedException => Faults.Internal(correlationId),
        _ => null,
    };

    /// <summary>A time limit of the bridge passed.</summary>
    public static Status Late(string model, string what, TimeSpan limit, string setting) => Faults.Create(
        Code.DeadlineExceeded,
        FormattableString.Invariant($"The engine of {model} sent {what} within {limit.TotalSeconds:0.###} s (setting {setting})."), ErrorReasons.DeadlineExceeded);

    private static Status OfAnswer(int status, string message, TimeSpan? retry, string model, string correlationId) => status switch
    {
        400 or 422 when TooLong.Any(t => message.Contains(t, StringComparison.OrdinalIgnoreCase)) =>
            Faults.InvalidArgument("input", $"{model} refuses it: {message}", ErrorReasons.PromptTooLong),
        400 or 422 => Faults.InvalidArgument("input", $"{model} refuses it: {message}"),
        401 or 403 => Faults.Unavailable($"The engine of {model} does not accept the bridge's key.", retry ?? DefaultRetry),
        404 or 405 => Faults.Unavailable($"The engine does not serve {model} at this address.", retry ?? DefaultRetry),
        408 or 504 => Faults.Create(Code.DeadlineExceeded, $"The engine of {model} gave no answer in its own time limit.", ErrorReasons.DeadlineExceeded),
        413 => Faults.Create(Code.ResourceExhausted, $"The engine of {model} takes no request of this size. Send smaller or fewer images.", ErrorReasons.MessageTooLarge),
        429 => Faults.Overloaded($"The engine of {model} has no capacity.", retry ?? DefaultRetry),
        502 or 503 or 529 => Faults.Unavailable($"The engine of {model} is not available.", retry ?? DefaultRetry),
        _ => Faults.Internal(correlationId),
    };

    /// <summary>The engine's own words, short and printable; engines put them in different places.</summary>
    private static string Message(ClientResultException exception) => Message(Body(exception.GetRawResponse()));

    /// <summary>The words of an error's body, short and printable.</summary>
    internal static string Message(string? body)
    {
        var text = PrintableText.Escape((body is null ? "without a message" : FromJson(body) ?? body).Trim());
        return text.Length <= LongestMessage ? text : string.Concat(text.AsSpan(0, LongestMessage), "...");
    }

    private static string? Body(PipelineResponse? response)
    {
        try
        {
            return response?.Content.ToString() is { Length: > 0 } text ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null; // not read
        }
    }

    private static string? FromJson(string body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return json.RootElement is { ValueKind: JsonValueKind.Object } root ? Text(root, "error") ?? Text(root, "message") ?? Text(root, "detail") : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement from, string name)
    {
        if (!from.TryGetProperty(name, out var value))
        {
            return null;
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Object => string.Join(' ', new[] { Text(value, "message"), Text(value, "code") is { } code ? $"({code})" : null }.OfType<string>()),
            JsonValueKind.Array => value.GetRawText(),
            _ => null,
        };
    }

    /// <summary>When to try again, as the answer says: <c>retry-after-ms</c>, or <c>Retry-After</c> in seconds or as a date.</summary>
    internal static TimeSpan? Retry(PipelineResponse? response)
    {
        if (response is null)
        {
            return null;
        }

        if (response.Headers.TryGetValue("retry-after-ms", out var ms) && double.TryParse(ms, NumberStyles.Float, CultureInfo.InvariantCulture, out var milliseconds))
        {
            return Bounded(milliseconds / 1000);
        }

        return response.Headers.TryGetValue("Retry-After", out var after) ? Retry(after, DateTimeOffset.UtcNow) : null;
    }

    /// <summary>The time of a <c>Retry-After</c>; null where it is none.</summary>
    internal static TimeSpan? Retry(string? after, DateTimeOffset now) =>
        double.TryParse(after, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) ? Bounded(seconds)
        : DateTimeOffset.TryParse(after, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? Bounded((at - now).TotalSeconds)
        : null;

    // Too long a time, or none at all, would be believed by clients.
    private static TimeSpan? Bounded(double seconds) => double.IsNaN(seconds) ? null : TimeSpan.FromSeconds(Math.Clamp(seconds, 0.05, LongestRetry.TotalSeconds));
}
