using Sgl.Guidance;
using Sgl.Inference.Tests.Support;
using Sgl.TestKit;

namespace Sgl.Inference.Tests;

/// <summary>Sequences that share decode steps must not feel each other.</summary>
public class BatchingTests
{
    private static readonly int[] Lengths = [40, 3, 17, 1, 60, 9, 26, 2, 33, 12, 5, 21];

    [Theory]
    [InlineData(3, "cpu", 0)]
    [InlineData(8, "cpu", 5)]
    [InlineData(12, "cpu", 1)]
    [InlineData(12, "0-1:cpu,2-3:cpu:1", 256)]
    [InlineData(12, "cpu*4", 5)]
    public async Task GenerateAsync_ManyAtOnce_GiveWhatTheyGiveAlone(int maxBatch, string placement, int chunk)
    {
        await using var engine = await TestEngine.LoadAsync(o =>
        {
            o.MaxBatch = maxBatch;
            o.PrefillChunk = chunk;
            o.Placement = placement;
            o.PruneLayers.Add(1);
            o.PruneLayers.Add(2);
        });
        var requests = Requests();
        var alone = new List<GenerationResult>();
        foreach (var (prompt, options) in requests)
        {
            alone.Add(await TestEngine.RunAsync(engine, prompt, options));
        }

        for (var round = 0; round < 3; round++)
        {
            var together = await Task.WhenAll(requests.Select(r => Task.Run(() => TestEngine.RunAsync(engine, r.Prompt, r.Options))));
            for (var i = 0; i < requests.Count; i++)
            {
                Assert.Equal(alone[i].TokenIds, together[i].TokenIds);
                Assert.Equal(alone[i].Usage.KvLengths, together[i].Usage.KvLengths);
                Close(alone[i].Importance, together[i].Importance);
                if (alone[i].Scores is { } scores)
                {
                    Assert.Equal(scores.Confidence, together[i].Scores!.Confidence, 1e-4);
                    Assert.Equal(scores.LengthNormalisedConsistency, together[i].Scores!.LengthNormalisedConsistency, 1e-4);
                }
            }
        }

        Assert.Equal(0, engine.Load.Running);
        Assert.Equal(0, engine.Load.Waiting);
    }

    [Fact]
    public async Task GenerateAsync_ConsistencyPassOfANeighbour_LeavesLogitsAlone()
    {
        await using var engine = await TestEngine.LoadAsync(o => o.MaxBatch = 6);
        // The first slots end early and run a pass of many rows while the others are still to be advanced in the same step.
        var requests = Enumerable.Range(0, 6)
            .Select(i => (
                Prompt: TestEngine.Prompt(300 + i, 5, 24, 6 + i),
                Options: TestEngine.Tokens(i < 3 ? 8 : 24) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.5 }))
            .ToList();
        var alone = new List<IReadOnlyList<int>>();
        foreach (var (prompt, options) in requests)
        {
            alone.Add((await TestEngine.RunAsync(engine, prompt, options)).TokenIds);
        }

        for (var round = 0; round < 10; round++)
        {
            var together = await Task.WhenAll(requests.Select(r => Task.Run(() => TestEngine.RunAsync(engine, r.Prompt, r.Options))));
            Assert.Equal(alone, together.Select(r => r.TokenIds));
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("cpu*3")]
    public async Task GenerateAsync_NeighbourWhoseLogitsAreNotNumbers_FailsAlone(string placement)
    {
        var shape = TestEngine.Shape;
        await using var clean = await TestEngine.LoadAsync();
        var poisonedPrompt = TestEngine.Prompt(400, 12, 0, 0);
        var poison = (await TestEngine.RunAsync(clean, poisonedPrompt, TestEngine.Tokens(1))).TokenIds[0];
        Assert.DoesNotContain(poison, poisonedPrompt.Ids);

        // Others that never meet the poisoned id, neither in the prompt nor in the answer.
        var others = new List<(PreparedPrompt Prompt, GenerationResult Alone)>();
        var options = TestEngine.Tokens(60) with { Importance = new ImportanceOptions() };
        for (var seed = 0; others.Count < 4 && seed < 200; seed++)
        {
            var prompt = TestEngine.Prompt(1000 + seed, 4 + seed, 8, 5, id => id != poison);
            var result = await TestEngine.RunAsync(clean, prompt, options);
            if (!result.TokenIds.Contains(poison))
            {
                others.Add((prompt, result));
            }
        }

        Assert.Equal(4, others.Count);
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape, change: (name, first, values) =>
        {
            for (var i = 0; name.EndsWith("embed_tokens.weight", StringComparison.Ordinal) && i < values.Length; i++)
            {
                values[i] = (first + i) / shape.Hidden == poison ? float.NaN : values[i];
            }
        });
        await using var engine = await TestEngine.LoadAsync(o => (o.Checkpoint, o.Placement) = (folder.Path, placement));
        var running = new List<RunningGeneration>();
        foreach (var (prompt, _) in others.Take(3))
        {
            running.Add(await TestEngine.StartAsync(engine, prompt, options));
        }

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => TestEngine.RunAsync(engine, poisonedPrompt, TestEngine.Tokens(20)));
        Assert.Contains("not numbers", error.Message, StringComparison.Ordinal);
        // Takes the slot whose cache is full of what is not a number.
        running.Add(await TestEngine.StartAsync(engine, others[3].Prompt, options));
        for (var i = 0; i < running.Count; i++)
        {
            var result = await running[i].End;
            Assert.Equal(others[i].Alone.TokenIds, result.TokenIds);
            Close(others[i].Alone.Importance, result.Importance);
        }
    }

    private static List<(PreparedPrompt Prompt, GenerationOptions Options)> Requests()
    {
        var requests = new List<(PreparedPrompt, GenerationOptions)>();
        for (var i = 0; i < Lengths.Length; i++)
        {
            var visual = i % 4 == 3 ? 0 : 6 + (5 * i);
            var prompt = TestEngine.Prompt(100 + i, 2 + (13 * (i % 5)), visual, 3 + i);
            var options = TestEngine.Tokens(Lengths[i]);
            requests.Add((prompt, (i % 4) switch
            {
                0 => options with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.3 },
                1 => options with { Plan = TestEngine.Plan(visual, (1, v => v % 3 != 0), (2, v => v % 3 == 1)) },
                2 => options with { Importance = new ImportanceOptions { Variant = ImportanceVariant.Paper, LayerFraction = 0.5 } },
                _ => options,
            }));
        }

        return requests;
    }

    private static void Close(IReadOnlyList<float>? expected, IReadOnlyList<float>? actual)
    {
        Assert.Equal(expected?.Count, actual?.Count);
        for (var i = 0; i < expected?.Count; i++)
        {
            Assert.Equal(expected[i], actual![i], 1e-3f);
        }
    }
}
