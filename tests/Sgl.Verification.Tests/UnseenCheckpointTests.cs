using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Verification.Tests.Reference;
using static Sgl.Verification.Tests.Reference.Compare;

namespace Sgl.Verification.Tests;

/// <summary>Random checkpoints of other shapes than the golden ones, against the double-precision reference.</summary>
public class UnseenCheckpointTests
{
    private const int NewTokens = 6;

    private static readonly Dictionary<string, CheckpointShape> Shapes = new()
    {
        ["internlm2, bias, 5 layers"] = new CheckpointShape { Layers = 5, Bias = true },
        ["internlm2, one key head, 9 tokens per tile, large tower"] = new CheckpointShape { Layers = 2, Hidden = 24, Heads = 3, KvHeads = 1, TileSize = 84, LargeTower = true, Seed = 2 },
        ["qwen2, a key head per head, patches of 8"] = new CheckpointShape { Decoder = DecoderKind.Qwen2, Hidden = 64, Heads = 4, KvHeads = 4, TileSize = 48, PatchSize = 8, Seed = 3 },
        ["llama, 7 layers, head width 12, large tower"] = new CheckpointShape { Decoder = DecoderKind.Llama, Layers = 7, Hidden = 120, Heads = 10, KvHeads = 5, LargeTower = true, TowerLayers = 3, Seed = 4, RopeTheta = 10_000 },
        ["qwen3, head width 20 of 48 / 6, 5 layers"] = new CheckpointShape { Decoder = DecoderKind.Qwen3, Layers = 5, OwnHeadDim = 20, Seed = 9 },
        ["qwen3, one key head, heads narrower than the hidden size, large tower"] = new CheckpointShape { Decoder = DecoderKind.Qwen3, Layers = 2, Hidden = 72, Heads = 4, KvHeads = 1, OwnHeadDim = 12, LargeTower = true, TileSize = 84, Seed = 10 },
        ["llama, head width of its own"] = new CheckpointShape { Decoder = DecoderKind.Llama, Hidden = 40, Heads = 4, OwnHeadDim = 16, Seed = 11 },
        ["phi3, long factors, head width 10"] = new CheckpointShape { Decoder = DecoderKind.Phi3, Layers = 4, Hidden = 40, Heads = 4, KvHeads = 4, OriginalMaxPositions = 16, Seed = 5 },
        ["phi3, short factors, grouped"] = new CheckpointShape { Decoder = DecoderKind.Phi3, Hidden = 64, Heads = 8, KvHeads = 2, Seed = 6 },
    };

    public static TheoryData<string> Names => [.. Shapes.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Generate_RandomCheckpoint_AgreesWithDoublePrecisionReference(string name)
    {
        var shape = Shapes[name];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await Runs.LoadAsync(folder.Path, "cpu", 0, 1);
        var prompt = Runs.Prompt(shape, 11, [5, 8], [3]);
        var reference = new ReferenceRun(shape, prompt);

        Close("features", await engine.FeaturesAsync(prompt.Prompt, CancellationToken.None), [.. reference.Features.SelectMany(r => r)], 1e-4);
        var trace = new GenerationTrace { ConsistencyRatios = [0.3, 0, 1] };
        var result = await Runs.GenerateAsync(engine, prompt.Prompt, Options(trace) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 });

        reference.AssertUnpruned(result, trace);
    }

    /// <summary>One token only: with every further one the base grows, and keys that are cached stay as they were rotated.</summary>
    [Theory]
    [InlineData("InternLm2", 3.0)]
    [InlineData("Qwen2", null)]
    public async Task Generate_PromptBeyondTheTrainedLength_AgreesWithDoublePrecisionReference(string decoder, double? factor)
    {
        var shape = new CheckpointShape { Decoder = Enum.Parse<DecoderKind>(decoder), Layers = 3, MaxPositions = 16, NtkFactor = factor, RopeTheta = 10_000, Seed = 8 };
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await VlmEngine.LoadAsync(new() { Checkpoint = folder.Path, KvBudgetMiB = 64, ImageTokenId = 3, MaxPromptTokens = 400 });
        var prompt = Runs.Prompt(shape, 12, [5, 30], [2]);
        var reference = new ReferenceRun(shape, prompt);

        var trace = new GenerationTrace();
        var result = await Runs.GenerateAsync(
            engine, prompt.Prompt, Options(trace) with { Sampling = new SamplingOptions { MaxNewTokens = 1, MinNewTokens = 1, StopTokenIds = [] }, Importance = new ImportanceOptions() });

        var pass = reference.Forward(result.TokenIds, []);
        Close("logits", Flat(trace.StepLogits), reference.StepLogits(result.TokenIds, pass), LogitTolerance);
        Close("importance", result.Importance!, reference.Importance(pass, reference.LastVisual, 1), ImportanceTolerance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Generate_SeveralPruneSteps_AgreesWithDoublePrecisionReference(string name)
    {
        var shape = Shapes[name];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        var last = shape.Layers - 1;
        await using var engine = await Runs.LoadAsync(folder.Path, "cpu*2", 0, 1, last);
        var prompt = Runs.Prompt(shape, 12, [4, 9], [2]);
        var reference = new ReferenceRun(shape, prompt);
        var n = prompt.Prompt.VisualTokenCount;
        var masks = new[] { Mask(n, i => i % 4 != 1), Mask(n, i => i % 2 == 0), Mask(n, i => i % 4 == 2) };
        (int Layer, KeepMask Mask)[][] plans =
        [
            [(0, masks[0])],
            [(last, masks[2])],
            [(0, masks[0]), (last, masks[1])],
            last > 1 ? [(0, masks[0]), (1, masks[1]), (last, masks[2])] : [(0, masks[1]), (1, masks[2])],
            [(1, KeepMask.FromIndices(n, []))],
        ];
        foreach (var plan in plans)
        {
            var trace = new GenerationTrace();
            var steps = PrunePlan.Create(plan.Select(p => new PruneStep(p.Layer, p.Mask)), shape.Layers, n);
            var result = await Runs.GenerateAsync(engine, prompt.Prompt, Options(trace) with { Plan = steps });
            Assert.Equal(NewTokens, result.TokenIds.Count);
            reference.AssertPruned(result, trace, plan, shape.Layers);
            Assert.Equal(plan[^1].Mask.Count, result.Usage.KeptVisualTokens);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Generate_TwoImages_AgreesWithDoublePrecisionReference(string name)
    {
        var shape = Shapes[name];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await Runs.LoadAsync(folder.Path, "cpu", 0, 1);
        var prompt = Runs.Prompt(shape, 13, [3, 4, 6], [1, 2]);
        var reference = new ReferenceRun(shape, prompt);
        var trace = new GenerationTrace();
        var result = await Runs.GenerateAsync(engine, prompt.Prompt, Options(trace) with { Importance = new ImportanceOptions() });
        reference.AssertUnpruned(result, trace);

        var n = prompt.Prompt.VisualTokenCount;
        var plan = new[] { (0, Mask(n, v => v % 3 != 0)), (1, Mask(n, v => v % 3 == 1)) };
        var pruned = new GenerationTrace();
        var answer = await Runs.GenerateAsync(
            engine, prompt.Prompt, Options(pruned) with { Plan = PrunePlan.Create(plan.Select(p => new PruneStep(p.Item1, p.Item2)), shape.Layers, n) });
        Close("pruned", Flat(pruned.StepLogits), reference.StepLogits(answer.TokenIds, reference.Forward(answer.TokenIds, plan)), LogitTolerance);
    }

    [Theory]
    [InlineData(0, 3000)]
    [InlineData(24, 3000)]
    [InlineData(5, 26)]
    public async Task Generate_ConsistencyBehindTextOfAnyLength_AgreesWithDoublePrecisionReference(int before, int originalMaxPositions)
    {
        // 5 + 12 + 8 prompt ids and 6 answer ids: at 26 the pass rotates by the long factors and the prefill by the short ones.
        var shape = new CheckpointShape { Decoder = DecoderKind.Phi3, Hidden = 64, Heads = 8, KvHeads = 2, OriginalMaxPositions = originalMaxPositions, Seed = 8 };
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await Runs.LoadAsync(folder.Path, "cpu*2", 0);
        var prompt = Runs.Prompt(shape, 14, [before, 8], [3]);
        var reference = new ReferenceRun(shape, prompt);
        var trace = new GenerationTrace { ConsistencyRatios = [0.5, 0, 0.25] };
        var result = await Runs.GenerateAsync(engine, prompt.Prompt, Options(trace) with { Importance = new ImportanceOptions() });
        foreach (var consistency in trace.Consistency)
        {
            var kept = KeepMask.FromImportance(result.Importance, consistency.Ratio);
            var pass = reference.Forward(result.TokenIds, [(0, kept)], lastToo: true);
            Assert.Equal(pass.Rows, consistency.Positions[0]);
            Close($"consistency at {consistency.Ratio}", consistency.Logits, reference.StepLogits(result.TokenIds, pass), LogitTolerance);
        }
    }

    private static GenerationOptions Options(GenerationTrace trace) => new()
    {
        Sampling = new SamplingOptions { MaxNewTokens = NewTokens, MinNewTokens = 0, StopTokenIds = [] },
        Trace = trace,
    };

    private static KeepMask Mask(int length, Func<int, bool> keep) => KeepMask.FromIndices(length, [.. Enumerable.Range(0, length).Where(keep)]);
}
