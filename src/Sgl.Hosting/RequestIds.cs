using System.Buffers;
using System.Diagnostics;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Sgl.Hosting;

/// <summary>The id that ties a request's log lines together over all hops: header <c>x-request-id</c>, kept when the caller sent one.</summary>
public static class RequestIds
{
    /// <summary>Header and trailer name.</summary>
    public const string Header = "x-request-id";

    private const int MaxLength = 128;
    private static readonly object Key = new();
    private static readonly Func<ILogger, string, IDisposable?> Scope = LoggerMessage.DefineScope<string>("request {RequestId}");

    // What is echoed into headers and logs must not be able to forge either.
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+=");

    /// <summary>The id of the request behind a gRPC call.</summary>
    public static string Of(ServerCallContext context) => Of(context.GetHttpContext());

    /// <summary>The id of a request.</summary>
    public static string Of(HttpContext context) => context.Items[Key] as string ?? context.TraceIdentifier;

    /// <summary>Metadata that carries the id to the next hop.</summary>
    public static Metadata ToMetadata(string requestId) => new() { { Header, requestId } };

    internal static void UseRequestIds(this IApplicationBuilder app, ILogger logger) => app.Use(async (context, next) =>
    {
        var id = Accept(context.Request.Headers[Header]) ?? Activity.Current?.TraceId.ToHexString() ?? Guid.NewGuid().ToString("N");
        context.Items[Key] = id;
        context.Response.Headers[Header] = id;
        using (Scope(logger, id))
        {
            await next(context);
        }
    });

    private static string? Accept(string? sent) =>
        sent is { Length: > 0 and <= MaxLength } && !sent.AsSpan().ContainsAnyExcept(Allowed) ? sent : null;
}
