using System.Globalization;
using Google.Rpc;
using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>Statuses as HTTP answers.</summary>
internal static class ChatErrors
{
    public static int HttpStatus(Google.Rpc.Status status) => (Code)status.Code switch
    {
        Code.InvalidArgument => StatusCodes.Status400BadRequest,
        Code.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        Code.Unavailable or Code.FailedPrecondition => StatusCodes.Status503ServiceUnavailable,
        Code.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        Code.Cancelled => StatusCodes.Status499ClientClosedRequest,
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>The body.</summary>
    /// <param name="status">What happened.</param>
    /// <param name="field">Contract names of fields to names of the HTTP API.</param>
    public static ChatErrorBody Body(Google.Rpc.Status status, Func<string, string> field)
    {
        var violations = status.GetDetail<BadRequest>()?.FieldViolations;
        return new ChatErrorBody
        {
            Error = new ChatError
            {
                Message = violations is { Count: > 0 }
                    ? string.Join("; ", violations.Select(v => $"{field(v.Field)}: {v.Description}"))
                    : status.Message,
                Type = (Code)status.Code switch
                {
                    Code.InvalidArgument => "invalid_request_error",
                    Code.ResourceExhausted => "rate_limit_error",
                    _ => "server_error",
                },
                Param = violations is { Count: > 0 } ? field(violations[0].Field) : null,
                Code = status.GetDetail<ErrorInfo>()?.Reason.ToLowerInvariant(),
            },
        };
    }

    /// <summary>Tells when to try again, where the status says so.</summary>
    public static void SetRetryAfter(Microsoft.AspNetCore.Http.HttpResponse response, Google.Rpc.Status status)
    {
        if (status.GetDetail<RetryInfo>()?.RetryDelay is { } delay)
        {
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(delay.ToTimeSpan().TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }
    }
}
