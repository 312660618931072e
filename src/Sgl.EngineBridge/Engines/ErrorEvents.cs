using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Sgl.EngineBridge;

/// <summary>Errors that engines tell in a stream that began with 200; whose they are: tests/Sgl.EngineBridge.Tests/Exchanges/README.md.</summary>
internal static class ErrorEvents
{
    private const int Unknown = 500;

    /// <summary>The error that a line tells; null: it tells none.</summary>
    /// <param name="line">A line of a stream, without its end.</param>
    public static EngineErrorEventException? Of(ReadOnlySpan<byte> line)
    {
        var json = line.StartsWith("data:"u8) ? line["data:"u8.Length..].TrimStart((byte)' ') : line;
        if (json is not [(byte)'{', ..] || json.IndexOf("\"error\""u8) < 0)
        {
            return null;
        }

        var bytes = ArrayPool<byte>.Shared.Rent(json.Length);
        try
        {
            json.CopyTo(bytes);
            using var document = JsonDocument.Parse(bytes.AsMemory(0, json.Length));
            return Of(document.RootElement);
        }
        catch (JsonException)
        {
            return null; // the client library says so too
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    // {"error": {...}}, {"error": "..."}, or {"object": "error", ...}.
    private static EngineErrorEventException? Of(JsonElement root)
    {
        if (root.TryGetProperty("error", out var error) && error.ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            return new EngineErrorEventException(error.ValueKind == JsonValueKind.Object ? Status(error) : Status(root), EngineErrors.Message(root.GetRawText()));
        }

        return root.TryGetProperty("object", out var kind) && kind.ValueKind == JsonValueKind.String && kind.ValueEquals("error"u8)
            ? new EngineErrorEventException(Status(root), EngineErrors.Message(root.GetRawText()))
            : null;
    }

    private static int Status(JsonElement error) => Status(error, "code") ?? Status(error, "type") ?? Unknown;

    private static int? Status(JsonElement error, string name)
    {
        if (!error.TryGetProperty(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            return value.TryGetInt32(out var number) ? Known(number) : null;
        }

        if (value.ValueKind != JsonValueKind.String || Text(value) is not { } text)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var digits) ? Known(digits) : Named(text);
    }

    // Codes and types by name, where there is no number. OpenAI's of its error guide; vLLM's and SGLang's types are names of exceptions.
    private static int? Named(string name) => name switch
    {
        "context_length_exceeded" or "invalid_request_error" or "invalid_prompt" or "invalid_value" or "BadRequestError" or "BadRequest" => 400,
        "authentication_error" or "invalid_api_key" or "AuthenticationError" => 401,
        "permission_error" or "PermissionDeniedError" => 403,
        "model_not_found" or "not_found_error" or "NotFoundError" => 404,
        "timeout" or "timeout_error" or "APITimeoutError" => 408,
        "rate_limit_exceeded" or "rate_limit_error" or "RateLimitError" or "insufficient_quota" or "tokens" or "requests" => 429,
        "overloaded_error" or "server_overloaded" or "engine_overloaded" or "service_unavailable" or "ServiceUnavailable" or "ServiceUnavailableError" => 503,
        _ => null,
    };

    private static int? Known(int status) => status is >= 400 and < 600 ? status : null;

    private static string? Text(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null; // half a surrogate pair
        }
    }
}

/// <summary>An error that an engine told in the middle of a stream.</summary>
/// <param name="status">The HTTP status that it would have had in front of one.</param>
/// <param name="message">The engine's words, short and printable.</param>
internal sealed class EngineErrorEventException(int status, string message) : Exception(message)
{
    /// <summary>The HTTP status that it would have had in front of the stream.</summary>
    public int Status { get; } = status;
}
