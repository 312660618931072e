using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Rpc;
using Grpc.Core;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Full models, clients that leave, run out of time or do not read: who is blamed, and what is sent on.</summary>
public sealed class OverloadTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Answer_SmallIsFull_TheNextAreRefusedWithoutAskingIt()
    {
        await using var trio = await Trio.StartAsync((small, _) =>
        {
            for (var i = 0; i < 10; i++)
            {
                small.Failures.Enqueue(Faults.Overloaded("full", TimeSpan.FromSeconds(4)).ToRpcException());
            }
        },
        ("Router:Policy:Overlap", "Always"));

        for (var i = 0; i < 5; i++)
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());
            Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
            Assert.InRange(error.GetRpcStatus()!.GetDetail<RetryInfo>().RetryDelay.ToTimeSpan(), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4));
        }

        // Nor is the large model sent the input of what ends here; the first question's may have gone ahead.
        Assert.Equal(1, trio.Small.Calls);
        Assert.InRange(trio.Large.Calls, 0, 1);
        Assert.Equal(5, await trio.MetricAsync("sgl_requests_total", "path=\"shed\""));
        Assert.Equal(4, await trio.MetricAsync("sgl_router_shed_total", "backend=\"small\""));
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_total", "path=\"failed\""));
    }

    [Fact]
    public async Task Answer_LargeIsFull_TheNextAreDegradedWithoutAskingIt()
    {
        await using var trio = await Trio.StartAsync((small, large) =>
        {
            small.Scores = _ => SmallPeer.Decision(0);
            large.Failures.Enqueue(Faults.Overloaded("full", TimeSpan.FromSeconds(4)).ToRpcException());
        });

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(Wire.RoutingReason.LargeOverloaded, (await trio.AnswerAsync()).Reason);
        }

        Assert.Equal(1, trio.Large.Calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_ClientsDeadline_CountsAsDeadlineAndIsNoFailureOfAModel(bool large)
    {
        await using var trio = await Trio.StartAsync((small, l) =>
        {
            small.Scores = _ => SmallPeer.Decision(0);
            (small.BeforeTokens, l.BeforeTokens) = large ? (TimeSpan.Zero, Long) : (Long, TimeSpan.Zero);
        });
        var request = Trio.Request();
        request.Policy = new Wire.RoutingPolicy { OnLargeFailure = Wire.LargeFailurePolicy.Fail };
        // Long enough that each has reached the model on a busy machine.
        var errors = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ =>
            Assert.ThrowsAsync<RpcException>(() => trio.AskAsync(request, new CallOptions(deadline: DateTime.UtcNow.AddSeconds(3))))));
        Assert.All(errors, e => Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode));

        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_requests_total", "path=\"deadline\"") == 10);
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_total", "path=\"failed\""));
        Assert.Equal(0, await trio.MetricAsync("sgl_grpc_requests_total", "method=\"/sgl.v1.RouterService/Answer\"", "code=\"Internal\""));
    }

    [Fact]
    public async Task Answer_ClientResets_CountsAsCancelled()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.BeforeTokens = Long);
        using var leave = new CancellationTokenSource();
        var answer = trio.AskAsync(Trio.Request(), new CallOptions(cancellationToken: leave.Token));
        Assert.True(await trio.Small.Started.WaitAsync(TimeSpan.FromSeconds(15)));
        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => answer);
        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_requests_total", "path=\"cancelled\"") == 1);
    }

    [Fact]
    public async Task Answer_NotRead_FreesItsPlace()
    {
        var text = new string('x', 60_000);
        await using var trio = await Trio.StartAsync(
            (small, _) => small.Tokens = [.. Enumerable.Repeat(text, 2000)],
            ("Router:MaxConcurrentRequests", "2"), ("Calls:WriteTimeout", "00:00:00.5"));
        using var first = trio.Client.Answer(Trio.Request());
        using var second = trio.Client.Answer(Trio.Request());

        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_requests_total", "path=\"cancelled\"") == 2);

        Assert.Equal(0, await trio.MetricAsync("sgl_requests_running"));
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_total", "path=\"failed\""));
        await trio.UntilAsync(() => Task.FromResult(trio.Small.Cancelled.CurrentCount == 2));
    }

    [Fact]
    public async Task Chat_NotRead_FreesItsPlace()
    {
        await using var trio = await Trio.StartAsync(
            (small, large) =>
            {
                small.Scores = _ => SmallPeer.Decision(0);
                large.Tokens = [.. Enumerable.Repeat(new string('x', 60_000), 2000)];
            },
            ("Router:MaxConcurrentRequests", "1"), ("Calls:WriteTimeout", "00:00:00.5"));
        using var socket = await ConnectAsync(trio);
        await SendAsync(socket, Head("""{"stream":true,"messages":[{"role":"user","content":"hm"}]}"""));

        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_requests_total", "path=\"cancelled\"") == 1);
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_running"));
    }

    [Fact]
    public async Task Chat_LongerThanTheServiceAllows_504()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.BeforeTokens = Long, ("Calls:MaxDuration", "00:00:00.5"));
        using var content = new StringContent("""{"messages":[{"role":"user","content":"hm"}]}""", Encoding.UTF8, "application/json");
        using var response = await trio.Http.PostAsync(new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), content);
        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.Equal(1, await trio.MetricAsync("sgl_requests_total", "path=\"deadline\""));
    }

    [Theory]
    [InlineData("Content-Length: 1000\r\n\r\n{\"messages\":", "408")]
    [InlineData("Content-Length: 1000\r\n\r\n", "408")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\n{\"mes\r\n", "408")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\n{\"me", "408")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", "400")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n2\r\n{}no end of the chunk", "400")]
    [InlineData("Content-Length: abc\r\n\r\n{}", "400")]
    public async Task Chat_SlowOrBrokenBody_IsTheClientsFault(string rest, string status)
    {
        await using var trio = await Trio.StartAsync(("Calls:ReadTimeout", "00:00:00.5"));
        using var socket = await ConnectAsync(trio);

        await SendAsync(socket, $"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{rest}");

        Assert.StartsWith($"HTTP/1.1 {status} ", await ReadAsync(socket), StringComparison.Ordinal);
        Assert.Equal(0, await trio.MetricAsync("sgl_http_requests_total", "code=\"Internal\""));
    }

    [Fact]
    public async Task Chat_BodyCutShort_IsCancelled()
    {
        await using var trio = await Trio.StartAsync();
        using (var socket = await ConnectAsync(trio))
        {
            await SendAsync(socket, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"messages\":");
            await Task.Delay(200);
            socket.Client.LingerState = new LingerOption(true, 0);
        }

        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_http_requests_total") == 1);
        Assert.Equal(1, await trio.MetricAsync("sgl_http_requests_total", "code=\"Cancelled\""));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Chat_MoreBytesThanTheBudget_429AndTheyAreGivenBack(bool chunked)
    {
        await using var trio = await Trio.StartAsync(
            (small, _) => small.BeforeTokens = Long, ("Listen:MaxReceiveMessageBytes", "1000000"), ("Calls:MaxBytesInFlight", "4000000"));
        var padding = new string('x', 900_000);
        var body = $$"""{"messages":[{"role":"user","content":"hm"}],"user":"{{padding}}"}""";
        using var leave = new CancellationTokenSource();
        var holding = PostAsync(trio, body, chunked: false, leave.Token);
        Assert.True(await trio.Small.Started.WaitAsync(TimeSpan.FromSeconds(15)));

        using (var refused = await PostAsync(trio, body, chunked, CancellationToken.None))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => holding);
        await trio.UntilAsync(async () => await trio.MetricAsync("sgl_bytes_in_flight") == 0);
    }

    private static async Task<HttpResponseMessage> PostAsync(Trio trio, string body, bool chunked, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(trio.Endpoints.Http!, "/v1/chat/completions"))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = chunked;
        return await trio.Http.SendAsync(request, cancellationToken);
    }

    private static async Task<TcpClient> ConnectAsync(Trio trio)
    {
        var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(IPAddress.Loopback, trio.Endpoints.Http!.Port);
        return client;
    }

    private static string Head(string body) =>
        $"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    private static async Task SendAsync(TcpClient client, string text) => await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));

    private static async Task<string> ReadAsync(TcpClient client)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var buffer = new byte[4096];
        var count = await client.GetStream().ReadAsync(buffer, limit.Token);
        return Encoding.ASCII.GetString(buffer, 0, count);
    }
}
