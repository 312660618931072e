using System.Text.RegularExpressions;
using Sgl.TestKit;

namespace Sgl.Router.Tests;

/// <summary>What deploy/ asks Prometheus for is what the services offer.</summary>
[Collection(nameof(DemoTrio))]
public sealed partial class DashboardTests(DemoTrio trio)
{
    [Theory]
    [InlineData("grafana/dashboards/sgl.json")]
    [InlineData("prometheus/rules.yml")]
    [InlineData("helm/sgl/templates/availability.yaml")]
    public async Task File_MetricsItNames_AreAllOffered(string file)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri(trio.Metrics, "/metrics")) + await trio.Small.MetricsAsync() + await trio.Large.MetricsAsync();
        var offered = Declaration().Matches(text).SelectMany(m => m.Groups["type"].Value == "histogram"
            ? new[] { "_bucket", "_sum", "_count" }.Select(s => m.Groups["name"].Value + s)
            : [m.Groups["name"].Value]).ToHashSet();
        var content = await File.ReadAllTextAsync(Path.Combine([SharedData.RepositoryRoot, "deploy", .. file.Split('/')]));

        var named = Use().Matches(content).Select(m => m.Value).Distinct().ToList();

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(offered));
    }

    [GeneratedRegex("^# TYPE (?<name>\\S+) (?<type>\\S+)$", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex("\\b(sgl|process)_[a-z0-9_]+\\b")]
    private static partial Regex Use();
}
