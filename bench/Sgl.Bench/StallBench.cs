using System.Diagnostics;
using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>How long answers under way wait for their next token while a long prompt is prefilled, and what cutting the prompt in chunks costs it.</summary>
internal static class StallBench
{
    private const int Streams = 2;

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            $"The longest prompt beside {Streams} answers under way", "longest gap between two tokens of an answer while the prompt is prefilled / time of one of its chunks, goal: at most 2 in chunks",
            ["prompt", "rows a chunk", "chunks", "prefill alone, ms", "alone / in one piece", "beside answers, ms", "a chunk, ms", "longest gap, ms", "gap / chunk", "gap / prefill alone in one piece"]);
        // The engine reads the setting before every chunk, so that one engine measures all of them in turns.
        var settings = new EngineOptions { KvBudgetMiB = 4096, VisionCacheMiB = 0, PrefixCacheMiB = 0 };
        await using var engine = await subject.OwnEngineAsync(settings);
        var prompts = await subject.PromptsAsync(large: true, engine);
        var (stream, (name, prompt)) = (prompts[0].Prompt, prompts[^1]);
        int[] chunks = [0, 64, 128, 256, 512];
        var alone = await Measuring.InterleavedAsync(options.Rounds, [.. chunks.Select(c => (Func<Task<Cost>>)(() => AloneAsync(c)))]);
        var beside = await Measuring.InterleavedAsync(options.Rounds, [.. chunks.Select(c => (Func<Task<Sample>>)(() => BesideAsync(c)))]);
        for (var c = 0; c < chunks.Length; c++)
        {
            var (samples, count) = (beside[c], beside[c][0].Chunks);
            var ratio = Measuring.Median(samples.Select(s => s.Gap / (s.Prefill / s.Chunks)));
            section.Row(
                name, chunks[c] == 0 ? "all" : $"{chunks[c]}", $"{count}", Measuring.Milliseconds(alone[c]), c == 0 ? "1" : Measuring.Ratio(alone[c], alone[0]),
                Milliseconds(samples, s => s.Prefill), Milliseconds(samples, s => s.Prefill / s.Chunks), Milliseconds(samples, s => s.Gap), $"**{ratio:0.00}**",
                $"{Measuring.Median(samples.Zip(alone[0], (s, a) => s.Gap / a.Wall)):0.000}");
            if (chunks[c] > 0)
            {
                section.Figure($"{name}, chunks of {chunks[c]}, prefill / in one piece", Measuring.MedianRatio(alone[c], alone[0]));
                section.Figure($"{name}, chunks of {chunks[c]}, longest gap / chunk", ratio);
            }
        }

        return section;

        async Task<Cost> AloneAsync(int chunk)
        {
            settings.PrefillChunk = chunk;
            return (await Measuring.PhasesAsync(engine, prompt, Measuring.Tokens(1))).Prefill;
        }

        async Task<Sample> BesideAsync(int chunk)
        {
            settings.PrefillChunk = chunk;
            using var stop = new CancellationTokenSource();
            var streams = Enumerable.Range(0, Streams).Select(_ => new TokenTimes()).ToList();
            var running = streams.ConvertAll(s => Task.Run(() => s.RunAsync(engine, stream, stop.Token)));
            await Task.WhenAll(streams.Select(s => s.Begun));
            var begin = Stopwatch.GetTimestamp();
            GenerationResult? result = null;
            await foreach (var generated in engine.GenerateAsync(prompt, Measuring.Tokens(1), CancellationToken.None))
            {
                result = (generated as GenerationEvent.Completed)?.Result ?? result;
            }

            // The gap that the last chunk ends.
            await Task.WhenAll(streams.Select(s => s.NextAsync(Stopwatch.GetTimestamp())));
            await stop.CancelAsync();
            await Task.WhenAll(running);
            return new Sample(result!.Timings.Prefill.TotalSeconds, result.Usage.PrefillChunks, streams.Max(s => s.LongestGap(begin, long.MaxValue)));
        }
    }

    private static string Milliseconds(IEnumerable<Sample> samples, Func<Sample, double> seconds) => $"{Measuring.Median(samples.Select(seconds)) * 1000:0}";

    /// <summary>A prefill beside answers.</summary>
    /// <param name="Prefill">Seconds of its own chunks.</param>
    /// <param name="Chunks">How many they were.</param>
    /// <param name="Gap">Longest gap between two tokens of an answer meanwhile, seconds.</param>
    private readonly record struct Sample(double Prefill, int Chunks, double Gap);
}
