using System.Net;
using Google.Rpc;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// Refuses requests that were meant for another host. A web page can make its own name lead to this machine (DNS rebinding), and then its scripts may talk to whatever
/// listens there as to their own server; but the browser still says the page's name. Who has a key to ask with needs no such guard, unless it is configured.
/// </summary>
internal static class HostCheck
{
    /// <summary>Adds it, in front of everything, on all ports.</summary>
    public static void UseHostCheck(this WebApplication app)
    {
        // Looked at with the first request: an application that only tells its settings needs none to be right.
        var allowed = new Lazy<IList<StringSegment>?>(() => Allowed(
            Of<RouterOptions>(app).AllowedHosts, Of<ServiceListenOptions>(app).IsThisMachine && !Of<AccessOptions>(app).IsOn));
        app.Use((context, next) =>
        {
            var host = context.Request.Host;
            return allowed.Value is not { } names || !host.HasValue || IsNoName(host) || HostString.MatchesAny(host.Host, names) ? next(context) : RefuseAsync(context, host);
        });
    }

    private static T Of<T>(WebApplication app)
        where T : class => app.Services.GetRequiredService<IOptions<T>>().Value;

    /// <summary>Names beside localhost; null: all.</summary>
    private static List<StringSegment>? Allowed(IList<string> configured, bool isGuardedByDefault) =>
        configured.Contains("*") || (configured.Count == 0 && !isGuardedByDefault) ? null : [.. configured.Select(name => new StringSegment(name))];

    // What is written as an address was not looked up, so nobody can have made it lead here; probes and scrapers ask pods by theirs.
    private static bool IsNoName(HostString host) =>
        host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host.Host.Trim('[', ']'), out _);

    private static Task RefuseAsync(HttpContext context, HostString host)
    {
        var message = $"This router does not answer to the name {ViolationList.Quote(host.Host)}: ask localhost, or have the name added to Router:AllowedHosts.";
        var status = Faults.Create(Code.PermissionDenied, message, RouterErrorReasons.HostNotAllowed);
        if (!GrpcRefusal.IsGrpc(context.Request))
        {
            return ChatErrors.WriteAsync(context, status);
        }

        GrpcRefusal.Write(context, status);
        return Task.CompletedTask;
    }
}
