using System.Diagnostics;
using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>Decoding of eight sequences in one batch, against one by one.</summary>
internal static class BatchBench
{
    private const int Sequences = 8;

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: true);
        var section = new Section(
            $"{Sequences} sequences decoded in one batch, against one by one", "tokens per second together / alone, while all of them decode",
            ["prompt", "alone, tokens/s", "together, tokens/s", "ratio"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: true))
        {
            var s = await Measuring.InterleavedAsync(options.Rounds, async () => [await AloneAsync(engine, prompt, options.Tokens)], async () => [await TogetherAsync(engine, prompt, options.Tokens)]);
            section.Row(name, $"{Measuring.Median(s[0]):0.00}", $"{Measuring.Median(s[1]):0.00}", Measuring.Ratio(s[1], s[0]));
        }

        return section;
    }

    private static async Task<double> AloneAsync(VlmEngine engine, PreparedPrompt prompt, int tokens)
    {
        var result = await Measuring.GenerateAsync(engine, prompt, Measuring.Tokens(tokens));
        return (tokens - 1) / result.Timings.Decode.TotalSeconds;
    }

    private static async Task<double> TogetherAsync(VlmEngine engine, PreparedPrompt prompt, int tokens)
    {
        // Prompts come in one by one between decode steps: the first sequences run so much longer that all eight overlap for the wanted steps.
        var times = await Task.WhenAll(Enumerable.Range(0, Sequences).Select(_ => Task.Run(() => TimesAsync(engine, prompt, tokens + Sequences))));
        var begin = times.Max(t => t[0]);
        var end = times.Min(t => t[^1]);
        return times.Sum(t => t.Count(x => x > begin && x <= end)) / Stopwatch.GetElapsedTime(begin, end).TotalSeconds;
    }

    /// <summary>When each token came.</summary>
    private static async Task<List<long>> TimesAsync(VlmEngine engine, PreparedPrompt prompt, int tokens)
    {
        var times = new List<long>();
        await foreach (var generated in engine.GenerateAsync(prompt, Measuring.Tokens(tokens), CancellationToken.None))
        {
            if (generated is GenerationEvent.Token)
            {
                times.Add(Stopwatch.GetTimestamp());
            }
        }

        return times;
    }
}
