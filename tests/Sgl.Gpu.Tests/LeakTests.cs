using Sgl.Gpu.Tests.Support;

namespace Sgl.Gpu.Tests;

/// <summary>Long runs.</summary>
public sealed class LeakTests
{
    [SkippableFact]
    public async Task GenerateAsync_AThousandRequests_TheCardHoldsWhatItHeldAfterTheFirstHundred()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        var options = Shapes.Options(folder, "cuda", importance: true);
        // One cut, so that a thousand requests take seconds.
        options.PruneLayers.Add(0);
        await using (var engine = await VlmEngine.LoadAsync(options))
        {
            await RunAsync(engine, 100);
            var before = Standin.Of(0).Used;
            await RunAsync(engine, 900);
            Assert.Equal(before, Standin.Of(0).Used);
        }
    }

    [SkippableFact]
    public async Task DisposeAsync_LoadedTwice_TheSecondTakesNoMoreThanTheFirst()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        long first = 0;
        for (var round = 0; round < 3; round++)
        {
            await using (var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda")))
            {
                await RunAsync(engine, 2);
            }

            // The pool that all engines of the process share stays, and lasts for the next.
            first = round == 0 ? Standin.Of(0).Used : first;
        }

        Assert.InRange(Standin.Of(0).Used, 0, first + (64 << 20));
    }

    private static async Task RunAsync(VlmEngine engine, int requests)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, requests), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (i, cancelled) =>
        {
            var prompt = new PreparedPrompt([.. Enumerable.Repeat(5, 20 + (i % 30))], [], []) { CacheScope = "" };
            await foreach (var _ in engine.GenerateAsync(prompt, new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 2, StopTokenIds = [] } }, cancelled))
            {
            }
        });
    }
}
