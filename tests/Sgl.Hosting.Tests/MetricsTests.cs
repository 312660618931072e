using System.Globalization;

namespace Sgl.Hosting.Tests;

public sealed class MetricsTests
{
    [Fact]
    public async Task Scrape_ValuesRecorded_AppearUnderTheirNamesAndBuckets()
    {
        await using var host = await ProbeHost.StartAsync();
        var m = host.Metrics;
        m.Histogram("sgl_own_seconds", "A service's own.", MetricBuckets.TimeToFirstToken, "phase").WithLabels("vision").Observe(0.03);
        m.TimeToFirstToken.Observe(0.2);
        m.Factory.CreateCounter("sgl_own_total", "A service's own.").Inc(12);
        m.BeforeScrape(x => x.Running.Set(7));
        await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" });

        var text = await host.MetricsTextAsync();

        Assert.Equal(1, Value(text, "sgl_own_seconds_bucket{phase=\"vision\",service=\"probe\",le=\"0.04\"}"));
        Assert.Equal(1, Value(text, "sgl_time_to_first_token_seconds_bucket{service=\"probe\",le=\"0.25\"}"));
        Assert.Equal(12, Value(text, "sgl_own_total{service=\"probe\"}"));
        Assert.Equal(7, Value(text, "sgl_requests_running{service=\"probe\"}"));
        Assert.Equal(1, Value(text, "sgl_grpc_requests_total{method=\"/sgl.testing.Probe/Unary\",code=\"OK\",service=\"probe\"}"));
        Assert.Contains("process_cpu_seconds_total", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scrape_TwoServicesShareARegistry_LabelKeepsThemApart()
    {
        var registry = Prometheus.Metrics.NewCustomRegistry();
        await using var one = await ProbeHost.StartAsync(new ServiceSetup { Name = "one", HealthNames = [], Registry = registry });
        await using var two = await ProbeHost.StartAsync(new ServiceSetup { Name = "two", HealthNames = [], Registry = registry });
        one.Metrics.Factory.CreateCounter("sgl_probe_total", "Probes.").Inc();
        two.Metrics.Factory.CreateCounter("sgl_probe_total", "Probes.").Inc();
        two.Metrics.Factory.CreateCounter("sgl_probe_total", "Probes.").Inc();

        var text = await one.MetricsTextAsync();

        Assert.Equal(1, Value(text, "sgl_probe_total{service=\"one\"}"));
        Assert.Equal(2, Value(text, "sgl_probe_total{service=\"two\"}"));
    }

    [Fact]
    public async Task Scrape_TwoServicesWithTheirOwnRegistries_DoNotSeeEachOther()
    {
        await using var one = await ProbeHost.StartAsync(new ServiceSetup { Name = "one", HealthNames = [] });
        await using var two = await ProbeHost.StartAsync(new ServiceSetup { Name = "two", HealthNames = [] });
        one.Metrics.Factory.CreateCounter("sgl_probe_total", "Probes.").Inc();

        Assert.DoesNotContain("service=\"one\"", await two.MetricsTextAsync(), StringComparison.Ordinal);
    }

    private static double Value(string text, string series)
    {
        var line = Assert.Single(text.Split('\n'), l => l.StartsWith(series + " ", StringComparison.Ordinal));
        return double.Parse(line.AsSpan(series.Length + 1), CultureInfo.InvariantCulture);
    }
}
