using Sgl.Guidance;
using Sgl.Inference.Tests.Support;
using Sgl.TestKit;

namespace Sgl.Inference.Tests;

/// <summary>A draft changes when tokens come, never which.</summary>
public class DraftTests
{
    private const int Visual = 12;

    private static readonly PreparedPrompt Prompt = TestEngine.Prompt(11, 4, Visual, 6);

    [Theory]
    [InlineData("cpu", false)]
    [InlineData("cpu", true)]
    [InlineData("cpu*3", true)]
    public async Task GenerateAsync_DraftThatGoesWrongSomewhere_SameAnswerAndTheRightPartSaved(string placement, bool pruned)
    {
        await using var engine = await TestEngine.LoadAsync(o =>
        {
            o.Placement = placement;
            o.PruneLayers.Add(2);
        });
        var options = TestEngine.Tokens(24) with { Plan = pruned ? TestEngine.Plan(Visual, (2, v => v % 3 == 0)) : PrunePlan.None };
        var plain = await TestEngine.RunAsync(engine, Prompt, options);
        for (var right = 0; right <= 24; right++)
        {
            var wrong = right;
            int[] draft = [.. plain.TokenIds.Select((id, i) => i == wrong ? (id + 1) % TestEngine.Shape.Vocabulary : id)];
            var drafted = await TestEngine.RunAsync(engine, Prompt, options with { Draft = draft });

            Assert.Equal(plain.TokenIds, drafted.TokenIds);
            Assert.Equal(plain.Usage.KvLengths, drafted.Usage.KvLengths);
            // The last id is never fed, so a draft of it saves nothing.
            Assert.Equal(23, drafted.Usage.DraftTokens);
            Assert.Equal(Math.Min(right, 23), drafted.Usage.AcceptedDraftTokens);
            Assert.Equal(right >= 23, drafted.Timings.Decode == TimeSpan.Zero);
        }
    }

    [Fact]
    public async Task GenerateAsync_RandomDraftsAmongOthersInABatch_EachItsOwnAnswer()
    {
        await using var engine = await TestEngine.LoadAsync();
        var random = new Random(5);
        var runs = Enumerable.Range(0, 12).Select(async i =>
        {
            var prompt = TestEngine.Prompt(100 + (i % 4), 3 + (i % 4), Visual, 5);
            int[] draft = [.. Enumerable.Range(0, i % 3 * 7).Select(_ => random.Next(TestEngine.Shape.Vocabulary))];
            return (Seed: i % 4, Result: await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(20) with { Draft = draft }));
        }).ToArray();
        foreach (var same in (await Task.WhenAll(runs)).GroupBy(r => r.Seed))
        {
            Assert.All(same, r => Assert.Equal(same.First().Result.TokenIds, r.Result.TokenIds));
        }
    }

    [Fact]
    public async Task GenerateAsync_SampledAnswerAsDraft_TheSameSeedAcceptsIt()
    {
        await using var engine = await TestEngine.LoadAsync();
        var options = TestEngine.Tokens(16);
        options = options with { Sampling = options.Sampling with { Temperature = 1.3f, Seed = 9 } };
        var plain = await TestEngine.RunAsync(engine, Prompt, options);
        var drafted = await TestEngine.RunAsync(engine, Prompt, options with { Draft = plain.TokenIds });
        Assert.Equal(plain.TokenIds, drafted.TokenIds);
        Assert.Equal(15, drafted.Usage.AcceptedDraftTokens);
    }

    [Fact]
    public async Task GenerateAsync_DraftWithAnEndId_EndsThereAndIsNotFed()
    {
        await using var engine = await TestEngine.LoadAsync();
        var plain = await TestEngine.RunAsync(engine, Prompt, TestEngine.Tokens(10));
        var end = plain.TokenIds.Select((id, i) => (id, i)).First(t => t.i > 0 && plain.TokenIds.Take(t.i).All(e => e != t.id));
        var options = TestEngine.Tokens(10);
        options = options with { Sampling = options.Sampling with { StopTokenIds = [end.id] }, Draft = plain.TokenIds };
        var result = await TestEngine.RunAsync(engine, Prompt, options);
        Assert.Equal(plain.TokenIds.Take(end.i + 1), result.TokenIds);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
        Assert.Equal(end.i, result.Usage.DraftTokens);
        Assert.Equal(end.i, result.Usage.AcceptedDraftTokens);
    }

    [Fact]
    public async Task GenerateAsync_DraftBeyondTheShortFactors_IsLeftOutBecauseItWouldTurnThePrompt()
    {
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, TestEngine.Shape with { Decoder = DecoderKind.Phi3, KvHeads = 6, OriginalMaxPositions = 30 });
        await using var engine = await TestEngine.LoadAsync(o => o.Checkpoint = folder.Path);
        var plain = await TestEngine.RunAsync(engine, Prompt, TestEngine.Tokens(20));
        var inside = await TestEngine.RunAsync(engine, Prompt, TestEngine.Tokens(20) with { Draft = [.. plain.TokenIds.Take(8)] });
        var beyond = await TestEngine.RunAsync(engine, Prompt, TestEngine.Tokens(20) with { Draft = [.. plain.TokenIds.Take(9)] });
        Assert.Equal((8, 8), (inside.Usage.DraftTokens, inside.Usage.AcceptedDraftTokens));
        Assert.Equal(0, beyond.Usage.DraftTokens);
        Assert.Equal(plain.TokenIds, inside.TokenIds);
        Assert.Equal(plain.TokenIds, beyond.TokenIds);
    }

    [Fact]
    public async Task GenerateAsync_DraftOfForeignIdsOrWithImportance_NamesTheField()
    {
        await using var engine = await TestEngine.LoadAsync();
        var foreign = TestEngine.Tokens(4) with { Draft = [1, TestEngine.Shape.Vocabulary] };
        Assert.Equal("draft[1]", (await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(engine, Prompt, foreign))).Field);
        var importance = TestEngine.Tokens(4) with { Draft = [1], Importance = new ImportanceOptions() };
        Assert.Equal("draft", (await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(engine, Prompt, importance))).Field);
    }
}
