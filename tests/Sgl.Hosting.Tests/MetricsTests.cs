using System.Globalization;
using Prometheus;

namespace Sgl.Hosting.Tests;

public sealed class MetricsTests
{
    [Fact]
    public async Task Scrape_ValuesRecorded_AppearUnderTheirNamesAndBuckets()
    {
        await using var host = await ProbeHost.StartAsync();
        var m = host.Metrics;
        m.CountRequest(RequestPath.Exit);
        m.CountRequest(RequestPath.Degraded);
        m.CountRequest(RequestPath.Degraded);
        m.ObserveScore("decision", 0.72);
        m.ObserveScore("decision", double.NaN);
        m.ObservePhase(RequestPhase.Vision, TimeSpan.FromMilliseconds(30));
        m.ObservePhase(RequestPhase.Consistency, TimeSpan.Zero);
        m.TimeToFirstToken.Observe(0.2);
        m.KeptVisualTokens.Inc(12);
        m.BeforeScrape(x => x.Waiting.Set(7));
        await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" });

        var text = await host.MetricsTextAsync();

        Assert.Equal(1, Value(text, "sgl_requests_total{path=\"exit\",service=\"probe\"}"));
        Assert.Equal(2, Value(text, "sgl_requests_total{path=\"degraded\",service=\"probe\"}"));
        Assert.Equal(0, Value(text, "sgl_exit_score_bucket{criterion=\"decision\",service=\"probe\",le=\"0.7\"}"));
        Assert.Equal(1, Value(text, "sgl_exit_score_bucket{criterion=\"decision\",service=\"probe\",le=\"0.75\"}"));
        Assert.Equal(1, Value(text, "sgl_exit_score_count{criterion=\"decision\",service=\"probe\"}"));
        Assert.Equal(1, Value(text, "sgl_phase_seconds_bucket{phase=\"vision\",service=\"probe\",le=\"0.04\"}"));
        Assert.DoesNotContain("phase=\"consistency\"", text, StringComparison.Ordinal);
        Assert.Equal(1, Value(text, "sgl_time_to_first_token_seconds_bucket{service=\"probe\",le=\"0.25\"}"));
        Assert.Equal(12, Value(text, "sgl_kept_visual_tokens_total{service=\"probe\"}"));
        Assert.Equal(7, Value(text, "sgl_requests_waiting{service=\"probe\"}"));
        Assert.Equal(1, Value(text, "sgl_grpc_requests_total{method=\"/sgl.testing.Probe/Unary\",code=\"OK\",service=\"probe\"}"));
        Assert.Contains("process_cpu_seconds_total", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scrape_TwoServicesShareARegistry_LabelKeepsThemApart()
    {
        var registry = Prometheus.Metrics.NewCustomRegistry();
        await using var one = await ProbeHost.StartAsync(new ServiceSetup { Name = "one", HealthNames = [], Registry = registry });
        await using var two = await ProbeHost.StartAsync(new ServiceSetup { Name = "two", HealthNames = [], Registry = registry });
        one.Metrics.CountRequest(RequestPath.Exit);
        two.Metrics.CountRequest(RequestPath.Exit);
        two.Metrics.CountRequest(RequestPath.Exit);

        var text = await one.MetricsTextAsync();

        Assert.Equal(1, Value(text, "sgl_requests_total{path=\"exit\",service=\"one\"}"));
        Assert.Equal(2, Value(text, "sgl_requests_total{path=\"exit\",service=\"two\"}"));
    }

    [Fact]
    public async Task Scrape_TwoServicesWithTheirOwnRegistries_DoNotSeeEachOther()
    {
        await using var one = await ProbeHost.StartAsync(new ServiceSetup { Name = "one", HealthNames = [] });
        await using var two = await ProbeHost.StartAsync(new ServiceSetup { Name = "two", HealthNames = [] });
        one.Metrics.CountRequest(RequestPath.Exit);

        Assert.DoesNotContain("service=\"one\"", await two.MetricsTextAsync(), StringComparison.Ordinal);
    }

    private static double Value(string text, string series)
    {
        var line = Assert.Single(text.Split('\n'), l => l.StartsWith(series + " ", StringComparison.Ordinal));
        return double.Parse(line.AsSpan(series.Length + 1), CultureInfo.InvariantCulture);
    }
}
