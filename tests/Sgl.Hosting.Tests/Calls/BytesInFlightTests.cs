using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;

namespace Sgl.Hosting.Tests;

/// <summary>The budget for request messages: taken before they are read, refused with a time to come again, given back.</summary>
public sealed class BytesInFlightTests
{
    private const int Big = 700_000;

    private static readonly (string, string)[] Tight = [("Listen:MaxReceiveMessageBytes", "1048576"), ("Calls:MaxBytesInFlight", "1048576")];

    [Theory]
    [InlineData("identity")]
    [InlineData("gzip")]
    public async Task Message_BeyondTheBudget_IsRefusedUntilAnotherCallEnds(string encoding)
    {
        await using var host = await ProbeHost.StartAsync(Tight);
        var headers = new Metadata { { "grpc-internal-encoding-request", encoding } };
        using var leave = new CancellationTokenSource();
        var holding = host.Client.UnaryAsync(Request("wait"), headers, cancellationToken: leave.Token).ResponseAsync;
        await host.Log.Started.WaitAsync();
        Assert.InRange(Held(await host.MetricsTextAsync()), Big, Big + 1000);

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.UnaryAsync(Request("fine"), headers));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Equal("OVERLOADED", refused.GetRpcStatus()!.GetDetail<ErrorInfo>().Reason);
        Assert.True(refused.GetRpcStatus()!.GetDetail<RetryInfo>().RetryDelay.ToTimeSpan() > TimeSpan.Zero);
        Assert.Equal("fine", (await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);

        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => holding);
        for (var i = 0; Held(await host.MetricsTextAsync()) > 0; i++)
        {
            Assert.True(i < 200, "bytes were not given back");
            await Task.Delay(50);
        }

        Assert.Equal("fine", (await host.Client.UnaryAsync(Request("fine"), headers)).Text);
        Assert.Contains("sgl_bytes_refused_total{service=\"probe\"} 1", await host.MetricsTextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Unary")]
    [InlineData("Duplex")]
    public async Task Message_BeyondTheBudget_IsRefusedByItsAnnouncedLengthAlone(string method)
    {
        await using var host = await ProbeHost.StartAsync(Tight);
        using var leave = new CancellationTokenSource();
        var holding = host.Client.UnaryAsync(Request("wait"), cancellationToken: leave.Token).ResponseAsync;
        await host.Log.Started.WaitAsync();
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        var (status, _) = await RawUpload.SendAsync(http, host.Endpoints.Grpc, method, async (stream, cancellation) =>
        {
            await stream.WriteAsync(RawUpload.Header(Big), cancellation);
            await stream.FlushAsync(cancellation);
            await Task.Delay(System.Threading.Timeout.Infinite, cancellation);
        });

        Assert.Equal((int)StatusCode.ResourceExhausted, status);
        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => holding);
    }

    [Fact]
    public async Task Messages_OfOneStream_AddUp()
    {
        await using var host = await ProbeHost.StartAsync(Tight);
        using var call = host.Client.ClientStreaming();
        await call.RequestStream.WriteAsync(Request("fine"));
        try
        {
            await call.RequestStream.WriteAsync(Request("fine"));
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The call may have ended before all of it was written; how, is told by its answer.
        }

        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
    }

    [Fact]
    public async Task Message_LongerThanTheBudget_FitsWhileNoOtherIsHeld()
    {
        await using var host = await ProbeHost.StartAsync(("Listen:MaxReceiveMessageBytes", "1048576"), ("Calls:MaxBytesInFlight", "65536"));
        using var leave = new CancellationTokenSource();
        var holding = host.Client.UnaryAsync(Request("wait"), cancellationToken: leave.Token).ResponseAsync;
        await host.Log.Started.WaitAsync();

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.UnaryAsync(Request("fine")));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Equal("fine", (await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);

        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => holding);
    }

    [Theory]
    [InlineData(64L << 30, 512L << 20)]
    [InlineData(2L << 30, 512L << 20)]
    [InlineData(512L << 20, 128L << 20)]
    [InlineData(1L << 20, 16L << 20)]
    public void MaxBytesInFlight_Default_IsAQuarterOfALittleMemory(long available, long expected) =>
        Assert.Equal(expected, CallLimits.DefaultBytesInFlight(available));

    [Fact]
    public async Task Message_LongerThanTheLimit_IsStillToldSo()
    {
        await using var host = await ProbeHost.StartAsync(Tight);
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await host.Client.UnaryAsync(new ProbeRequest { Payload = ByteString.CopyFrom(new byte[2_000_000]) }));
        Assert.Equal("MESSAGE_TOO_LARGE", error.GetRpcStatus()!.GetDetail<ErrorInfo>().Reason);
    }

    [Theory]
    [InlineData("Unary")]
    [InlineData("ServerStreaming")]
    [InlineData("ClientStreaming")]
    [InlineData("Duplex")]
    public async Task Calls_MoreThanTheServiceTakes_AreToldSoWhateverTheirShape(string method)
    {
        await using var host = await ProbeHost.StartAsync(("Calls:MaxConcurrent", "1"));
        using var leave = new CancellationTokenSource();
        var first = host.Client.UnaryAsync(new ProbeRequest { Act = "wait" }, cancellationToken: leave.Token).ResponseAsync;
        await host.Log.Started.WaitAsync();

        AssertOverloaded(await Assert.ThrowsAsync<RpcException>(() => AskAsync(host, method, [new() { Act = "fine", Count = 1 }])));

        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => first);
    }

    [Theory]
    [InlineData("ClientStreaming")]
    [InlineData("Duplex")]
    public async Task LaterMessage_BeyondTheBudget_IsToldSo(string method)
    {
        await using var host = await ProbeHost.StartAsync(Tight);
        using var leave = new CancellationTokenSource();
        var holding = host.Client.UnaryAsync(Request("wait"), cancellationToken: leave.Token).ResponseAsync;
        await host.Log.Started.WaitAsync();

        AssertOverloaded(await Assert.ThrowsAsync<RpcException>(() => AskAsync(host, method, [new() { Act = "fine" }, Request("fine")])));

        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => holding);
    }

    [Fact]
    public async Task Calls_MoreThanTheServiceTakes_AreRefused()
    {
        await using var host = await ProbeHost.StartAsync(("Calls:MaxConcurrent", "1"));
        using var leave = new CancellationTokenSource();
        var first = host.Client.UnaryAsync(new ProbeRequest { Act = "wait" }, cancellationToken: leave.Token).ResponseAsync;
        await host.Log.Started.WaitAsync();

        var error = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" }));

        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.NotNull(error.GetRpcStatus()!.GetDetail<RetryInfo>());
        await leave.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => first);
    }

    private static ProbeRequest Request(string act) => new() { Act = act, Payload = ByteString.CopyFrom(new byte[Big]) };

    private static double Held(string metrics) => double.Parse(
        metrics.Split('\n').Single(l => l.StartsWith("sgl_bytes_in_flight{", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);

    private static void AssertOverloaded(RpcException error)
    {
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Equal("OVERLOADED", error.GetRpcStatus()!.GetDetail<ErrorInfo>().Reason);
        Assert.NotNull(error.GetRpcStatus()!.GetDetail<RetryInfo>());
    }

    private static async Task AskAsync(ProbeHost host, string method, IReadOnlyList<ProbeRequest> messages)
    {
        switch (method)
        {
            case "Unary":
                await host.Client.UnaryAsync(messages[0]);
                break;
            case "ServerStreaming":
                using (var call = host.Client.ServerStreaming(messages[0]))
                {
                    await call.ResponseStream.MoveNext(CancellationToken.None);
                }

                break;
            case "ClientStreaming":
                using (var call = host.Client.ClientStreaming())
                {
                    await SendAsync(call.RequestStream, messages);
                    await call.ResponseAsync;
                }

                break;
            default:
                using (var call = host.Client.Duplex())
                {
                    await SendAsync(call.RequestStream, messages);
                    while (await call.ResponseStream.MoveNext(CancellationToken.None))
                    {
                    }
                }

                break;
        }
    }

    private static async Task SendAsync(IClientStreamWriter<ProbeRequest> to, IReadOnlyList<ProbeRequest> messages)
    {
        try
        {
            foreach (var message in messages)
            {
                await to.WriteAsync(message);
            }

            await to.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // How the call ended, its answer tells.
        }
    }
}
