using System.Globalization;
using Google.Rpc;
using Microsoft.AspNetCore.Http;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Statuses as HTTP answers.</summary>
internal static class ChatErrors
{
    private const string InvalidRequest = "invalid_request_error";

    /// <summary>The status code.</summary>
    public static int HttpStatus(Google.Rpc.Status status) => ((Code)status.Code, status.GetDetail<ErrorInfo>()?.Reason) switch
    {
        (_, ErrorReasons.MessageTooLarge) => StatusCodes.Status413PayloadTooLarge,
        (_, ErrorReasons.UploadStalled) => StatusCodes.Status408RequestTimeout,
        (_, RouterErrorReasons.HostNotAllowed) => StatusCodes.Status421MisdirectedRequest,
        (_, RouterErrorReasons.UnsupportedMediaType) => StatusCodes.Status415UnsupportedMediaType,
        (Code.InvalidArgument or Code.OutOfRange, _) => StatusCodes.Status400BadRequest,
        (Code.Unauthenticated, _) => StatusCodes.Status401Unauthorized,
        (Code.PermissionDenied, _) => StatusCodes.Status403Forbidden,
        (Code.NotFound, _) => StatusCodes.Status404NotFound,
        (Code.ResourceExhausted, _) => StatusCodes.Status429TooManyRequests,
        (Code.Unavailable or Code.FailedPrecondition, _) => StatusCodes.Status503ServiceUnavailable,
        (Code.DeadlineExceeded, _) => StatusCodes.Status504GatewayTimeout,
        (Code.Cancelled, _) => StatusCodes.Status499ClientClosedRequest,
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>The body.</summary>
    /// <param name="status">What happened.</param>
    /// <param name="names">Contract names of fields to names of the HTTP API; null: they are those already.</param>
    public static ChatErrorBody Body(Google.Rpc.Status status, ChatFieldNames? names)
    {
        var violations = status.GetDetail<BadRequest>()?.FieldViolations ?? [];
        return Body(
            HttpStatus(status),
            violations.Count > 0 ? string.Join("; ", violations.Select(v => $"{Name(v)}: {v.Description}")) : status.Message,
            status.GetDetail<ErrorInfo>()?.Reason.ToLowerInvariant(),
            violations.Count > 0 ? Name(violations[0]) : null);

        string Name(BadRequest.Types.FieldViolation violation) => names?.Of(violation.Field) ?? violation.Field;
    }

    /// <summary>The body for a status code.</summary>
    public static ChatErrorBody Body(int httpStatus, string message, string? code, string? param = null) => new()
    {
        Error = new ChatError
        {
            Message = message,
            Type = httpStatus switch
            {
                StatusCodes.Status401Unauthorized => "authentication_error",
                StatusCodes.Status403Forbidden => "permission_error",
                StatusCodes.Status429TooManyRequests => "rate_limit_error",
                >= 400 and < 500 => InvalidRequest,
                _ => "server_error",
            },
            Param = param,
            Code = code,
        },
    };

    /// <summary>Answers with a status.</summary>
    public static Task WriteAsync(HttpContext context, Google.Rpc.Status status)
    {
        SetRetryAfter(context.Response, status);
        return context.Response.WriteJsonAsync(HttpStatus(status), Body(status, null));
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
