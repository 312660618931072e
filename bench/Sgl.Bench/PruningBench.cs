using Sgl.Guidance;
using Sgl.Models;

namespace Sgl.Bench;

/// <summary>Prefill of the large model at the paper's settings, against what counting operations predicts.</summary>
internal static class PruningBench
{
    private static readonly int[] Retentions = [35, 9];

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: true);
        var section = new Section(
            "Prefill of the large model at the paper's settings", "time / time at 100 %; predicted: multiplications of the layers' matrices and of causal attention, and of the head for one row",
            ["prompt", "setting", "K, r", "prefill, ms", "predicted", "measured", "measured / predicted"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: true))
        {
            var n = prompt.VisualTokenCount;
            var random = new Random(5);
            float[] ranking = [.. Enumerable.Range(0, n).Select(_ => random.NextSingle())];
            var layers = engine.Model.Layers;
            var settings = Retentions.Select(PruneSchedule.Paper).ToList();
            var plans = settings.Select(p => PrunePlan.Create([new PruneStep(p.Layer(layers), KeepMask.FromImportance(ranking, p.KeepRatio))], layers, n)).Prepend(PrunePlan.None).ToList();
            var s = await Measuring.InterleavedAsync(options.Rounds, [.. plans.Select<PrunePlan, Func<Task<Cost>>>(plan => async () =>
                (await Measuring.PhasesAsync(engine, prompt, Measuring.Tokens(1) with { Plan = plan })).Prefill)]);
            var config = subject.Config(large: true);
            var full = Operations(config, prompt.Ids.Length, n, PrunePlan.None);
            section.Row(name, "100 %", "", Measuring.Milliseconds(s[0]), "1", "1", "");
            for (var i = 0; i < settings.Count; i++)
            {
                var predicted = Operations(config, prompt.Ids.Length, n, plans[i + 1]) / full;
                var measured = Measuring.MedianRatio(s[i + 1], s[0]);
                section.Row(
                    name, $"{settings[i].Percent} %", $"{settings[i].Layer(layers)}, {settings[i].KeepRatio}", Measuring.Milliseconds(s[i + 1]), $"{predicted:0.000}",
                    Measuring.Ratio(s[i + 1], s[0]), $"{measured / predicted:0.00}");
            }
        }

        return section;
    }

    /// <summary>Multiplications of one prefill: per layer its matrices for every row and attention to every earlier row, then the head.</summary>
    private static double Operations(LanguageModelConfig config, int promptTokens, int visualTokens, PrunePlan plan)
    {
        double hidden = config.HiddenSize, kv = config.KvHeads * config.HeadDim;
        var sum = hidden * config.VocabularySize;
        for (var layer = 0; layer < config.Layers; layer++)
        {
            double rows = promptTokens - visualTokens + (plan.MaskAt(layer)?.Count ?? visualTokens);
            var matrices = (2 * hidden * hidden) + (2 * hidden * kv) + (3 * hidden * config.IntermediateSize);
            sum += (rows * matrices) + (rows * (rows + 1) * hidden);
        }

        return sum;
    }
}
