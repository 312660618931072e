namespace Sgl.Inference.Tests;

public class EngineOptionsValidatorTests
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("cpu*4")]
    [InlineData("0-3:cuda:0,4-7:cuda:1")]
    public void Validate_Sound_Succeeds(string placement) =>
        Assert.True(new EngineOptionsValidator().Validate(null, new EngineOptions { Checkpoint = AppContext.BaseDirectory, Placement = placement }).Succeeded);

    [Fact]
    public void Validate_EverythingWrong_NamesEveryKeyAtOnce()
    {
        var options = new EngineOptions
        {
            Checkpoint = "no such folder",
            Placement = "0-3:gpu",
            MaxBatch = 0,
            MaxQueue = 0,
            KvBudgetMiB = -1,
            MaxPromptTokens = -1,
            MaxNewTokens = 0,
            MaxImages = 0,
            PrefillChunk = -1,
            VisionBatch = 0,
            VisionCacheMiB = -1,
            Threads = -1,
        };
        options.PruneLayers.Add(-3);
        var failures = new EngineOptionsValidator().Validate(null, options).Failures!.ToList();
        string[] keys = ["Checkpoint", "Placement", "PruneLayers", "MaxBatch", "MaxQueue", "PrefillChunk", "KvBudgetMiB", "MaxPromptTokens", "MaxNewTokens", "MaxImages", "VisionBatch", "VisionCacheMiB", "Threads"];
        Assert.Equal(keys, keys.Where(k => failures.Any(f => f.StartsWith($"Engine:{k} ", StringComparison.Ordinal))));
        Assert.Equal(keys.Length, failures.Count);
    }

    [Fact]
    public void Validate_NoCheckpoint_AsksForOne() =>
        Assert.Contains("Engine:Checkpoint is not set", Assert.Single(new EngineOptionsValidator().Validate(null, new EngineOptions()).Failures!), StringComparison.Ordinal);

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Validate_CapturedSteps_ExcludeImportance(bool importance, bool succeeds)
    {
        var options = new EngineOptions { Checkpoint = AppContext.BaseDirectory, Importance = importance };
        options.Cuda.Graphs = true;
        var result = new EngineOptionsValidator().Validate(null, options);
        Assert.Equal(succeeds, result.Succeeded);
        Assert.All(result.Failures ?? [], f => Assert.StartsWith("Engine:Cuda:Graphs excludes Engine:Importance", f, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cpu,")]
    [InlineData("tpu*2")]
    [InlineData("0-3")]
    public void Validate_PlacementWithoutDevice_IsRefused(string placement) =>
        Assert.True(new EngineOptionsValidator().Validate(null, new EngineOptions { Checkpoint = AppContext.BaseDirectory, Placement = placement }).Failed);
}
