using System.Text;
using Sgl.Hosting;

namespace Sgl.Router.Tests;

public class RouterMetricsTests
{
    [Fact]
    public async Task CountRequestAndObserveScore_ValuesRecorded_AppearUnderTheirLabelsAndBuckets()
    {
        var common = new ServiceMetrics(new ServiceSetup { Name = "probe", HealthNames = [] });
        var metrics = new RouterMetrics(common);
        metrics.CountRequest(RequestPath.Exit);
        metrics.CountRequest(RequestPath.Degraded);
        metrics.CountRequest(RequestPath.Degraded);
        metrics.Scores.Observe("decision", 0.72);
        metrics.Scores.Observe("decision", double.NaN);

        using var text = new MemoryStream();
        await common.Registry.CollectAndExportAsTextAsync(text);
        var lines = Encoding.UTF8.GetString(text.ToArray()).Split('\n');

        Assert.Contains("sgl_requests_total{path=\"exit\",service=\"probe\"} 1", lines);
        Assert.Contains("sgl_requests_total{path=\"degraded\",service=\"probe\"} 2", lines);
        Assert.Contains("sgl_exit_score_bucket{criterion=\"decision\",service=\"probe\",le=\"0.7\"} 0", lines);
        Assert.Contains("sgl_exit_score_bucket{criterion=\"decision\",service=\"probe\",le=\"0.75\"} 1", lines);
        Assert.Contains("sgl_exit_score_count{criterion=\"decision\",service=\"probe\"} 1", lines);
    }
}
