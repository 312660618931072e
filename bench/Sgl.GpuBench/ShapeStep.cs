using System.Diagnostics;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.GpuBench;

/// <summary>A model's shape with weights of 16, 8 and 4 bits: loading, prefill at 100, 35 and 9 % retention, decoding alone and eight at once, importance on and off, the vision tower.</summary>
internal static class ShapeStep
{
    private const int NewTokens = 65, Together = 8, Tile = 448;

    public static async Task RunAsync(RandomFolder shape, GpuOptions options, Results results)
    {
        var clock = Stopwatch.StartNew();
        var folder = shape.Make(options.Cache, options.Sparse);
        results.Add(new { What = "folder", Gib = Math.Round(new FileInfo(Path.Combine(folder, "model.safetensors")).Length / (double)(1L << 30), 2), Seconds = clock.Elapsed.TotalSeconds });
        // 7 tiles and 13, as pages of documents have them.
        var rows = shape.Name == "2b" ? 1872 : 3408;
        foreach (var weights in new[] { "auto", "int8", "int4" })
        {
            await results.TryAsync(weights, () => MeasureAsync(folder, rows, weights, importance: false, options, results));
        }

        await results.TryAsync("importance", () => MeasureAsync(folder, rows, "auto", importance: true, options, results));
    }

    private static async Task MeasureAsync(string folder, int rows, string weights, bool importance, GpuOptions options, Results results)
    {
        var clock = Stopwatch.StartNew();
        var before = Used(options);
        await using var engine = await Timing.LoadAsync(folder, options, weights, importance);
        results.Add(new
        {
            What = "load",
            Weights = weights,
            Importance = importance,
            Kind = engine.Model.Weights.ToString(),
            Seconds = clock.Elapsed.TotalSeconds,
            WeightsBytes = engine.Model.Weights.Bytes,
            DeviceBytes = Used(options) - before,
        });
        var prompt = Timing.Prompt(engine, rows);
        foreach (var retention in importance ? new[] { 1.0 } : [1, 0.35, 0.09])
        {
            var plan = Plan(engine, prompt, retention);
            await Timing.RunAsync(engine, prompt, Timing.Options(2, plan, importance));
            var runs = new List<GenerationResult>();
            for (var round = 0; round < options.Rounds; round++)
            {
                runs.Add(await Timing.RunAsync(engine, prompt, Timing.Options(NewTokens, plan, importance)));
            }

            results.Add(new
            {
                What = "alone",
                Weights = weights,
                Importance = importance,
                Rows = rows,
                Retention = retention,
                PrefillMs = Timing.Median(runs.Select(r => r.Timings.Prefill.TotalMilliseconds)),
                DecodeMsPerToken = Timing.Median(runs.Select(r => r.Timings.Decode.TotalMilliseconds / (NewTokens - 1))),
                TotalMs = Timing.Median(runs.Select(r => r.Timings.Total.TotalMilliseconds)),
            });
        }

        await TogetherAsync(engine, rows, weights, importance, results);
        results.Add(new { What = "memory", Weights = weights, Importance = importance, DeviceBytes = Used(options) - before });
        if (weights == "auto" && !importance)
        {
            await TowerAsync(engine, options, results);
        }
    }

    /// <summary>The time of a step of eight is what eight answers take together beyond what they take with half as many tokens.</summary>
    private static async Task TogetherAsync(VlmEngine engine, int rows, string weights, bool importance, Results results)
    {
        var prompts = Enumerable.Range(0, Together).Select(i => Timing.Prompt(engine, rows - i)).ToList();
        async Task<double> SecondsAsync(int tokens)
        {
            var clock = Stopwatch.StartNew();
            await Task.WhenAll(prompts.Select(p => Timing.RunAsync(engine, p, Timing.Options(tokens, importance: importance))));
            return clock.Elapsed.TotalSeconds;
        }

        await SecondsAsync(2);
        var (few, many) = (await SecondsAsync(NewTokens), await SecondsAsync(3 * NewTokens));
        results.Add(new { What = "eight together", Weights = weights, Importance = importance, Rows = rows, StepMs = (many - few) * 1000 / (2 * NewTokens), WholeSeconds = few });
    }

    private static async Task TowerAsync(VlmEngine engine, GpuOptions options, Results results)
    {
        foreach (var tiles in new[] { 1, 12 })
        {
            var seconds = new List<double>();
            for (var round = -1; round < options.Rounds; round++)
            {
                var pixels = new byte[tiles * Tile * Tile * 3];
                new Random(round).NextBytes(pixels);
                var image = engine.Preprocess(new RgbImage(tiles * Tile, Tile, pixels));
                var visual = image.Layout.TokenCount;
                var prompt = new PreparedPrompt([.. Enumerable.Repeat(Timing.Placeholder, visual)], [new ImageSpan(0, 0, visual)], [image]) { CacheScope = "" };
                var clock = Stopwatch.StartNew();
                await engine.EncodeAsync(prompt, CancellationToken.None);
                if (round >= 0)
                {
                    seconds.Add(clock.Elapsed.TotalSeconds);
                }
            }

            // With more than one tile an overview is one of them.
            results.Add(new { What = "tower", Tiles = tiles == 1 ? 1 : tiles + 1, Ms = Timing.Median(seconds.Select(s => s * 1000)) });
        }
    }

    private static PrunePlan Plan(VlmEngine engine, PreparedPrompt prompt, double retention)
    {
        var layers = engine.Model.Layers;
        var (layer, ratio) = PruneSchedule.ForAverage(layers, retention);
        // Stages begin where the paper's layers are.
        layer = engine.Model.PruneLayers.Append(layers).MinBy(l => Math.Abs(l - layer));
        return layer >= layers || ratio >= 1
            ? PrunePlan.None
            : PrunePlan.Create([new PruneStep(layer, KeepMask.FromImportance([.. Enumerable.Range(0, prompt.VisualTokenCount).Select(i => (float)(i % 97))], ratio))], layers, prompt.VisualTokenCount);
    }

    private static long Used(GpuOptions options)
    {
        _ = DeviceId.TryParse(options.Device, out var device);
        var (free, total) = CudaRuntime.Memory(device.Index);
        return total - free;
    }
}
