using System.Diagnostics;
using System.Numerics.Tensors;
using System.Text.Json;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.GpuBench;

/// <summary>The demo pair on the CPU in float32 against the GPU in bfloat16 and float16, with weights of 16, 8 and 4 bits: features, logits, likeliest ids, importance, kept sets, scores.</summary>
internal static class CorrectnessStep
{
    // Of each model; PyTorch's own values for them are in models/parity.json.
    private const int MostCases = 8;

    private static readonly double[] Ratios = [0.35, 0.2, 0.09, 0.05];

    public static async Task RunAsync(GpuOptions options, Results results)
    {
        foreach (var name in new[] { "sgl-demo-small", "sgl-demo-large" })
        {
            var questions = Questions(options, name);
            var clock = Stopwatch.StartNew();
            await using var exact = await VlmEngine.LoadAsync(Settings(options, name, "cpu", "float32", "auto"));
            results.Add(new { Model = name, On = "cpu", LoadSeconds = clock.Elapsed.TotalSeconds });
            var expected = new List<Seen>();
            foreach (var question in questions)
            {
                expected.Add(await SeeAsync(exact, question));
            }

            foreach (var (type, weights) in new[] { ("bfloat16", "auto"), ("float16", "auto"), ("bfloat16", "int8"), ("float16", "int4") })
            {
                await results.TryAsync($"{name} in {type} with weights {weights}", async () =>
                {
                    clock.Restart();
                    await using var engine = await VlmEngine.LoadAsync(Settings(options, name, options.Device, weights, type));
                    var loaded = clock.Elapsed.TotalSeconds;
                    var found = new List<Seen>();
                    foreach (var question in questions)
                    {
                        found.Add(await SeeAsync(engine, question));
                    }

                    Compare(name, type, weights, engine.Model.Weights.ToString(), loaded, expected, found, results);
                });
            }
        }
    }

    private static void Compare(string model, string type, string weights, string kind, double loaded, List<Seen> expected, List<Seen> found, Results results)
    {
        var pairs = expected.Zip(found, (e, f) => (Expected: e, Found: f)).ToList();
        int steps = 0, same = 0;
        foreach (var (e, f) in pairs)
        {
            // Behind another id both see other texts.
            var seen = e.Ids.Zip(f.Ids).TakeWhile(p => p.First == p.Second).Count() + 1;
            for (var i = 0; i < Math.Min(seen, Math.Min(e.Logits.Count, f.Logits.Count)); i++, steps++)
            {
                same += TensorPrimitives.IndexOfMax<float>(e.Logits[i]) == TensorPrimitives.IndexOfMax<float>(f.Logits[i]) ? 1 : 0;
            }
        }

        results.Add(new
        {
            Model = model,
            Type = type,
            Weights = weights,
            Kind = kind,
            LoadSeconds = loaded,
            Questions = pairs.Count,
            FeaturesError = pairs.Max(p => Error(p.Found.Features, p.Expected.Features)),
            FirstLogitsError = pairs.Max(p => Error(p.Found.Logits[0], p.Expected.Logits[0])),
            LargestLogitDifference = pairs.Max(p => p.Found.Logits[0].Zip(p.Expected.Logits[0], (a, b) => Math.Abs((double)a - b)).Max()),
            ImportanceError = pairs.Max(p => Error(p.Found.Importance, p.Expected.Importance)),
            Steps = steps,
            ArgmaxAgreement = (double)same / Math.Max(1, steps),
            SameAnswers = pairs.Count(p => p.Found.Ids.SequenceEqual(p.Expected.Ids)),
            KeptOverlap = Ratios.ToDictionary(r => r.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture), r => pairs.Average(p => Overlap(p.Found.Importance, p.Expected.Importance, r))),
            LargestScoreDifference = pairs.Max(p => Math.Abs(p.Found.Decision - p.Expected.Decision)),
        });
    }

    /// <summary>|found - expected| / |expected|.</summary>
    private static double Error(float[] found, float[] expected) =>
        Math.Sqrt(found.Zip(expected, (f, e) => Math.Pow((double)f - e, 2)).Sum() / expected.Sum(e => (double)e * e));

    private static double Overlap(float[] found, float[] expected, double ratio)
    {
        var kept = KeepMask.FromImportance(expected, ratio).Indices();
        return (double)kept.Intersect(KeepMask.FromImportance(found, ratio).Indices()).Count() / kept.Length;
    }

    private static async Task<Seen> SeeAsync(VlmEngine engine, PromptInput question)
    {
        var prompt = await engine.PrepareAsync(question, CancellationToken.None);
        var features = await engine.FeaturesAsync(prompt, CancellationToken.None);
        var trace = new GenerationTrace();
        var options = new GenerationOptions { Trace = trace, Importance = new ImportanceOptions(), ConsistencyRatio = 0.05, Sampling = new SamplingOptions { MaxNewTokens = 16 } };
        var result = await Timing.RunAsync(engine, prompt, options);
        return new Seen(features, trace.StepLogits, result.TokenIds, result.Importance!, result.Scores!.Decision);
    }

    private static EngineOptions Settings(GpuOptions options, string name, string placement, string weights, string type)
    {
        var settings = new EngineOptions { Checkpoint = Path.Combine(options.Root, "models", name), Placement = placement, Weights = weights, VisionCacheMiB = 0, PrefixCacheMiB = 0, KvBudgetMiB = 1024 };
        settings.Cuda.ComputeType = type;
        return settings;
    }

    private static List<PromptInput> Questions(GpuOptions options, string name)
    {
        using var parity = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(options.Root, "models", "parity.json")));
        return [.. parity.RootElement.GetProperty(name).EnumerateArray().Take(MostCases).Select(c => new PromptInput
        {
            Images = [new ImageDecoder(new ImageDecoderOptions()).Decode(File.ReadAllBytes(Path.Combine(options.Root, "samples", c.GetProperty("image").GetString()!)))],
            Messages = [new ChatMessage(ChatRole.User, [new ChatPart.Text(c.GetProperty("question").GetString()!)])],
            CacheScope = "",
        })];
    }

    /// <summary>What a run showed.</summary>
    private sealed record Seen(float[] Features, IList<float[]> Logits, IReadOnlyList<int> Ids, float[] Importance, double Decision);
}
