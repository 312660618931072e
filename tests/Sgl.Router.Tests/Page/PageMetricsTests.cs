using Sgl.Hosting;

namespace Sgl.Router.Tests;

public sealed class PageMetricsTests : IDisposable
{
    private readonly PageMetrics _metrics = new(new ServiceMetrics(new ServiceSetup { Name = "router", HealthNames = [] }), TimeProvider.System);

    public void Dispose() => _metrics.Dispose();

    [Theory]
    [InlineData("sgl_requests_total{path=\"exit\",service=\"router\"} 1")]
    [InlineData("sgl_requests_running{service=\"router\"} 0")]
    [InlineData("sgl_exit_score_bucket{criterion=\"decision\",service=\"router\",le=\"0.5\"} 0")]
    [InlineData("sgl_router_hop_seconds_sum{backend=\"small\",service=\"router\"} 2.5")]
    [InlineData("sgl_router_score_drift{policy=\"default\",service=\"router\"} 0.04")]
    public void Select_AboutQuestionsAndModels_Told(string line) => Assert.Equal(line + "\n", _metrics.Select("# HELP x y\n" + line + "\n"));

    [Theory]
    [InlineData("dotnet_total_memory_bytes 1")]
    [InlineData("process_open_handles 1")]
    [InlineData("sgl_requests_total{path=\"exit\",service=\"small\"} 1")]
    [InlineData("sgl_requests_total{path=\"exit\",service=\"router-of-another\"} 1")]
    [InlineData("sgl_http_requests_total{route=\"/v1\",code=\"OK\",service=\"router\"} 1")]
    [InlineData("sgl_access_requests_total{key=\"alice\",service=\"router\"} 1")]
    [InlineData("sgl_requests_total_of_somebody{service=\"router\"} 1")]
    [InlineData("# sgl_requests_total{service=\"router\"} 1")]
    public void Select_Other_NotTold(string line) => Assert.Empty(_metrics.Select(line + "\n"));

    [Fact]
    public void Select_Replicas_NumberedWithinTheirModelAndForAsLongAsTheyAreThere()
    {
        string Tell(params (string Backend, string Replica)[] replicas) => string.Join(' ', _metrics
            .Select(string.Concat(replicas.Select(r => $"sgl_router_replica_serving{{backend=\"{r.Backend}\",replica=\"{r.Replica}\",service=\"router\"}} 1\n")))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => string.Concat(l.Split('"')[1], l.Split('"')[3])));

        Assert.Equal("small1 small2 large1", Tell(("small", "10.0.0.1:5101"), ("small", "10.0.0.2:5101"), ("large", "10.0.0.1:5101")));
        Assert.Equal("small2 large1", Tell(("small", "10.0.0.2:5101"), ("large", "10.0.0.1:5101")));
        Assert.Equal("small1 small2 large1", Tell(("small", "10.0.0.3:5101"), ("small", "10.0.0.2:5101"), ("large", "10.0.0.1:5101")));
    }

    [Fact]
    public void Select_AddressWithQuotes_NothingOfItIsTold() => Assert.Equal(
        "sgl_router_replica_serving{backend=\"small\",replica=\"1\",service=\"router\"} 1\n",
        _metrics.Select("sgl_router_replica_serving{backend=\"small\",replica=\"a\\\",b=\\\"secret\",service=\"router\"} 1\n"));
}
