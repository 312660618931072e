using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Sgl.Router.Tests;

/// <summary>Nothing answers without a key but what is listed here, whatever is mapped by whom.</summary>
public sealed partial class EndpointTests : IAsyncLifetime
{
    // Probes have no keys, and learn from these that the router serves, nothing else. The page is files that everybody has; what it asks needs a key.
    private static readonly string[] Open =
    [
        "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/health", "/", "/dashboard", "/page/answer.js", "/page/api.js", "/page/ask.js", "/page/charts.js",
        "/page/code.js", "/page/dashboard.js", "/page/dom.js", "/page/events.js", "/page/guidance.js", "/page/icon.svg", "/page/main.js", "/page/overlay.js",
        "/page/page.css", "/page/pictures.js", "/page/prometheus.js", "/page/snippets.js", "/page/stage.js", "/page/samples/chart.webp", "/page/samples/large.png",
        "/page/samples/square.webp", "/reference/favicon.svg", "/reference/scalar.aspnetcore.js", "/reference/scalar.js",
    ];

    private GuardedTrio _guarded = null!;

    public async Task InitializeAsync() => _guarded = await GuardedTrio.StartAsync();

    public Task DisposeAsync() => _guarded.DisposeAsync().AsTask();

    [Fact]
    public void Endpoints_ThatAnybodyMayAsk_AreTheListedOnes() =>
        Assert.Equal(Open.Order(StringComparer.Ordinal), Endpoints().Where(IsOpen).Select(e => e.RoutePattern.RawText!).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public async Task Endpoints_WithoutAKeyThatFits_RefuseOnEveryPort()
    {
        using var http = new HttpClient();
        var seen = 0;
        foreach (var endpoint in Endpoints().Where(e => !IsOpen(e)))
        {
            foreach (var (address, version) in new[] { (_guarded.Trio.Endpoints.Grpc, HttpVersion.Version20), (_guarded.Trio.Endpoints.Http!, HttpVersion.Version11) })
            {
                foreach (var isGrpc in new[] { false, true })
                {
                    foreach (var key in new[] { null, GuardedTrio.WrongKey, GuardedTrio.AlicesKey })
                    {
                        var refused = await IsRefusedAsync(http, Request(endpoint, address, version, isGrpc, key));
                        Assert.True(refused == (key != GuardedTrio.AlicesKey), $"{endpoint.RoutePattern.RawText} at {address}, {(isGrpc ? "gRPC" : "HTTP")}, key {key}: refused {refused}");
                        seen++;
                    }
                }
            }
        }

        Assert.True(seen > 100, $"only {seen} requests: are endpoints missing?");
    }

    [Theory]
    [InlineData("/nothing/here")]
    [InlineData("/page/")]
    [InlineData("/page/nothing.js")]
    [InlineData("/v1/models/../chat/completions")]
    public async Task Unknown_WithoutKey_SaysNothingAboutWhatThereIs(string path)
    {
        using var response = await _guarded.Trio.Http.GetAsync(new Uri(_guarded.Trio.Endpoints.Http!, path));

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    public async Task MetricsPort_WithoutKey_Answers(string path)
    {
        using var response = await _guarded.Trio.Http.GetAsync(new Uri(_guarded.Trio.Endpoints.Metrics!, path));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Health_NotServing_TellsItsReasonToKnownCallersOnly()
    {
        await _guarded.Trio.Small.StopAsync();
        await _guarded.Trio.UntilAsync(() => Task.FromResult(!_guarded.Trio.Health.IsServing));
        using var stranger = await _guarded.Trio.Http.GetAsync(new Uri(_guarded.Trio.Endpoints.Http!, "/health"));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_guarded.Trio.Endpoints.Http!, "/health"));
        request.Headers.Authorization = new("Bearer", GuardedTrio.AlicesKey);
        using var known = await _guarded.Trio.Http.SendAsync(request);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.ServiceUnavailable), (stranger.StatusCode, known.StatusCode));
        Assert.Equal("Not serving.", await MessageAsync(stranger));
        Assert.Matches("^Not serving: .*small", await MessageAsync(known));

        static async Task<string?> MessageAsync(HttpResponseMessage response) =>
            (string?)(await response.Content.ReadFromJsonAsync<System.Text.Json.Nodes.JsonNode>())!["error"]!["message"];
    }

    private static bool IsOpen(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null;

    private static HttpRequestMessage Request(RouteEndpoint endpoint, Uri address, Version version, bool isGrpc, string? key)
    {
        var path = Parameter().Replace(endpoint.RoutePattern.RawText!, "x");
        var method = isGrpc ? "POST" : endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is [var first, ..] ? first : "GET";
        var request = new HttpRequestMessage(new HttpMethod(method), new Uri(address, path)) { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (isGrpc || method == "POST")
        {
            request.Content = new ByteArrayContent([]) { Headers = { ContentType = new MediaTypeHeaderValue(isGrpc ? "application/grpc" : "application/json") } };
        }

        if (key is not null)
        {
            request.Headers.Authorization = new("Bearer", key);
        }

        return request;
    }

    private static async Task<bool> IsRefusedAsync(HttpClient http, HttpRequestMessage request)
    {
        using var sent = request;
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.StatusCode == HttpStatusCode.Unauthorized || (response.Headers.TryGetValues("grpc-status", out var status) && status.Single() == "16");
    }

    private List<RouteEndpoint> Endpoints()
    {
        var all = _guarded.Trio.Router.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>().ToList();
        Assert.Contains(all, e => e.RoutePattern.RawText == "/v1/chat/completions");
        Assert.Contains(all, e => e.RoutePattern.RawText == "/sgl.v1.RouterService/Answer");
        return all;
    }

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
