using Sgl.Guidance;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class PolicyFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void Load_MinimalFile_Read()
    {
        File.WriteAllText(_path, """{"version":1,"criterion":"decision","threshold":0.73,"note":"kept"}""");

        var policy = PolicyFile.Load(_path);

        Assert.Equal((ExitCriterion.Decision, 0.73), (policy.Criterion, policy.Threshold));
        Assert.Equal("kept", policy.Details["note"].GetString());
    }

    [Fact]
    public void Load_FileWithACalibration_NamesAndExpectationAreRead()
    {
        File.WriteAllText(_path, """
            {"version":1,"criterion":"length_normalised_consistency","threshold":0.5,"small_model":"s","large_model":"l","expected_exit_ratio":0.6,"sample":{"count":3}}
            """);

        var policy = PolicyFile.Load(_path);

        Assert.Equal(
            (ExitCriterion.LengthNormalisedConsistency, 0.5, "s", "l", 0.6),
            (policy.Criterion, policy.Threshold, policy.SmallModel, policy.LargeModel, policy.ExpectedExitRatio!.Value));
    }

    [Fact]
    public void Load_FileWithTiles_Read()
    {
        File.WriteAllText(_path, """{"version":1,"criterion":"decision","threshold":0.7,"tiles":"guided","tile_threshold":0.3}""");

        var policy = PolicyFile.Load(_path);

        Assert.Equal((TilePolicy.Guided, 0.3), (policy.Tiles, policy.TileThreshold!.Value));
    }

    [Fact]
    public void Load_FileChosenByCost_PrunesAndHoldsScoresAgainstItsSample()
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
    public void Load_FileWithoutPrune_PrunesAsTheRouterIsConfigured()
    {
        File.WriteAllText(_path, """{"version":1,"criterion":"decision","threshold":0.7}""");

        var policy = ConfiguredPolicy.Default(new RouterOptions { Policy = { File = _path } });

        Assert.Equal(0.2, Assert.Single(policy.Prune).KeepRatio);
        Assert.Null(policy.Drift);
    }

    [Theory]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"keep_ratio\":0.2}]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"layer\":1,\"keep_ratio\":1.2}]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"layer\":1,\"layer_fraction\":0.1,\"keep_ratio\":0.2}]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5],\"shares\":[1]}}", "one more share")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5,0.5],\"shares\":[0.5,0.2,0.3]}}", "do not rise")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5],\"shares\":[0.5,0.2]}}", "not 1 together")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"tiles\":\"some\"}", "is not a policy")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"tile_threshold\":1.5}", "has tile_threshold 1.5")]
    [InlineData("", "is not a policy")]
    [InlineData("null", "is empty")]
    [InlineData("{\"version\":1}", "threshold")]
    [InlineData("{\"version\":2,\"criterion\":\"decision\",\"threshold\":0.7}", "has version 2, expected 1")]
    [InlineData("{\"version\":1,\"criterion\":\"guess\",\"threshold\":0.7}", "is not a policy")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":-1}", "has threshold -1")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":\"NaN\"}", "is not a policy")]
    public void Load_NotAPolicy_SaysWhy(string text, string message)
    {
        File.WriteAllText(_path, text);

        Assert.Contains(message, Assert.Throws<SettingsFileException>(() => PolicyFile.Load(_path)).Message, StringComparison.Ordinal);
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
