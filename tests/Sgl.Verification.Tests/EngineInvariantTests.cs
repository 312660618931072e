using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Verification.Tests.Reference;

namespace Sgl.Verification.Tests;

/// <summary>What must not change a result: how weights are stored, where layers run, a mask that keeps everything.</summary>
public class EngineInvariantTests
{
    private static readonly CheckpointShape Shape = new() { Layers = 5, LargeTower = true, Decoder = DecoderKind.Qwen2 };

    [Theory]
    [InlineData("Float16")]
    [InlineData("BFloat16")]
    public async Task Generate_HalfPrecisionFiles_EqualsFloatFilesOfTheRoundedValues(string stored)
    {
        var type = Enum.Parse<StoredType>(stored);
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Combine("half"), Shape, type);
        CheckpointWriter.Write(folder.Combine("float"), Shape, StoredType.Float32, change: (_, _, values) => CheckpointWriter.Round(values, type));
        CheckpointWriter.Write(folder.Combine("unrounded"), Shape);
        var expected = await RunAsync(folder.Combine("float"), "cpu");
        Same(expected, await RunAsync(folder.Combine("half"), "cpu"));
        Assert.NotEqual(expected.Logits, (await RunAsync(folder.Combine("unrounded"), "cpu")).Logits);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task Generate_Shards_EqualsOneFile(int shards)
    {
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Combine("one"), Shape, StoredType.BFloat16);
        CheckpointWriter.Write(folder.Combine("shards"), Shape, StoredType.BFloat16, shards);
        Same(await RunAsync(folder.Combine("one"), "cpu"), await RunAsync(folder.Combine("shards"), "cpu"));
    }

    [Fact]
    public async Task Generate_EveryPlacement_GivesTheSameBits()
    {
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, Shape);
        var expected = await RunAsync(folder.Path, "cpu");
        foreach (var placement in new[] { "cpu*2", "cpu*5", "0-0:cpu,1-3:cpu:1,4-4:cpu:7" })
        {
            Same(expected, await RunAsync(folder.Path, placement));
        }
    }

    [Fact]
    public async Task Generate_MaskThatKeepsEverything_EqualsNoPruning()
    {
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, Shape);
        await using var engine = await Runs.LoadAsync(folder.Path, "cpu", 0, 2, 4);
        var prompt = Runs.Prompt(Shape, 21, [6, 9], [3]).Prompt;
        var n = prompt.VisualTokenCount;
        var expected = await RunAsync(engine, prompt, PrunePlan.None);
        foreach (var layer in new[] { 0, 2, 4 })
        {
            var actual = await RunAsync(engine, prompt, PrunePlan.Create([new PruneStep(layer, KeepMask.All(n))], Shape.Layers, n));
            Assert.Equal(expected.Ids, actual.Ids);
            Assert.All(expected.Logits.Zip(actual.Logits), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
    }

    [Fact]
    public async Task Generate_SecondStepOfTheSameMask_ChangesNothing()
    {
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, Shape);
        await using var engine = await Runs.LoadAsync(folder.Path, "cpu", 0, 2, 4);
        var prompt = Runs.Prompt(Shape, 22, [6, 9], [3]).Prompt;
        var n = prompt.VisualTokenCount;
        var mask = KeepMask.FromIndices(n, [1, 2, 7]);
        var once = await RunAsync(engine, prompt, PrunePlan.Create([new PruneStep(2, mask)], Shape.Layers, n));
        var twice = await RunAsync(engine, prompt, PrunePlan.Create([new PruneStep(2, mask), new PruneStep(4, mask)], Shape.Layers, n));
        Assert.Equal(once.Ids, twice.Ids);
        Assert.Equal(once.Logits, twice.Logits);
    }

    private static async Task<Run> RunAsync(string folder, string placement)
    {
        await using var engine = await Runs.LoadAsync(folder, placement, 0, 2);
        var prompt = Runs.Prompt(Shape, 20, [6, 9], [3]).Prompt;
        var plain = await RunAsync(engine, prompt, PrunePlan.None, new ImportanceOptions());
        var n = prompt.VisualTokenCount;
        var pruned = await RunAsync(engine, prompt, PrunePlan.Create([new PruneStep(2, KeepMask.FromImportance(plain.Importance, 0.4))], Shape.Layers, n));
        return new Run([.. plain.Ids, .. pruned.Ids], [.. plain.Logits, .. pruned.Logits], plain.Importance);
    }

    private static async Task<Run> RunAsync(VlmEngine engine, PreparedPrompt prompt, PrunePlan plan, ImportanceOptions? importance = null)
    {
        var trace = new GenerationTrace();
        var sampling = new SamplingOptions { MaxNewTokens = 8, StopTokenIds = [] };
        var result = await Runs.GenerateAsync(engine, prompt, new GenerationOptions { Sampling = sampling, Plan = plan, Importance = importance, Trace = trace });
        return new Run([.. result.TokenIds], [.. trace.StepLogits.SelectMany(l => l)], result.Importance ?? []);
    }

    private static void Same(Run expected, Run actual)
    {
        Assert.Equal(expected.Ids, actual.Ids);
        Assert.Equal(expected.Logits, actual.Logits);
        Assert.Equal(expected.Importance, actual.Importance);
    }

    private sealed record Run(int[] Ids, float[] Logits, float[] Importance);
}
