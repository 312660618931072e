using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Sgl.Batch.Tests;

/// <summary>A server on a loopback port that answers as it is told, by the number in a body.</summary>
internal sealed class Api : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Api(WebApplication app) => _app = app;

    /// <summary>The numbers that were asked, in order.</summary>
    public ConcurrentQueue<int> Asked { get; } = [];

    /// <summary>What it answers; by default 200 with the number.</summary>
    public Func<int, HttpContext, Task> Answer { get; set; } = (n, context) => context.Response.WriteAsync($$"""{"answer":{{n}}}""");

    public HttpClient Client { get; } = new();

    public static async Task<Api> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var api = new Api(builder.Build());
        api._app.Run(async context =>
        {
            var n = (int)(await JsonNode.ParseAsync(context.Request.Body))!["n"]!;
            api.Asked.Enqueue(n);
            context.Response.Headers["x-request-id"] = $"id-{n}";
            await api.Answer(n, context);
        });
        await api._app.StartAsync();
        api.Client.BaseAddress = new Uri(api._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return api;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
