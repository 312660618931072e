using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Verification.Tests.Reference;
using Sgl.Vision;
using static Sgl.Verification.Tests.Reference.Compare;

namespace Sgl.Verification.Tests;

/// <summary>Random Qwen2.5-VL and Qwen3-VL checkpoints against the double-precision reference, above all where DeepStack meets pruning, stages, cache and batches.</summary>
public class QwenCheckpointTests
{
    private const int NewTokens = 5;

    private static readonly Dictionary<string, QwenShape> Shapes = new()
    {
        ["2.5, windows of two tokens, one full block"] = new QwenShape(),
        ["2.5, windows of three tokens and a rest, tied"] = new QwenShape { Window = 27, FullBlocks = [], Tied = true, Heads = 3, KvHeads = 3, HeadDim = 16, Sections = [2, 3, 3], Seed = 2 },
        ["2.5, windows beyond the image"] = new QwenShape { Window = 4000, FullBlocks = [0, 7], TowerHeads = 4, TowerLayers = 2, Seed = 3 },
        ["3, DeepStack behind three layers"] = new QwenShape { Third = true, HeadDim = 20, Sections = [4, 3, 3], Seed = 4 },
        ["3, DeepStack of four blocks in another order"] = new QwenShape { Third = true, Layers = 6, KvHeads = 1, TowerLayers = 5, DeepStack = [3, 0, 4, 1], TableSide = 9, Tied = true, Seed = 5 },
        ["3, more DeepStack than layers"] = new QwenShape { Third = true, Layers = 2, KvHeads = 4, Eps = 1e-3, Seed = 6 },
        ["3, no DeepStack"] = new QwenShape { Third = true, Layers = 3, DeepStack = [], TableSide = 3, Seed = 7 },
    };

    public static TheoryData<string, string> Placed
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (name, shape) in Shapes)
            {
                data.Add(name, "cpu");
                data.Add(name, shape.Layers < 3 ? "cpu*2" : "cpu*3");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Placed))]
    public async Task Generate_TwoImages_AgreesWithDoublePrecisionReference(string name, string placement)
    {
        var shape = Shapes[name];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, placement);
        var prompt = Prompt(shape, 11, [3, 4, 6], [(6, 10), (4, 4)]);
        var reference = new QwenReference(shape, prompt);
        var features = Enumerable.Range(0, prompt.VisualTokenCount).SelectMany(t => reference.Features.SelectMany(part => part[t]));
        Close("features", await engine.FeaturesAsync(prompt, CancellationToken.None), [.. features], 1e-4);

        var trace = new GenerationTrace { ConsistencyRatios = [0.4, 0.1, 0, 1] };
        var result = await Runs.GenerateAsync(engine, prompt, Options(trace) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 });
        reference.AssertUnpruned(result, trace);
    }

    [Theory]
    [MemberData(nameof(Placed))]
    public async Task Generate_PrunedInEveryLayer_AgreesWithDoublePrecisionReference(string name, string placement)
    {
        var shape = Shapes[name];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, placement, [.. Enumerable.Range(0, shape.Layers)]);
        var prompt = Prompt(shape, 12, [4, 2, 5], [(4, 8), (6, 6)]);
        var reference = new QwenReference(shape, prompt);
        var n = prompt.VisualTokenCount;
        var masks = new[] { Mask(n, i => i % 4 != 1), Mask(n, i => i % 2 == 0), Mask(n, i => i % 4 == 2), Mask(n, i => i == 6) };
        var last = shape.Layers - 1;
        List<(int Layer, KeepMask Mask)[]> plans =
        [
            .. Enumerable.Range(0, shape.Layers).Select(layer => new[] { (layer, masks[2]) }),
            [(0, masks[0]), (1, masks[1])],
            [(last, KeepMask.FromIndices(n, []))],
            [(0, KeepMask.FromIndices(n, []))],
        ];
        if (last > 2)
        {
            plans.Add([(0, masks[0]), (1, masks[1]), (2, masks[2]), (last, masks[3])]);
            plans.Add([(1, masks[0]), (2, masks[3])]);
        }

        foreach (var plan in plans)
        {
            var trace = new GenerationTrace();
            var steps = PrunePlan.Create(plan.Select(p => new PruneStep(p.Layer, p.Mask)), shape.Layers, n);
            var result = await Runs.GenerateAsync(engine, prompt, Options(trace) with { Plan = steps });
            Assert.Equal(NewTokens, result.TokenIds.Count);
            reference.AssertPruned(result, trace, plan, shape.Layers);
        }
    }

    [Fact]
    public async Task Generate_ImagesOutOfTheVisionCache_KeepTheirDeepStack()
    {
        var shape = Shapes["3, DeepStack behind three layers"];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, "cpu*2", 0, 1, 2);
        var first = Prompt(shape, 13, [3, 2, 4], [(4, 6), (2, 8)]);
        var again = new PreparedPrompt(Ids(shape, 14, [2, 1, 5], 4, 6), [new ImageSpan(0, 2, 4), new ImageSpan(1, 7, 6)], [first.Images[1], first.Images[0]]);
        await Runs.GenerateAsync(engine, first, Options(new GenerationTrace()));

        var reference = new QwenReference(shape, again);
        var mask = Mask(10, i => i is 1 or 5 or 6 or 9);
        foreach (var layer in new[] { 0, 1, 2 })
        {
            var trace = new GenerationTrace();
            var result = await Runs.GenerateAsync(
                engine, again, Options(trace) with { Plan = PrunePlan.Create([new PruneStep(layer, mask)], shape.Layers, 10) });
            Assert.Equal(10, result.Usage.CachedVisualTokens);
            Close($"layer {layer}", Flat(trace.StepLogits), reference.StepLogits(result.TokenIds, reference.Forward(result.TokenIds, [(layer, mask)])), LogitTolerance);
        }
    }

    [Fact]
    public async Task Generate_WithAndWithoutImagesAtOnce_GiveWhatTheReferenceGives()
    {
        var shape = Shapes["3, DeepStack of four blocks in another order"];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, "0-1:cpu,2-5:cpu:1", 0, 1, 2, 3);
        var requests = Enumerable.Range(0, 10).Select(i =>
        {
            (int, int)[] grids = (i % 3) switch { 0 => [], 1 => [(4 + (i % 4 * 2), 6)], _ => [(2, 4), (6, 4 + i)] };
            grids = [.. grids.Select(g => (g.Item1, g.Item2 / 2 * 2))];
            var prompt = Prompt(shape, 20 + i, [.. Enumerable.Range(0, grids.Length + 1).Select(t => 2 + ((i + t) % 5))], grids);
            var n = prompt.VisualTokenCount;
            (int Layer, KeepMask Mask)[] plan = n == 0 || i % 4 == 0 ? [] : [(i % 4, Mask(n, v => v % 3 == i % 3))];
            return (Prompt: prompt, Plan: plan, Steps: plan.Length == 0 ? PrunePlan.None : PrunePlan.Create(plan.Select(p => new PruneStep(p.Layer, p.Mask)), shape.Layers, n));
        }).ToList();

        var traces = requests.ConvertAll(_ => new GenerationTrace());
        var results = await Task.WhenAll(requests.Select((r, i) => Task.Run(() => Runs.GenerateAsync(engine, r.Prompt, Options(traces[i], NewTokens + i) with { Plan = r.Steps }))));
        for (var i = 0; i < requests.Count; i++)
        {
            var reference = new QwenReference(shape, requests[i].Prompt);
            var pass = reference.Forward(results[i].TokenIds, requests[i].Plan);
            reference.AssertGreedy(results[i].TokenIds, pass);
            Close($"request {i}", Flat(traces[i].StepLogits), reference.StepLogits(results[i].TokenIds, pass), LogitTolerance);
        }
    }

    [Fact]
    public async Task Generate_DraftBehindAPrunedPrompt_ChangesNothing()
    {
        var shape = Shapes["3, DeepStack behind three layers"];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, "cpu*3", 1);
        var prompt = Prompt(shape, 15, [3, 4], [(6, 6)]);
        var plan = PrunePlan.Create([new PruneStep(1, Mask(9, i => i % 2 == 1))], shape.Layers, 9);
        var options = Options(new GenerationTrace(), 8) with { Plan = plan };
        var alone = await Runs.GenerateAsync(engine, prompt, options);
        var drafted = await Runs.GenerateAsync(engine, prompt, options with { Trace = null, Draft = [.. alone.TokenIds.Take(5), 95] });
        Assert.Equal(alone.TokenIds, drafted.TokenIds);
        Assert.Equal(alone.Usage.KvLengths, drafted.Usage.KvLengths);
        Assert.InRange(drafted.Usage.AcceptedDraftTokens, 5, 6);
    }

    [Fact]
    public async Task Generate_FeaturesWithoutTheirDeepStack_AreRefused()
    {
        var shape = Shapes["3, DeepStack behind three layers"];
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, "cpu");
        var prompt = PreparedPrompt.FromFeatures([5, 3, 6], [new ImageSpan(0, 1, 1)], new float[shape.Hidden]);
        var error = await Assert.ThrowsAsync<ArgumentException>(() => Runs.GenerateAsync(engine, prompt, Options(new GenerationTrace())));
        Assert.Contains($"{4 * shape.Hidden} numbers", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "BFloat16")]
    [InlineData(3, "Float16")]
    public async Task Generate_ShardsOfHalfPrecision_AgreesWithDoublePrecisionReference(int shards, string type)
    {
        var stored = Enum.Parse<StoredType>(type);
        foreach (var shape in new[] { Shapes["2.5, windows of two tokens, one full block"], Shapes["3, DeepStack behind three layers"] })
        {
            using var folder = new TemporaryFolder();
            CheckpointWriter.Write(folder.Path, shape, stored, shards);
            await using var engine = await LoadAsync(folder.Path, "cpu", 1);
            var prompt = Prompt(shape, 16, [3, 4], [(6, 6)]);
            var reference = new QwenReference(shape, prompt, stored);
            var trace = new GenerationTrace();
            var mask = Mask(9, i => i % 2 == 1);
            var result = await Runs.GenerateAsync(engine, prompt, Options(trace) with { Plan = PrunePlan.Create([new PruneStep(1, mask)], shape.Layers, 9) });
            Close("logits", Flat(trace.StepLogits), reference.StepLogits(result.TokenIds, reference.Forward(result.TokenIds, [(1, mask)])), LogitTolerance);
        }
    }

    /// <summary>The tower would take half a minute and more; its run ends with its caller.</summary>
    [Fact]
    public async Task VisionLastHidden_CallerGoesAway_TheRunEndsToo()
    {
        var shape = new QwenShape { Third = true, TowerLayers = 80, TowerHidden = 64, DeepStack = [0], Layers = 1, Seed = 9 };
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, shape);
        await using var engine = await LoadAsync(folder.Path, "cpu");
        using var gone = new CancellationTokenSource();
        var run = engine.VisionLastHiddenAsync(Prompt(shape, 17, [1, 1], [(96, 96)]), gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);

        using var later = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.VisionLastHiddenAsync(Prompt(shape, 17, [1, 1], [(96, 96)]), later.Token));
        Assert.Single(await engine.VisionLastHiddenAsync(Prompt(shape, 18, [1, 1], [(2, 2)]), CancellationToken.None));
    }

    /// <summary>Two generations with equal patches and limits: what the one found important, the other keeps.</summary>
    [Fact]
    public async Task Generate_Qwen2VlGuidesQwen25Vl_KeepsTheTokensOfTheGuide()
    {
        using var folder = new TemporaryFolder();
        var small = Copy(Path.Combine(GoldenTests.Committed, "checkpoints", "small-qwen2vl"), folder.Combine("small"));
        var large = Copy(Path.Combine(GoldenTests.Committed, "checkpoints", "small-qwen25vl"), folder.Combine("large"));
        await using var guide = await LoadAsync(small, "cpu");
        await using var guided = await LoadAsync(large, "cpu*2", 1);
        Assert.Equal(guide.Model.VisualLayoutKey, guided.Model.VisualLayoutKey);
        var random = new Random(3);
        var pixels = new byte[90 * 200 * 3];
        random.NextBytes(pixels);
        var image = new RgbImage(200, 90, pixels);
        var (seen, given) = (guide.Preprocess(image), guided.Preprocess(image));
        Assert.Equal(seen.Layout.TokenCount, given.Layout.TokenCount);
        Assert.Equal(seen.Grid, given.Grid);

        var n = seen.Layout.TokenCount;
        int[] ids = [7, 8, .. Enumerable.Repeat(505, n), 9, 10, 11];
        var answer = await Runs.GenerateAsync(guide, new PreparedPrompt(ids, [new ImageSpan(0, 2, n)], [seen]), Options(new GenerationTrace()) with { Importance = new ImportanceOptions() });
        var mask = KeepMask.FromImportance(answer.Importance!, 0.3);
        var plan = PrunePlan.Create([new PruneStep(1, mask)], guided.Model.Layers, n);
        var result = await Runs.GenerateAsync(
            guided, new PreparedPrompt([1, .. ids], [new ImageSpan(0, 3, n)], [given]), Options(new GenerationTrace()) with { Plan = plan, Draft = [.. answer.TokenIds] });
        Assert.Equal(mask.Count, result.Usage.KeptVisualTokens);
        Assert.Equal(ids.Length + 1 + NewTokens - 1, result.Usage.KvLengths[0]);
        Assert.All(result.Usage.KvLengths.Skip(1), length => Assert.Equal(ids.Length + 1 - n + mask.Count + NewTokens - 1, length));
    }

    /// <summary>A checkpoint with pixel limits of both.</summary>
    private static string Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(to, "preprocessor_config.json"), """{"patch_size":14,"merge_size":2,"min_pixels":3136,"max_pixels":40000}""");
        return to;
    }

    private static Task<VlmEngine> LoadAsync(string folder, string placement, params int[] pruneLayers) => Runs.LoadAsync(folder, placement, pruneLayers);

    /// <summary>Text, then each image followed by text.</summary>
    private static PreparedPrompt Prompt(QwenShape shape, int seed, int[] text, (int H, int W)[] grids)
    {
        var random = new Random(seed);
        var images = new List<VisualInput>();
        var spans = new List<ImageSpan>();
        var start = text[0];
        for (var i = 0; i < grids.Length; i++)
        {
            var (h, w) = grids[i];
            var tokens = h / 2 * (w / 2);
            images.Add(new VisualInput
            {
                PixelValues = [.. Enumerable.Range(0, h * w * shape.PatchValues).Select(_ => (random.NextSingle() * 3.4f) - 1.7f)],
                Shape = [h * w, shape.PatchValues],
                Layout = new VisualLayout(w, h, [new VisualTile(0, TileKind.Image, 0, h / 2, w / 2, 0, 0, w, h)]),
                Grid = (1, h, w),
            });
            spans.Add(new ImageSpan(i, start, tokens));
            start += tokens + text[i + 1];
        }

        return new PreparedPrompt(Ids(shape, seed, text, [.. spans.Select(s => s.Count)]), spans, images);
    }

    private static int[] Ids(QwenShape shape, int seed, int[] text, params int[] visual)
    {
        var random = new Random(seed);
        return [.. text.SelectMany((count, i) => Enumerable.Range(0, count).Select(_ => random.Next(5, shape.Vocabulary)).Concat(i < visual.Length ? Enumerable.Repeat(3, visual[i]) : []))];
    }

    private static GenerationOptions Options(GenerationTrace trace, int tokens = NewTokens) => new()
    {
        Sampling = new SamplingOptions { MaxNewTokens = tokens, MinNewTokens = 0, StopTokenIds = [] },
        Trace = trace,
    };

    private static KeepMask Mask(int length, Func<int, bool> keep) => KeepMask.FromIndices(length, [.. Enumerable.Range(0, length).Where(keep)]);
}
