using System.Diagnostics;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Status = Google.Rpc.Status;

namespace Sgl.Hosting.Tests;

public sealed class ErrorTests : IAsyncLifetime
{
    private ProbeHost _host = null!;

    public static TheoryData<string, string> ShapesAndFaults()
    {
        var data = new TheoryData<string, string>();
        foreach (var shape in new[] { "unary", "server", "client", "duplex" })
        {
            foreach (var act in new[] { "fault", "overloaded", "no memory", "not ready", "mapped", "rpc", "secret", "own timeout" })
            {
                data.Add(shape, act);
            }
        }

        return data;
    }

    public async Task InitializeAsync() => _host = await ProbeHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [MemberData(nameof(ShapesAndFaults))]
    public async Task Call_HandlerThrows_ClientGetsStatusWithDetails(string shape, string act)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => CallAsync(shape, act));

        var status = error.GetRpcStatus() ?? new Status { Code = (int)error.StatusCode, Message = error.Status.Detail };
        Assert.Equal((int)error.StatusCode, status.Code);
        Assert.DoesNotContain("   at ", error.Status.Detail, StringComparison.Ordinal);
        switch (act)
        {
            case "fault":
                Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
                Assert.Equal(["a.b", "c[0]"], status.GetDetail<BadRequest>()!.FieldViolations.Select(v => v.Field));
                Assert.Equal("INVALID_REQUEST", status.GetDetail<ErrorInfo>()!.Reason);
                Assert.Equal("sgl.v1", status.GetDetail<ErrorInfo>()!.Domain);
                Assert.Contains("c[0]: is another", error.Status.Detail, StringComparison.Ordinal);
                break;
            case "overloaded":
                Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
                Assert.Equal(3, status.GetDetail<RetryInfo>()!.RetryDelay.Seconds);
                break;
            case "no memory":
                Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
                Assert.NotNull(status.GetDetail<RetryInfo>());
                Assert.Contains(_host.Log.Lines, l => l.Contains("Array dimensions", StringComparison.Ordinal));
                break;
            case "not ready":
                Assert.Equal(StatusCode.Unavailable, error.StatusCode);
                Assert.Equal(5, status.GetDetail<RetryInfo>()!.RetryDelay.Seconds);
                break;
            case "mapped":
                Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
                Assert.Equal("field", Assert.Single(status.GetDetail<BadRequest>()!.FieldViolations).Field);
                break;
            case "rpc":
                Assert.Equal(StatusCode.NotFound, error.StatusCode);
                Assert.Equal("not here", error.Status.Detail);
                break;
            default:
                Assert.Equal(StatusCode.Internal, error.StatusCode);
                Assert.DoesNotContain("hunter2", error.Status.Detail, StringComparison.Ordinal);
                var id = error.Trailers.GetValue(RequestIds.Header) ?? error.Status.Detail.Split(' ')[^1].TrimEnd('.');
                Assert.Contains(_host.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains(id, StringComparison.Ordinal));
                break;
        }

        // The service goes on serving.
        Assert.Equal("fine", (await _host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }

    [Fact]
    public async Task Call_ThousandViolations_TrailersStaySmall()
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => CallAsync("unary", "many faults"));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains("and 997 more", error.Status.Detail, StringComparison.Ordinal);
        Assert.True(error.Trailers.Sum(t => t.Key.Length + (t.IsBinary ? t.ValueBytes.Length * 4 / 3 : t.Value.Length)) < 8192);
    }

    [Theory]
    [InlineData("unary")]
    [InlineData("server")]
    [InlineData("duplex")]
    public async Task Call_MessageTooLarge_StatusNamesLimitAndSetting(string shape)
    {
        await using var small = await ProbeHost.StartAsync(("Listen:MaxReceiveMessageBytes", "1000000"));
        var request = new ProbeRequest { Act = "x", Count = 1, Payload = ByteString.CopyFrom(new byte[3_000_000]) };

        var error = await Assert.ThrowsAsync<RpcException>(() => CallAsync(shape, request, small.Client));

        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Contains("1000000", error.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("Listen:MaxReceiveMessageBytes", error.Status.Detail, StringComparison.Ordinal);
        Assert.Equal("MESSAGE_TOO_LARGE", error.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
        Assert.Equal("fine", (await small.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }

    [Theory]
    [InlineData("Unary", "0A7F6162")]
    [InlineData("ServerStreaming", "0A7F6162")]
    [InlineData("ClientStreaming", "0A7F6162")]
    [InlineData("Duplex", "0A7F6162")]
    [InlineData("Unary", "0A03FFFEFD")]
    [InlineData("Duplex", "0A03FFFEFD")]
    [InlineData("Unary", "FFFFFFFFFFFFFFFFFFFF01")]
    [InlineData("Unary", "62FFFFFFFFFFFFFFFFFF01")] // a length that the library counts below zero
    [InlineData("Duplex", "62FFFFFFFFFFFFFFFFFF01")]
    [InlineData("Duplex", "22FFFFFFFFFFFFFFFFFF01")]
    public async Task Call_BytesThatAreNoMessage_InvalidArgumentAndTheServiceGoesOn(string name, string hex)
    {
        var bytes = Marshallers.Create(b => b, b => b);
        var method = new Method<byte[], byte[]>(MethodType.DuplexStreaming, "sgl.testing.Probe", name, bytes, bytes);
        using var call = _host.Channel.CreateCallInvoker().AsyncDuplexStreamingCall(method, null, new CallOptions(deadline: DateTime.UtcNow.AddSeconds(30)));
        await call.RequestStream.WriteAsync(Convert.FromHexString(hex));
        await call.RequestStream.CompleteAsync();

        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("request", Assert.Single(error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations).Field);
        Assert.Equal("fine", (await _host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }

    [Fact]
    public async Task Call_BodyAboveKestrelsDefaultLimit_IsAccepted()
    {
        var reply = await _host.Client.UnaryAsync(new ProbeRequest { Act = "big", Payload = ByteString.CopyFrom(new byte[50_000_000]) });

        Assert.Equal("big", reply.Text);
    }

    [Theory]
    [InlineData("unary")]
    [InlineData("server")]
    [InlineData("duplex")]
    public async Task Call_DeadlinePasses_HandlerIsCancelledAndClientToldSo(string shape)
    {
        var error = await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(shape, new ProbeRequest { Act = "wait" }, _host.Client, new CallOptions(deadline: DateTime.UtcNow.AddSeconds(2))));

        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.True(await _host.Log.Cancelled.WaitAsync(TimeSpan.FromSeconds(10)));
        // The client's own clock may reset the stream just before the server's deadline fires; both end the call as one that is over.
        await EventuallyMatchesAsync(l => l.Contains("sgl_grpc_requests_total", StringComparison.Ordinal)
            && (l.Contains("code=\"DeadlineExceeded\"", StringComparison.Ordinal) || l.Contains("code=\"Cancelled\"", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("unary")]
    [InlineData("server")]
    [InlineData("duplex")]
    public async Task Call_ClientCancels_HandlerIsCancelled(string shape)
    {
        using var cancel = new CancellationTokenSource();
        var call = CallAsync(shape, new ProbeRequest { Act = "wait" }, _host.Client, new CallOptions(cancellationToken: cancel.Token));
        Assert.True(await _host.Log.Started.WaitAsync(TimeSpan.FromSeconds(10)));

        await cancel.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
        Assert.True(await _host.Log.Cancelled.WaitAsync(TimeSpan.FromSeconds(10)));
        await EventuallyContainsAsync("sgl_grpc_requests_total", "code=\"Cancelled\"");
    }

    [Fact]
    public async Task Call_TraceparentGiven_HandlerIsPartOfThatTraceAndIdFollows()
    {
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        var headers = new Metadata { { "traceparent", $"00-{trace}-00f067aa0ba902b7-01" } };

        Assert.Equal(trace, (await _host.Client.UnaryAsync(new ProbeRequest { Act = "trace" }, headers)).Text);
        Assert.Equal(trace, (await _host.Client.UnaryAsync(new ProbeRequest { Act = "request id" }, headers)).Text);
    }

    [Theory]
    [InlineData("abc-123", true)]
    [InlineData("a b", false)]
    [InlineData("", false)]
    public async Task Call_RequestIdGiven_IsKeptWhenItIsHarmless(string id, bool kept)
    {
        using var call = _host.Client.UnaryAsync(new ProbeRequest { Act = "request id" }, new Metadata { { RequestIds.Header, id } });

        var seen = (await call).Text;

        Assert.Equal(kept, seen == id);
        Assert.NotEmpty(seen);
        Assert.Equal(seen, (await call.ResponseHeadersAsync).GetValue(RequestIds.Header));
    }

    private Task CallAsync(string shape, string act) => CallAsync(shape, new ProbeRequest { Act = act, Count = 1 }, _host.Client);

    private static async Task CallAsync(string shape, ProbeRequest request, Probe.ProbeClient client, CallOptions options = default)
    {
        switch (shape)
        {
            case "unary":
                await client.UnaryAsync(request, options);
                break;
            case "server":
                using (var call = client.ServerStreaming(request, options))
                {
                    while (await call.ResponseStream.MoveNext())
                    {
                    }
                }

                break;
            case "client":
                using (var call = client.ClientStreaming(options))
                {
                    await call.RequestStream.WriteAsync(request);
                    await call.RequestStream.CompleteAsync();
                    await call;
                }

                break;
            case "duplex":
                using (var call = client.Duplex(options))
                {
                    try
                    {
                        await call.RequestStream.WriteAsync(request);
                        await call.RequestStream.CompleteAsync();
                    }
                    catch (RpcException)
                    {
                        // The server answered before it had read everything; its status comes with the responses.
                    }

                    while (await call.ResponseStream.MoveNext())
                    {
                    }
                }

                break;
            default:
                throw new UnreachableException();
        }
    }

    private Task EventuallyContainsAsync(params string[] parts) =>
        EventuallyMatchesAsync(l => parts.All(p => l.Contains(p, StringComparison.Ordinal)));

    private async Task EventuallyMatchesAsync(Func<string, bool> matches)
    {
        for (var i = 0; ; i++)
        {
            var lines = (await _host.MetricsTextAsync()).Split('\n');
            if (lines.Any(matches))
            {
                return;
            }

            Assert.True(i < 100, "no such line in the metrics");
            await Task.Delay(50);
        }
    }
}
