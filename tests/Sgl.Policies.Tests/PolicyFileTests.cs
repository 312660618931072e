using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Policies.Tests;

public sealed class PolicyFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Load_ShortestFile_Read()
    {
        var policy = Load("""{"version":1,"criterion":"decision","threshold":0.73,"note":"kept"}""");

        Assert.Equal((ExitCriterion.Decision, 0.73), (policy.Criterion, policy.Threshold));
        Assert.Equal("kept", policy.Note);
    }

    [Fact]
    public void Load_FileWithACalibration_NamesAndExpectationAreRead()
    {
        var policy = Load("""
            {"version":1,"criterion":"length_normalised_consistency","threshold":0.5,"small_model":"s","large_model":"l","expected_exit_ratio":0.6,"sample":{"count":3}}
            """);

        Assert.Equal(
            (ExitCriterion.LengthNormalisedConsistency, 0.5, "s", "l", 0.6),
            (policy.Criterion, policy.Threshold, policy.SmallModel, policy.LargeModel, policy.ExpectedExitRatio!.Value));
        Assert.Equal(3, policy.Sample!.Count);
    }

    [Fact]
    public void Load_FileWithTiles_Read()
    {
        var policy = Load("""{"version":1,"criterion":"decision","threshold":0.7,"tiles":"guided","tile_threshold":0.3}""");

        Assert.Equal((TilePolicy.Guided, 0.3), (policy.Tiles, policy.TileThreshold!.Value));
    }

    [Theory]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"keep_ratio\":0.2}]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[null]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"layer\":1}]}", "keep_ratio")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"layer\":1,\"keep_ratio\":1.2}]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"prune\":[{\"layer\":1,\"layer_fraction\":0.1,\"keep_ratio\":0.2}]}", "prune point")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5],\"shares\":[1]}}", "one more share")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5]}}", "one more share")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5,0.5],\"shares\":[0.5,0.2,0.3]}}", "do not rise")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"score_bins\":{\"edges\":[0.5],\"shares\":[0.5,0.2]}}", "not 1 together")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"tiles\":\"some\"}", "is not a policy")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"tile_threshold\":1.5}", "has tile_threshold 1.5")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"target_exit_ratio\":1.2}", "has target_exit_ratio 1.2")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"expected\":{\"exit_ratio\":-1}}", "has expected_exit_ratio -1")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"treshold\":0.7,\"threshold\":0.7}", "treshold")]
    [InlineData("", "is not a policy")]
    [InlineData("null", "is empty")]
    [InlineData("{\"version\":1}", "threshold")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\"}", "threshold")]
    [InlineData("{\"criterion\":\"decision\",\"threshold\":0.7}", "version")]
    [InlineData("{\"version\":2,\"criterion\":\"decision\",\"threshold\":0.7}", "has version 2, expected 1")]
    [InlineData("{\"version\":1,\"criterion\":\"learnt\",\"threshold\":0.7}", "needs learnt")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":0.7,\"learnt\":{\"small\":{\"bias\":0,\"weights\":[0,0,0,0,0,0,0,0,0]}}}", "only with it")]
    [InlineData("{\"version\":1,\"criterion\":\"learnt\",\"threshold\":0.7,\"learnt\":{}}", "missing")]
    [InlineData("{\"version\":1,\"criterion\":\"learnt\",\"threshold\":0.7,\"learnt\":{\"small\":{\"bias\":0}}}", "0 weights")]
    [InlineData("{\"version\":1,\"criterion\":\"learnt\",\"threshold\":0.7,\"learnt\":{\"small\":{\"bias\":0,\"weights\":[1]}}}", "1 weights")]
    [InlineData("{\"version\":1,\"criterion\":\"guess\",\"threshold\":0.7}", "is not a policy")]
    [InlineData("{\"version\":1,\"criterion\":77,\"threshold\":0.7}", "criterion")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":-1}", "has threshold -1")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":1e999}", "threshold")]
    [InlineData("{\"version\":1,\"criterion\":\"decision\",\"threshold\":\"NaN\"}", "is not a policy")]
    public void Load_NotAPolicy_SaysWhereAndWhy(string text, string problem)
    {
        var path = _folder.Write("policy.json", text);

        var error = Assert.Throws<PolicyFileException>(() => PolicyFile.Load(path));

        Assert.StartsWith($"'{path}' ", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MissingFile_NamesIt() =>
        Assert.Contains("nowhere.json", Assert.Throws<PolicyFileException>(() => PolicyFile.Load("nowhere.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void Save_CommittedPolicy_IsTheSameFile()
    {
        var committed = Path.Combine(SharedData.RepositoryRoot, "docs", "results", "calibration", "policy.json");

        PolicyFile.Load(committed).Save(_folder.Combine("policy.json"));

        Assert.Equal(File.ReadAllBytes(committed), File.ReadAllBytes(_folder.Combine("policy.json")));
    }

    [Fact]
    public void Save_AllThatCalibrationKnows_IsReadBackAndTheSameFile()
    {
        var policy = new PolicyFile
        {
            Criterion = ExitCriterion.QuantileQ1,
            Threshold = 0.25,
            SmallModel = "s",
            LargeModel = "größer",
            ScoreBins = new ScoreBins([0.4, 0.8], [0.2, 0.3, 0.5]),
            Method = "guidedtiles-k1-r0.25-t0.3",
            Prune = [new PolicyPrunePoint { Layer = 1, KeepRatio = 0.25 }, new PolicyPrunePoint { LayerFraction = 0.5, KeepRatio = 0.1 }],
            Tiles = TilePolicy.Guided,
            TileThreshold = 0.3,
            TargetAccuracy = 0.9,
            Expected = new PolicyExpectation { ExitRatio = 0.6, ExitRatioInterval = [0.5, 0.7], CostPerRequest = 1.5, HeldOutAccuracy = 0.8 },
            Sample = new PolicySample { Count = 10, Labelled = 9, Source = "x.jsonl", Warnings = ["few"] },
            Created = DateTimeOffset.UnixEpoch,
            Note = "a < b",
        };
        policy.Save(_folder.Combine("deep", "policy.json"));

        var back = PolicyFile.Load(_folder.Combine("deep", "policy.json"));
        back.Save(_folder.Combine("again.json"));

        Assert.Equal(File.ReadAllText(_folder.Combine("deep", "policy.json")), File.ReadAllText(_folder.Combine("again.json")));
        Assert.Equal(
            (policy.Criterion, policy.Threshold, policy.LargeModel, policy.Tiles, policy.Created, 0.6), (back.Criterion, back.Threshold, back.LargeModel, back.Tiles, back.Created, back.ExpectedExitRatio));
        Assert.Equal(policy.Prune, back.Prune!);
        Assert.Equal(policy.ScoreBins.Shares, back.ScoreBins!.Shares);
    }

    [Fact]
    public void Save_ValueOutOfRange_WritesNothing()
    {
        var policy = new PolicyFile { Criterion = ExitCriterion.Decision, Threshold = double.NaN };

        Assert.Contains("has threshold NaN", Assert.Throws<PolicyFileException>(() => policy.Save(_folder.Combine("policy.json"))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    public void Dispose() => _folder.Dispose();

    private PolicyFile Load(string text) => PolicyFile.Load(_folder.Write("policy.json", text));
}
