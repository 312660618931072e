using Sgl.Gpu.Tests.Support;
using Sgl.Guidance;

namespace Sgl.Gpu.Tests;

/// <summary>What crosses between system and card, and how often the processor waits. Steps are told apart by asking for more and for fewer tokens.</summary>
public sealed class TrafficTests
{
    private const int Few = 2, Many = 10;

    [SkippableTheory]
    [InlineData("InternVL2-26B", false)]
    [InlineData("InternVL2-2B", false)]
    [InlineData("InternVL2-2B", true)]
    [InlineData("Qwen2-VL-2B", true)]
    [InlineData("Qwen2-VL-2B", false, "int4")]
    public async Task GenerateAsync_DecodeStep_CopiesLittleAndWaitsOnce(string name, bool importance, string bits = "auto")
    {
        Standin.Require();
        using var folder = Shapes.Folder(name);
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda", importance, bits));
        Assert.True(engine.Model.Stages.Count >= 6);
        var prompt = Shapes.Prompt(engine, tiles: 2);
        await engine.EncodeAsync(prompt, default);
        await RunAsync(engine, prompt, Few, importance);
        var few = await RunAsync(engine, prompt, Few, importance);
        var many = await RunAsync(engine, prompt, Many, importance);
        const int Steps = Many - Few;
        Standin.Print($"{Steps} steps of {name}, importance {importance}");
        Assert.InRange((many.Copies - few.Copies) / Steps, 1, 20);
        Assert.InRange((many.Syncs - few.Syncs) / Steps, 1, 2);
        // The chosen ids and what the exit score needs, not the vocabulary.
        Assert.InRange((many.BytesToHost - few.BytesToHost) / Steps, 1, 1024);
        Assert.InRange((many.BytesToDevice - few.BytesToDevice) / Steps, 1, 64 << 10);
        Assert.Equal(few.Allocations, many.Allocations);
    }

    [SkippableTheory]
    [InlineData("InternVL2-26B", false)]
    [InlineData("InternVL2-2B", true)]
    public async Task GenerateAsync_Prefill_HiddenRowsDoNotComeBack(string name, bool importance)
    {
        Standin.Require();
        using var folder = Shapes.Folder(name);
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda", importance));
        var prompt = Shapes.Prompt(engine, tiles: 12);
        Assert.Equal(13 * 256, prompt.VisualTokenCount);
        await engine.EncodeAsync(prompt, default);
        var counts = await RunAsync(engine, prompt, 1, importance);
        Standin.Print($"prefill of {name}, {prompt.Ids.Length} rows, importance {importance}");
        // Attention sums come down once, for each layer and entry.
        Assert.InRange(counts.BytesToHost, 1, 1 << 20);
        Assert.InRange(counts.Syncs, 1, 2 + engine.Model.Stages.Count);
    }

    [SkippableFact]
    public async Task GenerateAsync_PrunedInTheMiddle_RowsAreGatheredOnTheCard()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda"));
        var prompt = Shapes.Prompt(engine, tiles: 12);
        await engine.EncodeAsync(prompt, default);
        var mask = KeepMask.FromImportance([.. Enumerable.Range(0, prompt.VisualTokenCount).Select(i => (float)(i % 97))], 0.09);
        Standin.Reset();
        var result = await ResultAsync(engine, prompt, new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 2, StopTokenIds = [] }, Plan = PrunePlan.Create([new PruneStep(engine.Model.PruneLayers[2], mask)], engine.Model.Layers, prompt.VisualTokenCount) });
        Standin.Print("pruned");
        var text = prompt.Ids.Length - prompt.VisualTokenCount;
        Assert.Equal(text + mask.Count + 1, result.Usage.KvLengths[^1]);
        Assert.Equal(prompt.Ids.Length + 1, result.Usage.KvLengths[0]);
        Assert.InRange(Standin.Of(0).BytesToHost, 1, 64 << 10);
    }

    [SkippableFact]
    public async Task GenerateAsync_EightAtOnce_AStepCopiesNoMoreOften()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda"));
        async Task<Counts> Together(int tokens)
        {
            var prompts = Enumerable.Range(0, 8).Select(_ => Shapes.Prompt(engine, tiles: 1)).ToList();
            foreach (var prompt in prompts)
            {
                await engine.EncodeAsync(prompt, default);
            }

            Standin.Reset();
            await Task.WhenAll(prompts.Select(p => ResultAsync(engine, p, Options(tokens, importance: false))));
            return Standin.Of(0);
        }

        await Together(Few);
        var (few, many) = (await Together(Few), await Together(200));
        // How the first steps overlap with prefills differs from run to run; the 198 that follow do not.
        Assert.InRange(many.Copies - few.Copies, 1, 4 * 198);
        Assert.InRange(many.Syncs - few.Syncs, 1, 2 * 198);
    }

    private static async Task<Counts> RunAsync(VlmEngine engine, PreparedPrompt prompt, int tokens, bool importance)
    {
        Standin.Reset();
        await ResultAsync(engine, prompt, Options(tokens, importance));
        return Standin.Of(0);
    }

    private static GenerationOptions Options(int tokens, bool importance) => new()
    {
        Sampling = new SamplingOptions { MaxNewTokens = tokens, StopTokenIds = [] },
        Importance = importance ? new ImportanceOptions() : null,
    };

    private static async Task<GenerationResult> ResultAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, default))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("no result");
    }
}
