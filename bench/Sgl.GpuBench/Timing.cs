using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Text;

namespace Sgl.GpuBench;

/// <summary>Engines and prompts of random weights, and what running them takes.</summary>
internal static class Timing
{
    public const int Placeholder = 9;

    private const int TextBefore = 40, TextBehind = 40;

    public static async Task<VlmEngine> LoadAsync(string folder, GpuOptions options, string weights = "auto", bool importance = false, Action<EngineOptions>? change = null)
    {
        var settings = new EngineOptions
        {
            Checkpoint = folder,
            Placement = options.Device,
            ImageTokenId = Placeholder,
            Importance = importance,
            KvBudgetMiB = 8192,
            Weights = weights,
            VisionCacheMiB = 0,
            // A prompt in one piece, as the comparison runs it.
            PrefillChunk = 0,
        };
        change?.Invoke(settings);
        return await VlmEngine.LoadAsync(settings);
    }

    /// <summary>Text, visual tokens, text, all of them random; no picture.</summary>
    public static PreparedPrompt Prompt(VlmEngine engine, int rows)
    {
        var visual = rows - TextBefore - TextBehind;
        var random = new Random(rows);
        int[] ids =
        [
            .. Enumerable.Range(0, TextBefore).Select(_ => random.Next(10, engine.Model.VocabularySize)),
            .. Enumerable.Repeat(Placeholder, visual),
            .. Enumerable.Range(0, TextBehind).Select(_ => random.Next(10, engine.Model.VocabularySize)),
        ];
        var features = new float[visual * engine.Model.HiddenSize];
        for (var i = 0; i < features.Length; i++)
        {
            features[i] = random.NextSingle() - 0.5f;
        }

        return PreparedPrompt.FromFeatures(ids, [new ImageSpan(0, TextBefore, visual)], features, "");
    }

    public static GenerationOptions Options(int tokens, PrunePlan? plan = null, bool importance = false) => new()
    {
        Sampling = new SamplingOptions { MaxNewTokens = tokens, MinNewTokens = 0, StopTokenIds = [] },
        Plan = plan ?? PrunePlan.None,
        Importance = importance ? new ImportanceOptions() : null,
    };

    public static async Task<GenerationResult> RunAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("no result");
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return Math.Round(sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2, 3);
    }
}
