using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>What the HTTP port says where no endpoint answers: errors in the protocol's own shape, and CORS where it is configured.</summary>
internal static class ChatPages
{
    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    /// <summary>Adds both; before routing.</summary>
    public static void UseChatPages(this WebApplication app)
    {
        var endpoints = app.Services.GetRequiredService<ServiceEndpoints>();
        app.UseWhen(context => endpoints.IsHttpPort(context.Connection.LocalPort), branch =>
        {
            if (app.Services.GetRequiredService<IOptions<RouterOptions>>().Value.Http.AllowedOrigins is { Count: > 0 } origins)
            {
                branch.UseCors(policy => Allow(policy, origins));
            }

            branch.UseStatusCodePages(WriteAsync);
        });
    }

    /// <summary>Maps an endpoint, and the refusal of its other methods: the framework's own takes some for calls of unknown gRPC services.</summary>
    public static void MapChat(this WebApplication app, string path, string method, RequestDelegate handler, ApiOperation about)
    {
        // Without the method there is no description of the endpoint.
        app.MapMethods(path, [method], handler).WithMetadata([handler.Method, .. about.Metadata()]);
        app.Map(path, context =>
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = method;
            return Task.CompletedTask;
        }).WithMetadata([.. about.Metadata().OfType<IAllowAnonymous>()]);
    }

    private static void Allow(CorsPolicyBuilder policy, IEnumerable<string> origins) => policy
        .WithOrigins([.. origins])
        .SetIsOriginAllowedToAllowWildcardSubdomains()
        .WithMethods("GET", "POST")
        .AllowAnyHeader()
        .WithExposedHeaders(RequestIds.Header, "retry-after", "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "grpc-accept-encoding", "www-authenticate", "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens")
        .SetPreflightMaxAge(PreflightAge);

    private static Task WriteAsync(StatusCodeContext status)
    {
        var (request, response) = (status.HttpContext.Request, status.HttpContext.Response);
        var url = ViolationList.Quote($"{request.Method} {request.Path}");
        var (message, code) = response.StatusCode switch
        {
            StatusCodes.Status404NotFound => ($"Unknown request URL: {url}. This API has POST /v1/chat/completions, GET /v1/models, GET /v1/models/{{model}} and GET /v1/sgl/info; {ApiDescription.Document} describes it.", "unknown_url"),
            StatusCodes.Status405MethodNotAllowed => ($"Not allowed: {url}; the allowed method is {response.Headers.Allow}.", "method_not_supported"),
            StatusCodes.Status413PayloadTooLarge => ("The request is too large.", "message_too_large"),
            StatusCodes.Status415UnsupportedMediaType => ("The body must be JSON.", "unsupported_media_type"),
            var other => ($"The request failed with HTTP status {other}.", (string?)null),
        };
        return response.WriteJsonAsync(response.StatusCode, ChatErrors.Body(response.StatusCode, message, code));
    }
}
