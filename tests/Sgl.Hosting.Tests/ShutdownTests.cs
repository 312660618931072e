using System.Diagnostics;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;

namespace Sgl.Hosting.Tests;

public sealed class ShutdownTests
{
    [Fact]
    public async Task Stop_StreamsRunning_TheyEndByThemselvesAndNewCallsAreRefused()
    {
        await using var host = await ProbeHost.StartAsync(("Listen:DrainTimeout", "00:00:30"));
        host.Health.SetServing();
        using var call = host.Client.ServerStreaming(new ProbeRequest { Act = "x", Count = 20, DelayMs = 100 });
        Assert.True(await call.ResponseStream.MoveNext());

        var stop = host.App.StopAsync();
        var received = 1;
        while (await call.ResponseStream.MoveNext())
        {
            received++;
        }

        await stop.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(20, received);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        using var other = GrpcChannel.ForAddress(host.Endpoints.Grpc);
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await new Probe.ProbeClient(other).UnaryAsync(new ProbeRequest()));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Fact]
    public async Task Stop_AskedTwice_DrainsOnceAndBothWaitForIt()
    {
        await using var host = await ProbeHost.StartAsync(("Listen:ShutdownDelay", "00:00:01"), ("Listen:DrainTimeout", "00:00:05"));
        host.Health.SetServing();
        var clock = Stopwatch.StartNew();

        var (one, two) = (host.App.StopAsync(), host.App.StopAsync());
        await two;
        Assert.True(clock.Elapsed.TotalSeconds > 0.9);
        await one;

        Assert.Single(host.Log.Lines, l => l.Contains("Draining: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stop_StreamOutlivesTheDrain_ItIsCancelledWithUnavailable(bool duplex)
    {
        await using var host = await ProbeHost.StartAsync(("Listen:DrainTimeout", "00:00:00.500"));
        using var duplexCall = host.Client.Duplex();
        using var serverCall = host.Client.ServerStreaming(new ProbeRequest { Act = duplex ? "x" : "wait" });
        if (duplex)
        {
            await duplexCall.RequestStream.WriteAsync(new ProbeRequest { Act = "wait" });
        }

        Assert.True(await host.Log.Started.WaitAsync(TimeSpan.FromSeconds(10)));
        var clock = Stopwatch.StartNew();

        var stop = host.App.StopAsync();
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            var stream = duplex ? duplexCall.ResponseStream : serverCall.ResponseStream;
            while (await stream.MoveNext(CancellationToken.None))
            {
            }
        });

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Equal("SHUTTING_DOWN", error.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
        Assert.True(await host.Log.Cancelled.WaitAsync(TimeSpan.FromSeconds(10)));
        await stop.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.4, 5);
    }

    [Fact]
    public async Task Stop_WithShutdownDelay_NotServingIsReportedWhileCallsAreStillAccepted()
    {
        await using var host = await ProbeHost.StartAsync(("Listen:ShutdownDelay", "00:00:06"), ("Listen:DrainTimeout", "00:00:05"));
        host.Health.SetServing();
        var clock = Stopwatch.StartNew();

        var stop = host.App.StopAsync();
        await Task.Delay(200);
        using var ready = await host.Http.GetAsync(new Uri(host.Endpoints.Metrics!, "/readyz"));
        Assert.Equal("not serving: shutting down\n", await ready.Content.ReadAsStringAsync());
        Assert.Equal("late", (await host.Client.UnaryAsync(new ProbeRequest { Act = "late" })).Text);
        Assert.False(stop.IsCompleted);

        await stop.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.InRange(clock.Elapsed.TotalSeconds, 5.9, 30);
    }

    [Fact]
    public async Task SetServing_AfterTheDrainBegan_ChangesNothing()
    {
        await using var host = await ProbeHost.StartAsync();
        host.Health.BeginDrain();

        host.Health.SetServing();

        Assert.False(host.Health.IsServing);
        Assert.Equal("shutting down", host.Health.Reason);
    }
}
