using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;

namespace Sgl.Router;

/// <summary>
/// The page: <c>/</c>, <c>/dashboard</c> and their files under <c>/page</c>. It asks by the HTTP API like everybody else; the files hold nothing that needs a key.
/// </summary>
internal static class PageEndpoint
{
    // Scripts and styles are files of this server alone, and text never becomes markup, whatever a model answers or a file is called.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    /// <summary>Maps all of it, and what the dashboard reads.</summary>
    public static void MapPage(this WebApplication app)
    {
        // Read every two seconds and collected once for all, it shall not use up what a key may ask.
        Map(app, "/v1/sgl/metrics", app.Services.GetRequiredService<PageMetrics>().AnswerAsync, new DisableRateLimitingAttribute());
        Map(app, "/", "index.html");
        Map(app, "/dashboard", "index.html");
        foreach (var name in PageFiles.All.Keys.Where(n => n != "index.html"))
        {
            Map(app, $"/page/{name}", name);
        }
    }

    private static void Map(WebApplication app, string path, string name)
    {
        var file = PageFiles.All[name];
        Map(app, path, context => AnswerAsync(context, file), new AllowAnonymousAttribute());
    }

    private static void Map(WebApplication app, string path, RequestDelegate handler, object metadata)
    {
        app.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], handler).WithMetadata(metadata);
        app.Map(path, context =>
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = "GET, HEAD";
            return Task.CompletedTask;
        }).WithMetadata(metadata);
    }

    private static Task AnswerAsync(HttpContext context, PageFile file)
    {
        var (request, response) = (context.Request, context.Response);
        var headers = response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-cache"; // kept, and asked for again each time
        headers.ETag = file.Tag;
        if (request.Headers.IfNoneMatch.Any(t => t?.Contains(file.Tag, StringComparison.Ordinal) == true))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = file.Type;
        response.ContentLength = file.Content.Length;
        return HttpMethods.IsHead(request.Method) ? Task.CompletedTask : response.Body.WriteAsync(file.Content, context.RequestAborted).AsTask();
    }
}
