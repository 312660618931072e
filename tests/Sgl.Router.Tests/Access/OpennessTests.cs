using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router.Tests;

/// <summary>Whoever opens a router to others says who may ask.</summary>
public sealed class OpennessTests
{
    private static readonly Dictionary<string, string?> Backends = new() { ["Router:Small:Address"] = "http://localhost:1", ["Router:Large:Address"] = "http://localhost:1" };

    [Theory]
    [InlineData("*")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("192.0.2.1")]
    [InlineData("::ffff:192.0.2.1")]
    public async Task Start_ReachableByOthersWithoutKeys_RefusedWithTheWaysOut(string address)
    {
        var line = Assert.Single(await ErrorsAsync(("Listen:Address", address)));

        Assert.StartsWith($"error: Router:Anonymous is not set, and Listen:Address '{address}' can be reached by others", line, StringComparison.Ordinal);
        Assert.Contains("Access:KeysFile", line, StringComparison.Ordinal);
        Assert.Contains("Router:Anonymous=true", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithAnotherMistake_BothTold()
    {
        var lines = await ErrorsAsync(("Listen:Address", "*"), ("Router:MaxConcurrentRequests", "0"));

        Assert.Equal(2, lines.Count);
    }

    [Fact]
    public async Task Start_AddressItselfWrong_ToldOnce() =>
        Assert.StartsWith("error: Listen:Address is 'nowhere'", Assert.Single(await ErrorsAsync(("Listen:Address", "nowhere"))), StringComparison.Ordinal);

    [Fact]
    public async Task Start_KeysAndAnonymous_Refused()
    {
        var line = Assert.Single(await ErrorsAsync(("Router:Anonymous", "true"), ("Access:Keys:0:Name", "a"), ("Access:Keys:0:Hash", ApiKey.Hash(ApiKey.Create()))));

        Assert.Contains("is set together with keys", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost", false, false)]
    [InlineData("127.0.0.1", false, false)]
    [InlineData("127.0.0.2", false, false)]
    [InlineData("*", true, false)]
    [InlineData("0.0.0.0", false, true)]
    public async Task Start_OnThisMachineOrStatedOrWithKeys_Starts(string address, bool anonymous, bool keys)
    {
        var settings = new Dictionary<string, string?>(Backends) { ["Listen:Address"] = address, ["Router:Anonymous"] = anonymous ? "true" : "false" };
        if (keys)
        {
            (settings["Access:Keys:0:Name"], settings["Access:Keys:0:Hash"]) = ("a", ApiKey.Hash(ApiKey.Create()));
        }

        await using var app = RouterHost.Create(settings);
        await app.StartAsync();
        await app.StopAsync();
    }

    private static async Task<List<string>> ErrorsAsync(params (string Key, string Value)[] settings)
    {
        var all = new Dictionary<string, string?>(Backends);
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        using var output = new StringWriter();
        Assert.Equal(ServiceRunner.BadSettings, await ServiceRunner.RunAsync(() => RouterHost.Create(all), output).WaitAsync(TimeSpan.FromMinutes(1)));
        return [.. output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)];
    }
}
