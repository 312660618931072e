using System.Diagnostics;
using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>How long answers under way wait for their next token while a long prompt is prefilled, and what cutting the prompt in chunks costs it.</summary>
internal static class StallBench
{
    private const int Streams = 2;

    // Steps that tell what one costs.
    private static readonly TimeSpan Before = TimeSpan.FromSeconds(0.5);

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            $"The longest prompt beside {Streams} answers under way",
            "between two tokens of an answer lie one chunk and one decode step; a chunk is the prompt's prefill alone, cut alike, divided by its chunks, a step is what lies between two tokens before the prompt "
            + "comes. On the clock the longest gap / a chunk, goal: at most 2; in processor time, which other programs disturb less, the median gap / (a chunk and a step), and / a chunk",
            ["prompt", "rows a chunk", "chunks", "prefill alone, ms", "alone / in one piece", "a chunk, ms", "a step, ms", "longest gap, ms", "longest gap / chunk", "median gap / (chunk + step), processor", "median gap / chunk, processor", "longest gap / prefill alone in one piece"]);
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
            (Sample Beside, Cost Chunk)[] rounds = [.. beside[c].Zip(alone[c], (b, a) => (b, new Cost(a.Wall / b.Chunks, a.Processor / b.Chunks)))];
            double Median(Func<(Sample Beside, Cost Chunk), double> value) => Measuring.Median(rounds.Select(value));
            var (ratio, median) = (Median(r => r.Beside.Longest.Wall / r.Chunk.Wall), Median(r => r.Beside.MedianGap / r.Chunk.Processor));
            section.Row(
                name, chunks[c] == 0 ? "all" : $"{chunks[c]}", $"{rounds[0].Beside.Chunks}", Measuring.Milliseconds(alone[c]), c == 0 ? "1" : Measuring.Ratio(alone[c], alone[0]),
                $"{Median(r => r.Chunk.Wall) * 1000:0}", $"{Median(r => r.Beside.Step.Wall) * 1000:0}", $"{Median(r => r.Beside.Longest.Wall) * 1000:0}", $"**{ratio:0.00}**",
                $"{Median(r => r.Beside.MedianGap / (r.Chunk.Processor + r.Beside.Step.Processor)):0.00}", $"**{median:0.00}**",
                $"{Measuring.Median(rounds.Zip(alone[0], (r, a) => r.Beside.Longest.Wall / a.Wall)):0.000}");
            if (chunks[c] > 0)
            {
                section.Figure($"{name}, chunks of {chunks[c]}, prefill / in one piece", Measuring.MedianRatio(alone[c], alone[0]));
                section.Figure($"{name}, chunks of {chunks[c]}, longest gap / chunk", ratio);
                section.Figure($"{name}, chunks of {chunks[c]}, median gap / chunk, processor", median);
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
            var early = Stopwatch.GetTimestamp();
            await Task.Delay(Before);
            await streams[0].NextAsync(Stopwatch.GetTimestamp());
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
            var gaps = streams[0].ProcessorGaps(begin, long.MaxValue);
            return new Sample(
                result!.Usage.PrefillChunks, new Cost(streams[0].MedianGap(early, begin), Measuring.Median(streams[0].ProcessorGaps(early, begin))), Measuring.Median(gaps),
                new Cost(streams.Max(s => s.LongestGap(begin, long.MaxValue)), gaps.Max()));
        }
    }

    /// <summary>A prefill beside answers.</summary>
    /// <param name="Chunks">How many chunks it ran in.</param>
    /// <param name="Step">Between two tokens of an answer before it came.</param>
    /// <param name="MedianGap">Processor time between two tokens meanwhile.</param>
    /// <param name="Longest">Most between two tokens meanwhile.</param>
    private readonly record struct Sample(int Chunks, Cost Step, double MedianGap, Cost Longest);
}
