using Sgl.Gpu.Tests.Support;
using Sgl.TestKit;

namespace Sgl.Gpu.Tests;

/// <summary>Decode steps that are captured once and launched as a whole. The stand-in fails a capture in which somebody waits, allocates, or copies from or to the system.</summary>
public sealed class GraphsTests
{
    private const int Few = 4, Many = 12;

    [SkippableTheory]
    [InlineData("InternVL2-26B", 1)]
    [InlineData("InternVL2-2B", 2)]
    [InlineData("Qwen2-VL-2B", 1)]
    [InlineData("LLaVA-OV-0.5B", 1)]
    public async Task GenerateAsync_DecodeSteps_AreOneLaunchForEachCard(string name, int cards)
    {
        Standin.Require(cards);
        using var folder = Shapes.Folder(name);
        await using var engine = await VlmEngine.LoadAsync(Options(folder, cards));
        Assert.True(engine.Model.Stages.Count >= 6);
        await RunAsync(engine, Few);
        var (few, many) = (await RunAsync(engine, Few), await RunAsync(engine, Many));
        const int Steps = Many - Few;
        Standin.Print($"{Steps} captured steps of {name} on {cards} cards");
        for (var card = 0; card < cards; card++)
        {
            Assert.Equal(Steps, many[card].Graphs - few[card].Graphs);
            // The head on the last card, nothing on the others.
            Assert.InRange((many[card].Launches + many[card].Products - few[card].Launches - few[card].Products) / Steps, 0, card == cards - 1 ? 40 : 0);
            Assert.Equal(Steps, many[card].Syncs - few[card].Syncs);
            Assert.InRange((many[card].Copies - few[card].Copies) / Steps, 1, 3);
        }
    }

    [SkippableFact]
    public async Task GenerateAsync_TwoEqualRequests_TheSecondCapturesNothingAnew()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Options(folder, 1));
        await RunAsync(engine, Many);
        var graphs = Standin.LiveGraphs;
        var second = await RunAsync(engine, Many);
        Assert.Equal(graphs, Standin.LiveGraphs);
        // The first token comes from the prompt.
        Assert.Equal(Many - 1, second[0].Graphs);
    }

    [SkippableFact]
    public async Task GenerateAsync_ManyShapes_GraphsAreBoundedAndGoWithTheEngine()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        var before = Standin.LiveGraphs;
        await using (var engine = await VlmEngine.LoadAsync(Options(folder, 1)))
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, 200), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
            {
                var result = await ResultAsync(engine, 20 + (i * 37 % 900), 3 + (i % 20));
                Assert.Equal(3 + (i % 20), result.TokenIds.Count);
            });
            Assert.InRange(Standin.LiveGraphs - before, 1, 32);
        }

        Assert.Equal(before, Standin.LiveGraphs);
    }

    [SkippableFact]
    public async Task LoadAsync_GpuOfAnotherEngine_IsRefusedByName()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        await using (var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda")))
        {
            var error = await Assert.ThrowsAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(Options(folder, 1)));
            Assert.Contains("Engine:Cuda:Graphs", error.Message, StringComparison.Ordinal);
        }

        await using var capturing = await VlmEngine.LoadAsync(Options(folder, 1));
        await Assert.ThrowsAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(Shapes.Options(folder, "cuda")));
        Assert.Equal(5, (await ResultAsync(capturing, 20, 5)).TokenIds.Count);
    }

    [SkippableFact]
    public async Task LoadAsync_WithImportance_IsRefusedByName()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        var options = Options(folder, 1);
        options.Importance = true;
        var error = await Assert.ThrowsAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(options));
        Assert.Contains("Engine:Importance", error.Message, StringComparison.Ordinal);
    }

    private static EngineOptions Options(TestFolder folder, int cards)
    {
        var options = Shapes.Options(folder, $"cuda*{cards}");
        options.Cuda.Graphs = true;
        return options;
    }

    private static async Task<IReadOnlyList<Counts>> RunAsync(VlmEngine engine, int tokens)
    {
        Standin.Reset();
        // With all of these tokens it takes the same slab.
        await ResultAsync(engine, 66, tokens);
        return [Standin.Of(0), Standin.Of(1)];
    }

    private static async Task<GenerationResult> ResultAsync(VlmEngine engine, int rows, int tokens)
    {
        var prompt = new PreparedPrompt([.. Enumerable.Repeat(5, rows)], [], []) { CacheScope = "" };
        await foreach (var generated in engine.GenerateAsync(prompt, new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = tokens, StopTokenIds = [] } }, default))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("no result");
    }
}
