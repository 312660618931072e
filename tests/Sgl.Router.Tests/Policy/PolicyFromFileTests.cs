using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class PolicyFromFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void Default_FileChosenByCost_PrunesAndHoldsScoresAgainstItsSample()
    {
        File.WriteAllText(_path, """
            {"version":1,"criterion":"confidence","threshold":0.7,"method":"sgp-k1-r0.25","prune":[{"layer":1,"keep_ratio":0.25}],"tiles":"all",
             "score_bins":{"edges":[0.4,0.8],"shares":[0.2,0.3,0.5]}}
            """);

        var policy = ConfiguredPolicy.Default(new RouterOptions { Policy = { File = _path } });

        var point = Assert.Single(policy.Prune);
        Assert.Equal((1, 0.25), (point.Layer, point.KeepRatio));
        Assert.NotNull(policy.Drift);
        Assert.Empty(ConfiguredPolicy.Default(new RouterOptions { Policy = { File = _path, Unpruned = true } }).Prune);
    }

    [Fact]
    public void Default_FileWithoutPrune_PrunesAsTheRouterIsConfigured()
    {
        File.WriteAllText(_path, """{"version":1,"criterion":"decision","threshold":0.7}""");

        var policy = ConfiguredPolicy.Default(new RouterOptions { Policy = { File = _path } });

        Assert.Equal(0.2, Assert.Single(policy.Prune).KeepRatio);
        Assert.Null(policy.Drift);
    }

    [Fact]
    public void Load_NotAPolicy_IsAnErrorOfTheSettings()
    {
        File.WriteAllText(_path, """{"version":2,"criterion":"decision","threshold":0.7}""");

        Assert.Contains("has version 2, expected 1", Assert.Throws<SettingsFileException>(() => ConfiguredPolicy.FileOf(_path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Router_PolicyFileConfigured_CriterionAndThresholdCount()
    {
        File.WriteAllText(_path, """{"version":1,"criterion":"entropy","threshold":0.45}""");
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0), ("Router:Policy:File", _path));

        var events = await trio.AskAsync(Trio.Request());

        var decision = events.Single(e => e.Decision is not null).Decision;
        Assert.Equal((Wire.ExitCriterion.Entropy, 0.45, Wire.DecisionAction.Exit), (decision.Criterion, decision.Threshold, decision.Action));
    }

    public void Dispose() => File.Delete(_path);
}
