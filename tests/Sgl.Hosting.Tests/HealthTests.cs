using System.Net;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1Alpha;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Sgl.Hosting.Tests;

public sealed class HealthTests : IAsyncLifetime
{
    private ProbeHost _host = null!;

    public async Task InitializeAsync() => _host = await ProbeHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData("sgl.testing.Probe")]
    public async Task Check_StateChanges_AreSeenAtOnce(string service)
    {
        var client = new Grpc.Health.V1.Health.HealthClient(_host.Channel);
        var request = new HealthCheckRequest { Service = service };
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(request)).Status);

        _host.Health.SetServing();
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(request)).Status);

        _host.Health.SetNotServing("backend gone");
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(request)).Status);
    }

    [Fact]
    public async Task Check_UnknownService_NotFound()
    {
        var client = new Grpc.Health.V1.Health.HealthClient(_host.Channel);

        var error = await Assert.ThrowsAsync<RpcException>(async () => await client.CheckAsync(new HealthCheckRequest { Service = "other" }));

        Assert.Equal(StatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public async Task Watch_StateChangesAndHostStops_WatcherSeesEachAndTheEnd()
    {
        var client = new Grpc.Health.V1.Health.HealthClient(_host.Channel);
        using var watch = client.Watch(new HealthCheckRequest(), deadline: DateTime.UtcNow.AddSeconds(30));
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));

        _host.Health.SetServing();
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));

        var stop = _host.App.StopAsync();
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Assert.False(await watch.ResponseStream.MoveNext());
        await stop.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Watch_UnknownServiceThenHostStops_StreamDoesNotHoldUpTheStop()
    {
        var client = new Grpc.Health.V1.Health.HealthClient(_host.Channel);
        using var watch = client.Watch(new HealthCheckRequest { Service = "other" });
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));

        await _host.App.StopAsync().WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task OperationsPort_ReadyzHealthzMetrics_TellTheState()
    {
        var at = _host.Endpoints.Metrics!;
        using var notReady = await _host.Http.GetAsync(new Uri(at, "/readyz"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, notReady.StatusCode);
        Assert.Equal("not serving: starting\n", await notReady.Content.ReadAsStringAsync());

        _host.Health.SetServing();
        using var ready = await _host.Http.GetAsync(new Uri(at, "/readyz"));
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        using var alive = await _host.Http.GetAsync(new Uri(at, "/healthz"));
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        using var unknown = await _host.Http.GetAsync(new Uri(at, "/other"));
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        using var post = await _host.Http.PostAsync(new Uri(at, "/metrics"), null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
        Assert.Contains("sgl_serving{service=\"probe\"} 1", await _host.MetricsTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GrpcPort_MetricsPath_IsNotServedThere()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_host.Endpoints.Grpc, "/metrics"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await _host.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Reflection_ListServices_NamesTheService()
    {
        var client = new ServerReflection.ServerReflectionClient(_host.Channel);
        using var call = client.ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext());

        var names = call.ResponseStream.Current.ListServicesResponse.Service.Select(s => s.Name);

        Assert.Contains("sgl.testing.Probe", names);
        Assert.Contains("grpc.health.v1.Health", names);
    }

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> watch)
    {
        Assert.True(await watch.ResponseStream.MoveNext());
        return watch.ResponseStream.Current.Status;
    }
}
