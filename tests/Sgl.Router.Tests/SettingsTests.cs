using Sgl.Hosting;

namespace Sgl.Router.Tests;

public sealed class SettingsTests
{
    [Fact]
    public async Task Start_MistakesInBothSections_AllReportedAtOnce()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Listen:Port"] = "99999",
            ["Router:Small:Address"] = "localhost:5101",
            ["Router:Large:Address"] = "http://a:1,https://b:2",
            ["Router:Large:Timeout"] = "soon",
            ["Router:Retry:MaxAttempts"] = "0",
            ["Router:Large:FirstResponseTimeout"] = "00:00:00",
            ["Router:ProbeTimeout"] = "-00:00:01",
            ["Router:Ejection:ConsecutiveFailures"] = "0",
            ["Router:Ejection:BaseTime"] = "00:05:00",
            ["Router:Policy:File"] = "/no/such/policy.json",
            ["Router:Policy:Threshold"] = "0.5",
            ["Router:Policy:TargetExitRatio"] = "1.5",
            ["Router:Policy:OnLargeFailure"] = "Panic",
            ["Router:Policy:Prune:0:LayerFraction"] = "0.2",
            ["Router:Policy:Prune:1:KeepRatio"] = "0.2",
            ["Router:Polisy"] = "x",
        };

        var (code, lines) = await RunAsync(settings);

        Assert.Equal(ServiceRunner.BadSettings, code);
        Contains("Listen:Port is 99999");
        Contains("Router:Small:Address is 'localhost:5101': 'localhost:5101' is not of the form http://host:port");
        Contains("Router:Large:Address is 'http://a:1,https://b:2': http and https are mixed");
        Contains("Router:Large:Timeout is 'soon', which cannot be read");
        Contains("Router:Retry:MaxAttempts is 0");
        Contains("Router:Large:FirstResponseTimeout is 00:00:00");
        Contains("Router:ProbeTimeout is -00:00:01");
        Contains("Router:Ejection:ConsecutiveFailures is 0");
        Contains("Router:Ejection:MaxTime is 00:01:00; use a time from 00:05:00");
        Contains("Router:Policy:File cannot be used: '/no/such/policy.json' cannot be read");
        Contains("Router:Policy:Threshold is set together with Policy:File");
        Contains("Router:Policy:TargetExitRatio is 1.5");
        Contains("Router:Policy:OnLargeFailure is 'Panic', which cannot be read");
        Contains("Router:Policy:Prune:0:KeepRatio is missing");
        Contains("Router:Policy:Prune:1 needs exactly one of Layer and LayerFraction");
        Contains("Router:Polisy is not a setting");
        Assert.All(lines, l => Assert.StartsWith("error: ", l, StringComparison.Ordinal));

        void Contains(string text) => Assert.Contains(lines, l => l.StartsWith($"error: {text}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("dns:///")]
    [InlineData("dns:///host")]
    [InlineData("dns://host:80")]
    [InlineData("dns:///a:1,dns:///b:1")]
    [InlineData("ftp://a:1")]
    [InlineData("http://a:1/path")]
    public async Task Start_AddressNotUnderstood_Refused(string address)
    {
        var (code, lines) = await RunAsync(new() { ["Router:Small:Address"] = address, ["Router:Large:Address"] = "http://a:1" });

        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.StartsWith($"error: Router:Small:Address is '{address}'", Assert.Single(lines), StringComparison.Ordinal);
    }

    private static async Task<(int Code, List<string> Lines)> RunAsync(Dictionary<string, string?> settings)
    {
        using var output = new StringWriter();
        var code = await ServiceRunner.RunAsync(() => RouterHost.Create(settings), output).WaitAsync(TimeSpan.FromSeconds(30));
        return (code, [.. output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)]);
    }
}
