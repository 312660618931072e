using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace Sgl.Hosting.Tests;

/// <summary>Clients that stop sending or reading: only their own stream ends, in bounded time, and nobody else is blamed.</summary>
public sealed class SlowClientTests
{
    [Theory]
    [InlineData("Unary")]
    [InlineData("ServerStreaming")]
    [InlineData("ClientStreaming")]
    [InlineData("Duplex")]
    public async Task Upload_FirstMessageNeverComes_IsEndedAndSaid(string method)
    {
        await using var host = await ProbeHost.StartAsync(("Calls:ReadTimeout", "00:00:00.3"));
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        var (status, message) = await RawUpload.SendAsync(http, host.Endpoints.Grpc, method, SilentAsync);

        Assert.Equal((int)StatusCode.DeadlineExceeded, status);
        Assert.Contains("Calls:ReadTimeout", message, StringComparison.Ordinal);
        AssertNoErrors(host);
        Assert.Contains($"sgl_grpc_requests_total{{method=\"/sgl.testing.Probe/{method}\",code=\"DeadlineExceeded\",service=\"probe\"}} 1", await host.MetricsTextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(500)]
    public async Task Upload_StopsInsideAMessage_IsEnded(int sent)
    {
        await using var host = await ProbeHost.StartAsync(("Calls:ReadTimeout", "00:00:00.3"));
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        var (status, _) = await RawUpload.SendAsync(http, host.Endpoints.Grpc, "Unary", async (stream, cancellation) =>
        {
            await stream.WriteAsync(RawUpload.Header(1000).AsMemory(0, Math.Min(5, sent + 2)), cancellation);
            await stream.WriteAsync(new byte[Math.Max(0, sent - 3)], cancellation);
            await stream.FlushAsync(cancellation);
            await SilentAsync(stream, cancellation);
        });

        Assert.Equal((int)StatusCode.DeadlineExceeded, status);
        AssertNoErrors(host);
    }

    [Fact]
    public async Task Upload_ABitNowAndThen_IsEndedToo()
    {
        await using var host = await ProbeHost.StartAsync(("Calls:ReadTimeout", "00:00:00.4"));
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        var (status, _) = await RawUpload.SendAsync(http, host.Endpoints.Grpc, "Unary", async (stream, cancellation) =>
        {
            await stream.WriteAsync(RawUpload.Header(1_000_000), cancellation);
            while (true)
            {
                await stream.WriteAsync(new byte[1], cancellation);
                await stream.FlushAsync(cancellation);
                await Task.Delay(100, cancellation);
            }
        });

        Assert.Equal((int)StatusCode.DeadlineExceeded, status);
    }

    [Fact]
    public async Task Upload_StalledBesideHealthyStreams_TheyGoOn()
    {
        // Longer than the framework's patience with a connection (5 s), which must not be asked.
        await using var host = await ProbeHost.StartAsync(("Calls:ReadTimeout", "00:00:07"));
        var connections = 0;
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                Interlocked.Increment(ref connections);
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpMessageInvoker(handler, disposeHandler: false);
        using var channel = GrpcChannel.ForAddress(host.Endpoints.Grpc, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = false });
        var client = new Probe.ProbeClient(channel);
        using var healthy = client.Duplex();
        await EchoAsync(healthy, "before");

        var stalled = RawUpload.SendAsync(http, host.Endpoints.Grpc, "Unary", async (stream, cancellation) =>
        {
            await stream.WriteAsync(RawUpload.Header(1000), cancellation);
            await stream.FlushAsync(cancellation);
            await SilentAsync(stream, cancellation);
        });
        while (!stalled.IsCompleted)
        {
            await EchoAsync(healthy, "meanwhile");
            await Task.Delay(50);
        }

        Assert.Equal((int)StatusCode.DeadlineExceeded, (await stalled).Status);
        await EchoAsync(healthy, "after");
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task Upload_PauseBetweenTwoMessages_IsNotTimed()
    {
        await using var host = await ProbeHost.StartAsync(("Calls:ReadTimeout", "00:00:00.2"));
        using var call = host.Client.Duplex();
        await EchoAsync(call, "one");
        await Task.Delay(600);
        await EchoAsync(call, "two");
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Answer_NotRead_ItsStreamIsResetAndTheOthersGoOn(bool duplex)
    {
        await using var host = await ProbeHost.StartAsync(("Calls:WriteTimeout", "00:00:00.3"));
        var endless = new ProbeRequest { Act = "large reply", Count = 1_000_000 };
        using var beside = host.Client.Duplex();
        await EchoAsync(beside, "before");
        var unread = duplex ? Duplex() : host.Client.ServerStreaming(endless).ResponseStream;

        await UntilAsync(() => host.Log.Lines.Any(l => l.Contains($"{(duplex ? "Duplex" : "ServerStreaming")} DeadlineExceeded in", StringComparison.Ordinal)));

        await EchoAsync(beside, "after");
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await unread.MoveNext(CancellationToken.None))
            {
            }
        });
        Assert.Equal(StatusCode.Cancelled, error.StatusCode);
        AssertNoErrors(host);
        Assert.Contains("sgl_slow_clients_total{side=\"answer\",service=\"probe\"} 1", await host.MetricsTextAsync(), StringComparison.Ordinal);

        IAsyncStreamReader<ProbeReply> Duplex()
        {
            var call = host.Client.Duplex();
            _ = Task.Run(async () =>
            {
                for (var i = 0; i < 100; i++)
                {
                    await call.RequestStream.WriteAsync(endless);
                }
            });
            return call.ResponseStream;
        }
    }

    [Theory]
    [InlineData("unary")]
    [InlineData("server")]
    public async Task Call_LongerThanTheServiceAllows_EndsWithDeadlineExceeded(string shape)
    {
        await using var host = await ProbeHost.StartAsync(("Calls:MaxDuration", "00:00:00.3"));

        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            if (shape == "unary")
            {
                await host.Client.UnaryAsync(new ProbeRequest { Act = "wait" });
            }
            else
            {
                using var call = host.Client.ServerStreaming(new ProbeRequest { Act = "wait", Count = 1 });
                await foreach (var _ in call.ResponseStream.ReadAllAsync())
                {
                }
            }
        });

        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.Equal("DEADLINE_EXCEEDED", error.GetRpcStatus()!.GetDetail<Google.Rpc.ErrorInfo>().Reason);
        AssertNoErrors(host);
    }

    [Fact]
    public async Task Upload_ClientResets_IsCancelledAndNobodysFault()
    {
        await using var host = await ProbeHost.StartAsync();
        foreach (var method in new[] { "Unary", "ServerStreaming", "ClientStreaming", "Duplex" })
        {
            using var http = new HttpMessageInvoker(new SocketsHttpHandler());
            using var leave = new CancellationTokenSource();
            var sending = RawUpload.SendAsync(http, host.Endpoints.Grpc, method, async (stream, cancellation) =>
            {
                await stream.WriteAsync(RawUpload.Header(100_000), cancellation);
                await stream.WriteAsync(new byte[1000], cancellation);
                await stream.FlushAsync(cancellation);
                await Task.Delay(100, cancellation);
                throw new IOException("the client gives up");
            });
            await Assert.ThrowsAnyAsync<Exception>(() => sending);
        }

        await UntilAsync(() => host.Log.Lines.Count(l => l.Contains("Cancelled in", StringComparison.Ordinal)) >= 2);
        AssertNoErrors(host);
        Assert.Equal("fine", (await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }

    private static Task SilentAsync(Stream stream, CancellationToken cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);

    private static async Task EchoAsync(AsyncDuplexStreamingCall<ProbeRequest, ProbeReply> call, string text)
    {
        await call.RequestStream.WriteAsync(new ProbeRequest { Act = text });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(text, call.ResponseStream.Current.Text);
    }

    private static void AssertNoErrors(ProbeHost host) =>
        Assert.DoesNotContain(host.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) || l.StartsWith("Critical", StringComparison.Ordinal));

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 600, "it did not happen within 30 s");
            await Task.Delay(50);
        }
    }
}
