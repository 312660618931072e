using System.Net;
using System.Text.RegularExpressions;
using Sgl.Hosting;

namespace Sgl.Router.Tests;

public sealed partial class PageTests : IAsyncLifetime
{
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync();

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Theory]
    [InlineData("/", "text/html")]
    [InlineData("/dashboard", "text/html")]
    [InlineData("/page/main.js", "text/javascript")]
    [InlineData("/page/page.css", "text/css")]
    [InlineData("/page/icon.svg", "image/svg+xml")]
    [InlineData("/page/samples/chart.webp", "image/webp")]
    public async Task Get_File_WithItsTypeAndAPolicyThatAllowsNothingElse(string path, string type)
    {
        using var response = await SendAsync(HttpMethod.Get, path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
        Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync());
        var policy = Header(response, "Content-Security-Policy");
        Assert.StartsWith("default-src 'none'; ", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
        Assert.Equal("no-referrer", Header(response, "Referrer-Policy"));
    }

    [Fact]
    public async Task Get_EveryFileThatIsNamed_IsThere()
    {
        var files = new Queue<string>(["/"]);
        var seen = new HashSet<string>();
        while (files.TryDequeue(out var path))
        {
            if (!seen.Add(path))
            {
                continue;
            }

            using var response = await SendAsync(HttpMethod.Get, path);
            Assert.True(response.IsSuccessStatusCode, path);
            if (response.Content.Headers.ContentType!.MediaType!.StartsWith("text/", StringComparison.Ordinal))
            {
                foreach (Match match in Named().Matches(await response.Content.ReadAsStringAsync()))
                {
                    files.Enqueue("/page/" + match.Groups["file"].Value);
                }
            }
        }

        Assert.Equal(PageFiles.All.Keys.Order().Where(n => !n.StartsWith("samples/", StringComparison.Ordinal)), seen.Select(p => p == "/" ? "index.html" : p["/page/".Length..]).Order());
    }

    [Fact]
    public async Task Get_KnownAlready_NotModified()
    {
        using var first = await SendAsync(HttpMethod.Get, "/");
        using var second = await SendAsync(HttpMethod.Get, "/", ("If-None-Match", first.Headers.ETag!.Tag));
        using var other = await SendAsync(HttpMethod.Get, "/", ("If-None-Match", "\"another\""));

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync());
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task Head_Page_LengthWithoutTheBytes()
    {
        using var response = await SendAsync(HttpMethod.Head, "/");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(response.Content.Headers.ContentLength > 1000);
    }

    [Theory]
    [InlineData("POST", "/", 405)]
    [InlineData("GET", "/page/", 404)]
    [InlineData("GET", "/page/nothing.js", 404)]
    [InlineData("GET", "/page/%2e%2e/appsettings.json", 404)]
    [InlineData("GET", "/page/samples/..%2f..%2fappsettings.json", 404)]
    [InlineData("GET", "/index.html", 404)]
    [InlineData("POST", "/v1/sgl/metrics", 405)]
    public async Task Request_NothingThere_Refused(string method, string path, int status)
    {
        using var response = await SendAsync(new HttpMethod(method), path);

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task GetMetrics_AfterAQuestion_WhatTheDashboardShowsAndNoAddress()
    {
        await _trio.AnswerAsync();

        await _trio.UntilAsync(async () => (await MetricsAsync()).Contains("sgl_requests_total{path=\"exit\",service=\"router\"} 1\n", StringComparison.Ordinal));
        var told = await MetricsAsync();

        Assert.Contains("sgl_router_replica_serving{backend=\"small\",replica=\"1\",service=\"router\"} 1\n", told, StringComparison.Ordinal);
        Assert.Contains("sgl_router_replica_in_flight{backend=\"large\",replica=\"1\",service=\"router\"} 0\n", told, StringComparison.Ordinal);
        Assert.Contains("sgl_e2e_request_latency_seconds_bucket{", told, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", told, StringComparison.Ordinal);
        Assert.DoesNotContain("dotnet", told, StringComparison.Ordinal);
        Assert.DoesNotContain("sgl_bytes", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetMetrics_WhileAQuestionIsAtTheModel_IsInFlight()
    {
        _trio.Small.AfterTokens = TimeSpan.FromMinutes(5);
        using var call = _trio.Client.Answer(Trio.Request());
        await call.ResponseStream.MoveNext(CancellationToken.None);

        await _trio.UntilAsync(async () => (await MetricsAsync()).Contains("sgl_router_replica_in_flight{backend=\"small\",replica=\"1\",service=\"router\"} 1\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Get_KeysAreOn_FilesWithoutOneAndWhatTheyAskWithOne()
    {
        await using var guarded = await GuardedTrio.StartAsync(("Access:Keys:0:RequestsPerMinute", "2"));

        foreach (var (path, key, status) in new[]
        {
            ("/", null, HttpStatusCode.OK), ("/page/main.js", GuardedTrio.WrongKey, HttpStatusCode.OK), ("/v1/sgl/info", null, HttpStatusCode.Unauthorized),
            ("/v1/sgl/metrics", null, HttpStatusCode.Unauthorized), ("/v1/sgl/metrics", GuardedTrio.WrongKey, HttpStatusCode.Unauthorized), ("/v1/sgl/info", GuardedTrio.AlicesKey, HttpStatusCode.OK),
            ("/v1/sgl/metrics", GuardedTrio.AlicesKey, HttpStatusCode.OK), ("/v1/sgl/metrics", GuardedTrio.AlicesKey, HttpStatusCode.OK), ("/v1/sgl/metrics", GuardedTrio.AlicesKey, HttpStatusCode.OK),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(guarded.Trio.Endpoints.Http!, path));
            request.Headers.Authorization = key is null ? null : new("Bearer", key);
            using var response = await guarded.Trio.Http.SendAsync(request);
            Assert.True(status == response.StatusCode, $"{path} with {key}: {response.StatusCode}");
        }
    }

    [Fact]
    public async Task Get_SwitchedOff_NoPageAndNoMetrics()
    {
        await using var trio = await Trio.StartAsync(("Router:Page", "false"));

        foreach (var path in new[] { "/", "/dashboard", "/page/main.js", "/v1/sgl/metrics" })
        {
            using var response = await trio.Http.GetAsync(new Uri(trio.Endpoints.Http!, path));
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
            Assert.Contains("unknown_url", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("localhost", "0", null, true)]
    [InlineData("127.0.0.1", "0", null, true)]
    [InlineData("::1", "0", null, true)]
    [InlineData("localhost", null, null, false)]
    [InlineData("*", "0", null, false)]
    [InlineData("192.0.2.1", "0", null, false)]
    [InlineData("192.0.2.1", "0", "true", true)]
    [InlineData("localhost", "0", "false", false)]
    public async Task HasPage_ByDefault_OnThisMachineAlone(string address, string? port, string? page, bool expected)
    {
        await using var router = RouterHost.Create(new Dictionary<string, string?>
        {
            ["Listen:Address"] = address,
            ["Listen:HttpPort"] = port,
            ["Router:Page"] = page,
            ["Router:Anonymous"] = "true",
            ["Router:Small:Address"] = "http://localhost:1",
            ["Router:Large:Address"] = "http://localhost:1",
        });

        Assert.Equal(expected, RouterHost.HasPage(router.Services));
    }

    [Fact]
    public async Task Start_PageWithoutAPort_Refused()
    {
        using var output = new StringWriter();
        var settings = new Dictionary<string, string?> { ["Router:Page"] = "true", ["Router:Small:Address"] = "http://localhost:1", ["Router:Large:Address"] = "http://localhost:1" };

        var code = await ServiceRunner.RunAsync(() => RouterHost.Create(settings), output).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.StartsWith("error: Router:Page is true, but Listen:HttpPort is not set", output.ToString(), StringComparison.Ordinal);
    }

    private Task<string> MetricsAsync() => _trio.Http.GetStringAsync(new Uri(_trio.Endpoints.Http!, "/v1/sgl/metrics"));

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(_trio.Endpoints.Http!, path));
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return _trio.Http.SendAsync(request);
    }

    private static string Header(HttpResponseMessage response, string name) => response.Headers.GetValues(name).Single();

    [GeneratedRegex("""(?:from "\./|(?:href|src)="page/)(?<file>[\w./]+)""")]
    private static partial Regex Named();
}
