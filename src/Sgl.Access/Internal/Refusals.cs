using System.Threading.RateLimiting;
using Google.Rpc;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Logging;
using Sgl.Hosting;

namespace Sgl.Access.Internal;

/// <summary>Answers requests that may not pass, in the terms of their protocol, before anything of their body is read.</summary>
internal sealed class Refusals(AccessMetrics metrics, HttpRefusal writeHttp, ILogger<Refusals> logger)
{
    public const string Forbidden = "forbidden";

    public async Task UnauthenticatedAsync(HttpContext context)
    {
        var failure = (await context.AuthenticateAsync()).Failure; // known already, and not found out again
        var unknown = failure switch
        {
            null => Unknown.NoKey,
            Unknown u => u,
            _ => Unknown.BadToken,
        };
        metrics.CountUnknown(unknown.Reason);
        context.Response.Headers.WWWAuthenticate = failure is null ? "Bearer" : "Bearer error=\"invalid_token\"";
        await WriteAsync(context, Faults.Create(Code.Unauthenticated, unknown.Message, ErrorReasons.Unauthenticated), unknown.Reason);
    }

    public Task ForbiddenAsync(HttpContext context) =>
        WriteAsync(context, Faults.Create(Code.PermissionDenied, "This key may not do that.", ErrorReasons.PermissionDenied), Forbidden);

    public ValueTask LimitedAsync(OnRejectedContext rejected)
    {
        var (context, lease) = (rejected.HttpContext, rejected.Lease);
        var caller = Caller.Of(context)!;
        lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter);
        lease.TryGetMetadata(MetadataName.ReasonPhrase, out var reason);
        var (shortage, message) = reason switch
        {
            nameof(Shortage.Requests) => ("requests", $"The key '{caller.Name}' has made its requests of this minute."),
            nameof(Shortage.Tokens) => ("tokens", $"The key '{caller.Name}' has used its tokens of this minute."),
            _ => ("concurrent", $"The key '{caller.Name}' has as many requests running as it may."),
        };
        metrics.CountRefused(caller.Label, shortage);
        RateHeaders.Set(context.Response, caller.Account.Look());
        return new ValueTask(WriteAsync(context, Faults.Overloaded(message, retryAfter, ErrorReasons.RateLimited), shortage));
    }

    private Task WriteAsync(HttpContext context, Google.Rpc.Status status, string reason)
    {
        var (request, response) = (context.Request, context.Response);
        AccessLog.Refused(
            logger, request.Method, request.Path.Value ?? "", (Code)status.Code, reason, context.User.Identity?.Name ?? "-", RequestIds.Of(context));
        if (!GrpcRefusal.IsGrpc(request))
        {
            if (HttpProtocol.IsHttp11(request.Protocol) && request.ContentLength is not (null or 0))
            {
                response.Headers.Connection = "close"; // rather than taking a body that nobody reads
            }

            return writeHttp(context, status);
        }

        GrpcRefusal.Write(context, status);
        return Task.CompletedTask;
    }
}
