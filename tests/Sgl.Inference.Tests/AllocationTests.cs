using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

/// <summary>What a token costs in managed memory. Nothing else may run meanwhile: the engine has a thread of its own, so the whole process is counted.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AloneOnTheProcess;

[Collection(nameof(AllocationTests))]
public class AllocationTests
{
    // The event and its way to the reader, the sequence's growing lists; with importance one tensor per stage too.
    private const int BytesPerToken = 700, BytesPerStage = 400;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GenerateAsync_EachToken_AllocatesASmallConstant(bool importance)
    {
        await using var engine = await TestEngine.LoadAsync();
        var prompt = TestEngine.Prompt(1, 4, 12, 5);
        async Task<long> AllocatedAsync(int tokens)
        {
            var options = TestEngine.Tokens(tokens) with { Importance = importance ? new Sgl.Guidance.ImportanceOptions() : null };
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await TestEngine.RunAsync(engine, prompt, options);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        // Twice: code is compiled on the way, and buffers have grown.
        await AllocatedAsync(600);
        await AllocatedAsync(600);
        var few = await AllocatedAsync(100);
        var many = await AllocatedAsync(600);
        var perToken = (many - few) / 500.0;
        Assert.InRange(perToken, 1, BytesPerToken + (importance ? BytesPerStage * engine.Model.Stages.Count : 0));
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(0.7f, 0, 1)]
    [InlineData(1, 50, 0.9f)]
    [InlineData(1.3f, 0, 0.95f)]
    public void Choose_LargeVocabulary_AllocatesNothing(float temperature, int topK, float topP)
    {
        const int Vocabulary = 151_655;
        var random = new Random(4);
        var logits = new float[Vocabulary];
        for (var i = 0; i < logits.Length; i++)
        {
            logits[i] = (random.NextSingle() * 20) - 10;
        }

        var chooser = new TokenChooser(new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, Seed = 3, MinNewTokens = 1 }, [2], Vocabulary, Vocabulary);
        chooser.Choose(logits, 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var step = 0; step < 5; step++)
        {
            chooser.Choose(logits, step);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
