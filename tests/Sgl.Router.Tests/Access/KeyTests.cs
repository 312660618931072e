using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Sgl.Access;
using Sgl.Hosting;
using StatusCode = Grpc.Core.StatusCode;

namespace Sgl.Router.Tests;

public sealed class KeyTests
{
    [Fact]
    public async Task Answer_KeyThatFits_AnsweredOverBothProtocols()
    {
        await using var guarded = await GuardedTrio.StartAsync();

        Assert.NotEmpty((await guarded.AnswerAsync(GuardedTrio.AlicesKey)).Answer);
        using var over = await guarded.PostAsync(GuardedTrio.BobsKey);
        Assert.Equal(HttpStatusCode.OK, over.StatusCode);

        // Counted by name.
        Assert.Equal(1, await guarded.Trio.MetricAsync("sgl_key_requests_total", "key=\"alice\""));
        Assert.Equal(1, await guarded.Trio.MetricAsync("sgl_key_requests_total", "key=\"bob\""));
        Assert.True(await guarded.Trio.MetricAsync("sgl_key_tokens_total", "key=\"alice\"") > 0);
    }

    [Theory]
    [InlineData(null, "no_key")]
    [InlineData("wrong", "wrong_key")]
    [InlineData("expired", "expired_key")]
    public async Task Answer_NoKeyThatFits_RefusedInTheTermsOfEachProtocol(string? key, string reason)
    {
        var old = ApiKey.Create();
        await using var guarded = await GuardedTrio.StartAsync(
            ("Access:Keys:2:Name", "old"), ("Access:Keys:2:Hash", ApiKey.Hash(old)), ("Access:Keys:2:Expires", "2020-01-01T00:00:00Z"));
        var shown = key switch
        {
            "wrong" => GuardedTrio.WrongKey,
            "expired" => old,
            _ => null,
        };

        var refused = await Assert.ThrowsAsync<RpcException>(() => guarded.AnswerAsync(shown));
        Assert.Equal(StatusCode.Unauthenticated, refused.StatusCode);
        Assert.Equal(ErrorReasons.Unauthenticated, refused.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);

        using var response = await guarded.PostAsync(shown);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
        Assert.NotEmpty(response.Headers.GetValues("x-request-id"));
        var error = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal("authentication_error", error.GetProperty("type").GetString());
        Assert.Equal("unauthenticated", error.GetProperty("code").GetString());
        Assert.Equal(2, await guarded.Trio.MetricAsync("sgl_unauthenticated_total", $"reason=\"{reason}\""));
        Assert.Empty(guarded.Trio.Small.Requests);
    }

    [Theory]
    [InlineData("x-api-key: {0}", 200)]
    [InlineData("AUTHORIZATION: bearer {0}", 200)]
    [InlineData("Authorization: Basic {0}", 401)]
    [InlineData("Authorization: {0}", 401)]
    [InlineData("Authorization: Bearer", 401)]
    [InlineData("Authorization: Bearer {0}x", 401)]
    [InlineData("Authorization: Bearer {0}\r\nx-api-key: {0}", 401)]
    [InlineData("Authorization: Bearer {0}\r\nAuthorization: Bearer {0}", 401)]
    public async Task Models_WaysToShowAKey_TheOnesDocumented(string header, int expected)
    {
        await using var guarded = await GuardedTrio.StartAsync();

        var answer = await RawAsync(guarded, $"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{string.Format(System.Globalization.CultureInfo.InvariantCulture, header, GuardedTrio.AlicesKey)}\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {expected} ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x-api-key")]
    [InlineData("authorization")]
    public async Task Models_KeyInTheAddress_IsNone(string name)
    {
        await using var guarded = await GuardedTrio.StartAsync();

        using var response = await guarded.Trio.Http.GetAsync(new Uri(guarded.Trio.Endpoints.Http!, $"/v1/models?{name}={GuardedTrio.AlicesKey}"));

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Post_WrongKey_RefusedBeforeAnyOfTheBodyIsSent()
    {
        await using var guarded = await GuardedTrio.StartAsync();

        // The body is announced and never comes: whoever waited for it would not answer.
        var answer = await RawAsync(
            guarded, $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\nAuthorization: Bearer {GuardedTrio.WrongKey}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, await guarded.Trio.MetricAsync("sgl_bytes_in_flight"));
        Assert.Empty(guarded.Trio.Small.Requests);
    }

    [Fact]
    public async Task Answer_WrongKeyAndNoMessage_RefusedForTheKey()
    {
        await using var guarded = await GuardedTrio.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(guarded.Trio.Endpoints.Grpc, "/sgl.v1.RouterService/Answer"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 3, 255, 255, 255]) { Headers = { ContentType = new("application/grpc") } },
        };
        request.Headers.Authorization = new("Bearer", GuardedTrio.WrongKey);

        using var response = await guarded.Trio.Http.SendAsync(request);

        Assert.Equal("16", response.Headers.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task Log_OfEverythingThatHappens_HasNoKey()
    {
        using var log = new CollectedLog(LogLevel.Trace);
        await using (var guarded = await GuardedTrio.StartAsync(null, log, ("Access:Keys:0:RequestsPerMinute", "2")))
        {
            foreach (var key in new[] { null, GuardedTrio.WrongKey, GuardedTrio.AlicesKey, GuardedTrio.AlicesKey, GuardedTrio.AlicesKey, GuardedTrio.BobsKey })
            {
                using var response = await guarded.PostAsync(key);
                await Record.ExceptionAsync(() => guarded.AnswerAsync(key));
            }

            var metrics = await guarded.Trio.Http.GetStringAsync(new Uri(guarded.Trio.Endpoints.Metrics!, "/metrics"));
            Assert.DoesNotContain(Secrets, s => metrics.Contains(s, StringComparison.Ordinal));
        }

        Assert.Contains(log.Lines, l => l.Contains("wrong_key", StringComparison.Ordinal));
        Assert.Contains(log.Lines, l => l.Contains("alice", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, l => Secrets.Any(s => l.Contains(s, StringComparison.OrdinalIgnoreCase)));
    }

    private static IEnumerable<string> Secrets =>
        new[] { GuardedTrio.WrongKey, GuardedTrio.AlicesKey, GuardedTrio.BobsKey }.SelectMany(k => new[] { k[ApiKey.Prefix.Length..], ApiKey.Hash(k)["sha256:".Length..] });

    private static async Task<string> RawAsync(GuardedTrio guarded, string request)
    {
        using var client = new TcpClient();
        var at = guarded.Trio.Endpoints.Http!;
        await client.ConnectAsync(at.Host, at.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        var received = new StringBuilder();
        var buffer = new byte[4096];
        while (!received.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(buffer);
            Assert.True(count > 0, "the connection ended before the head of an answer came");
            received.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }

        return received.ToString();
    }
}
