using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Text;

namespace Sgl.Bench;

/// <summary>What 8- and 4-bit weights change: the tokens that the demo pair's small model would keep, and the logits of true-width layers.</summary>
internal static class AccuracyBench
{
    private const double Retention = 0.2;
    private const int Visual = 96;

    // As real activations have them: single rows and single columns far larger than the others.
    private const int OutlierRow = 17, OutlierColumn = 61;
    private const float RowFactor = 50, ColumnFactor = 20;

    private static readonly (string Name, CheckpointShape Shape)[] Shapes =
    [
        ("InternVL2-1B", new CheckpointShape { Decoder = DecoderKind.Qwen2, Layers = 2, Hidden = 896, Heads = 14, KvHeads = 2, Inner = 4864, Vocabulary = 32768 }),
        ("InternVL2-2B", new CheckpointShape { Decoder = DecoderKind.InternLm2, Layers = 2, Hidden = 2048, Heads = 16, KvHeads = 8, Inner = 8192, Vocabulary = 32768 }),
        ("Qwen2-VL-2B", new CheckpointShape { Decoder = DecoderKind.Qwen2, Layers = 2, Hidden = 1536, Heads = 12, KvHeads = 2, Inner = 8960, Vocabulary = 32768 }),
    ];

    /// <summary>Overlap of the kept sets on the synthetic benchmark.</summary>
    public static async Task<Section> OverlapAsync(BenchOptions options)
    {
        var models = Repository.Path("models");
        var (small, large) = (Path.Combine(models, "sgl-demo-small"), Path.Combine(models, "sgl-demo-large"));
        Task<EngineSubject> LoadAsync(string weights) => EngineSubject.LoadAsync(
            new EngineOptions { Checkpoint = small, Weights = weights, PrefixCacheMiB = 0 }, new EngineOptions { Checkpoint = large, Weights = weights, PrefixCacheMiB = 0 }, null, CancellationToken.None);
        await using var exact = await LoadAsync("float32");
        await using var eight = await LoadAsync("int8");
        await using var four = await LoadAsync("int4");
        EngineSubject[] rounded = [eight, four];
        var data = Benchmarks.Named("synthetic").Read(Repository.Path("benchmarks", "synthetic"));
        List<double>[] overlaps = [.. rounded.Select(_ => new List<double>())];
        var sameAnswers = new int[rounded.Length];
        foreach (var question in data.Questions)
        {
            var a = await exact.LookAsync(question, CancellationToken.None);
            var kept = KeepMask.FromImportance(a.Importance, Retention);
            for (var r = 0; r < rounded.Length; r++)
            {
                var b = await rounded[r].LookAsync(question, CancellationToken.None);
                var other = KeepMask.FromImportance(b.Importance, Retention);
                overlaps[r].Add((double)Enumerable.Range(0, kept.Length).Count(i => kept[i] && other[i]) / kept.Count);
                sameAnswers[r] += a.Answer == b.Answer ? 1 : 0;
            }
        }

        var section = new Section(
            "Tokens kept at 20 % by the demo pair's small model with fewer bits and with float32", "share of the kept tokens that are the same; goal with 8 bits: at least 97 %",
            ["weights", "questions", "mean overlap", "worst question", "same answer"]);
        foreach (var ((kind, figure), r) in new[] { ("int8", "kept tokens that differ"), ("int4", "kept tokens that differ, int4") }.Select((k, r) => (k, r)))
        {
            section.Row(kind, $"{overlaps[r].Count}", $"{overlaps[r].Average():P2}", $"{overlaps[r].Min():P1}", $"{(double)sameAnswers[r] / overlaps[r].Count:P1}");
            section.Figure(figure, 1 - overlaps[r].Average());
        }

        return section;
    }

    /// <summary>Relative error of the logits on two layers of a true width, with outlier rows and columns.</summary>
    public static async Task<Section> LogitsAsync(BenchOptions options)
    {
        var section = new Section(
            $"Logits of two layers and a head of true width, {Sgl.Models.RowWise8.Bits}- and 4-bit weights against float32",
            $"|y - y32| / |y32|, mean over 6 prompts of {Visual} visual tokens. Outliers: every {OutlierRow}th row {RowFactor} times and every {OutlierColumn}st column {ColumnFactor} times larger",
            ["shape", "weights", "even activations", "outlier rows", "outlier rows and columns"]);
        foreach (var (name, shape) in Shapes)
        {
            var folder = FolderOf(name, shape, options);
            Task<VlmEngine> LoadAsync(string weights) => VlmEngine.LoadAsync(new EngineOptions { Checkpoint = folder, ImageTokenId = 3, Weights = weights, VisionCacheMiB = 0, PrefixCacheMiB = 0 });
            await using var exact = await LoadAsync("float32");
            await using var eight = await LoadAsync("int8");
            await using var four = await LoadAsync("int4");
            async Task<double> ErrorAsync(VlmEngine rounded, float row, float column)
            {
                var errors = new List<double>();
                for (var seed = 0; seed < 6; seed++)
                {
                    var prompt = Prompt(shape, seed, row, column);
                    var (a, b) = (await LogitsOfAsync(exact, prompt), await LogitsOfAsync(rounded, prompt));
                    errors.Add(Math.Sqrt(a.Zip(b, (x, y) => Math.Pow((double)x - y, 2)).Sum() / a.Sum(x => (double)x * x)));
                }

                return errors.Average();
            }

            foreach (var rounded in new[] { eight, four })
            {
                var kind = rounded.Model.Weights.Kind;
                var (even, rows, both) = (await ErrorAsync(rounded, 1, 1), await ErrorAsync(rounded, RowFactor, 1), await ErrorAsync(rounded, RowFactor, ColumnFactor));
                section.Row(name, kind, $"{even:P2}", $"{rows:P2}", $"{both:P2}");
                section.Figure($"logit error, {name}, outlier rows and columns{(kind == "int8" ? "" : $", {kind}")}", both);
            }
        }

        return section;
    }

    /// <summary>Writes the checkpoints that <see cref="LogitsAsync"/> needs.</summary>
    public static void Prepare(BenchOptions options) => Array.ForEach(Shapes, s => FolderOf(s.Name, s.Shape, options));

    private static string FolderOf(string name, CheckpointShape shape, BenchOptions options)
    {
        var folder = Path.Combine(options.Cache, "two-layers-" + name);
        if (!Directory.Exists(folder))
        {
            CheckpointWriter.Write(folder + ".partial", shape, StoredType.BFloat16);
            Directory.Move(folder + ".partial", folder);
        }

        return folder;
    }

    private static PreparedPrompt Prompt(CheckpointShape shape, int seed, float row, float column)
    {
        var random = new Random(seed);
        int[] ids = [.. Enumerable.Range(0, 8).Select(_ => random.Next(10, shape.Vocabulary)), .. Enumerable.Repeat(3, Visual), .. Enumerable.Range(0, 8).Select(_ => random.Next(10, shape.Vocabulary))];
        float[] features = [.. Enumerable.Range(0, Visual * shape.Hidden).Select(i =>
            (random.NextSingle() - 0.5f) * (i / shape.Hidden % OutlierRow == 0 ? row : 1) * (i % shape.Hidden % OutlierColumn == 0 ? column : 1))];
        return PreparedPrompt.FromFeatures(ids, [new ImageSpan(0, 8, Visual)], features);
    }

    private static async Task<float[]> LogitsOfAsync(VlmEngine engine, PreparedPrompt prompt)
    {
        var trace = new GenerationTrace();
        await foreach (var _ in engine.GenerateAsync(prompt, Measuring.Tokens(1) with { Trace = trace }, CancellationToken.None))
        {
        }

        return trace.StepLogits[0];
    }
}
