using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Sgl.Batch.Internal;

/// <summary>Posts one request of a batch, again where that helps.</summary>
internal sealed class BatchPost(HttpClient client, BatchOptions options, TimeProvider time)
{
    private const string RequestIdHeader = "x-request-id";

    /// <summary>Posts a request.</summary>
    /// <exception cref="BatchException">The server cannot be reached.</exception>
    public async Task<BatchOutcome> SendAsync(BatchRequest request, byte[] body, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan? wait = null;
            try
            {
                using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
                using var response = await client.PostAsync(new Uri(request.Path, UriKind.Relative), content, cancellationToken);
                var answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
                if (response.StatusCode == HttpStatusCode.Unauthorized)
                {
                    throw new BatchException($"the router at {client.BaseAddress!.Authority} does not know who asks: {Message(answer)}");
                }

                if (attempt == options.MaxAttempts || !IsPassing(response.StatusCode))
                {
                    return Outcome(request.CustomId, response, answer);
                }

                wait = response.Headers.RetryAfter?.Delta;
            }
            catch (HttpRequestException e)
            {
                if (attempt == options.MaxAttempts)
                {
                    throw new BatchException($"the router at {client.BaseAddress!.Authority} cannot be reached: {e.GetBaseException().Message}", e);
                }
            }

            await Task.Delay(Bounded(wait ?? options.Backoff * Math.Pow(2, attempt - 1)), time, cancellationToken);
        }
    }

    // No capacity at the moment, or a model that is away for one: neither is the request's fault.
    private static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout;

    private static BatchOutcome Outcome(string id, HttpResponseMessage response, byte[] answer)
    {
        var requestId = response.Headers.TryGetValues(RequestIdHeader, out var values) ? values.First() : null;
        return OneLine(answer) is { } body
            ? new BatchOutcome(id) { Status = (int)response.StatusCode, RequestId = requestId, Body = body }
            : new BatchOutcome(id) { RequestId = requestId, Error = ("bad_response", $"HTTP status {(int)response.StatusCode} with a body that is not JSON") };
    }

    private static string Message(byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            return Shown.Text(json.RootElement.GetProperty("error").GetProperty("message").GetString() ?? "");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return "HTTP status 401";
        }
    }

    /// <summary>JSON without line breaks, of which lines are made; null where it is none.</summary>
    private static byte[]? OneLine(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return json.AsSpan().ContainsAny((byte)'\n', (byte)'\r') ? JsonSerializer.SerializeToUtf8Bytes(document.RootElement) : json;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private TimeSpan Bounded(TimeSpan wait) => wait < options.MaxBackoff ? wait : options.MaxBackoff;
}
