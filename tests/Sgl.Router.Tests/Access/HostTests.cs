using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Requests that were meant for another host: what a page of the web can send here by DNS rebinding.</summary>
public sealed class HostTests
{
    private static readonly string[] Paths = ["/v1/models", "/health", "/", "/dashboard", "/v1/sgl/metrics", "/openapi.json", "/nothing"];

    [Fact]
    public async Task Get_AnotherHost_RefusedEverywhere()
    {
        await using var trio = await Trio.StartAsync();

        foreach (var path in Paths)
        {
            var (status, body) = await GetAsync(trio, path, "rebound.example.org");
            Assert.Equal(HttpStatusCode.MisdirectedRequest, status);
            Assert.Equal("host_not_allowed", (string?)body!["error"]!["code"]);
            Assert.Contains("Router:AllowedHosts", (string?)body["error"]!["message"], StringComparison.Ordinal);
        }

        using var metrics = new HttpRequestMessage(HttpMethod.Get, new Uri(trio.Endpoints.Metrics!, "/metrics")) { Headers = { Host = "rebound.example.org" } };
        using var answer = await trio.Http.SendAsync(metrics);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
        Assert.Empty(trio.Small.Requests);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:99")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.7:1234")]
    [InlineData("[::1]:80")]
    [InlineData("10.1.2.3:9100")]
    [InlineData("[fd00::7]")]
    public async Task Get_ThisMachineOrAnAddress_Answered(string host)
    {
        await using var trio = await Trio.StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await GetAsync(trio, "/v1/models", host)).Status);
    }

    [Theory]
    [InlineData("sgl.example.org", "sgl.example.org", true)]
    [InlineData("sgl.example.org", "other.example.org", false)]
    [InlineData("*.example.org", "other.example.org:8080", true)]
    [InlineData("*.example.org", "example.com", false)]
    [InlineData("*", "anything.example", true)]
    public async Task Get_ConfiguredNames_AnsweredTo(string setting, string host, bool answered)
    {
        await using var trio = await Trio.StartAsync(("Router:AllowedHosts:0", setting));

        Assert.Equal(answered ? HttpStatusCode.OK : HttpStatusCode.MisdirectedRequest, (await GetAsync(trio, "/v1/models", host)).Status);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(trio, "/v1/models", "localhost")).Status);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(trio, "/v1/models", "10.1.2.3")).Status);
    }

    [Fact]
    public async Task Call_AnotherAuthority_PermissionDeniedWithItsReason()
    {
        await using var trio = await Trio.StartAsync();
        using var handler = new Rebound(new SocketsHttpHandler());
        using var channel = GrpcChannel.ForAddress(trio.Endpoints.Grpc, new GrpcChannelOptions { HttpHandler = handler });

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await new Wire.RouterService.RouterServiceClient(channel).GetInfoAsync(new()));

        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
        Assert.Equal("HOST_NOT_ALLOWED", refused.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
    }

    [Fact]
    public async Task Get_AnotherHostWithAnonymousOnAllAddresses_Answered()
    {
        await using var trio = await Trio.StartAsync(("Listen:Address", "*"), ("Router:Anonymous", "true"));

        Assert.Equal(HttpStatusCode.OK, (await GetAsync(trio, "/v1/models", "sgl.example.org")).Status);
    }

    private static async Task<(HttpStatusCode Status, JsonNode? Body)> GetAsync(Trio trio, string path, string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(trio.Endpoints.Http!, path)) { Headers = { Host = host } };
        using var response = await trio.Http.SendAsync(request);
        return (response.StatusCode, response.StatusCode == HttpStatusCode.OK ? null : await response.Content.ReadFromJsonAsync<JsonNode>());
    }

    private sealed class Rebound(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Host = "rebound.example.org";
            return base.SendAsync(request, cancellationToken);
        }
    }
}
