using System.Diagnostics;
using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>Seconds of a phase on the clock, and of processor time of the whole process, which other programs on the machine disturb far less.</summary>
internal readonly record struct Cost(double Wall, double Processor)
{
    public static Cost operator +(Cost a, Cost b) => new(a.Wall + b.Wall, a.Processor + b.Processor);

    public static Cost operator *(Cost a, double factor) => new(a.Wall * factor, a.Processor * factor);

    public static Cost operator -(Cost a, Cost b) => new(a.Wall - b.Wall, a.Processor - b.Processor);

    /// <summary>What the clocks show now.</summary>
    public static Cost Now() => new(
        Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalSeconds);
}

/// <summary>The phases of one generation: the clock as the engine reads it, processor time between the events that its reader sees.</summary>
internal readonly record struct Phases(Cost Prefill, Cost Decode, Cost Consistency);

/// <summary>Runs variants in turns, so that whatever else the machine does falls on all of them alike.</summary>
internal static class Measuring
{
    /// <summary>Below it the reader of the events is too late to tell phases apart by processor time.</summary>
    private const double ShortestForProcessorTime = 0.05;

    // What takes so long is warm by itself: with one round, the one in front of it is taken.
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(2);

    /// <summary>Samples [variant][round]; one round in front of them is not counted, unless one is all that is wanted and each of its variants takes seconds.</summary>
    public static async Task<T[][]> InterleavedAsync<T>(int rounds, params Func<Task<T>>[] variants)
    {
        var samples = variants.Select(_ => new List<T>()).ToArray();
        for (var round = -1; round < rounds; round++)
        {
            var shortest = TimeSpan.MaxValue;
            // Every other round backwards: no variant always follows the same one.
            foreach (var v in round % 2 == 0 ? Enumerable.Range(0, variants.Length) : Enumerable.Range(0, variants.Length).Reverse())
            {
                var started = Stopwatch.GetTimestamp();
                var sample = await variants[v]();
                shortest = TimeSpan.FromTicks(Math.Min(shortest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
                if (round >= 0 || rounds == 1)
                {
                    samples[v].Add(sample);
                }
            }

            if (round == -1 && rounds == 1)
            {
                if (shortest >= Long)
                {
                    break;
                }

                Array.ForEach(samples, s => s.Clear());
            }
        }

        return [.. samples.Select(s => s.ToArray())];
    }

    /// <summary>Runs one generation alone and measures its phases.</summary>
    public static async Task<Phases> PhasesAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        var begin = Cost.Now();
        Cost? first = null;
        Cost last = begin, end = begin;
        PhaseTimings? timings = null;
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            end = Cost.Now();
            if (generated is GenerationEvent.Token)
            {
                first ??= end;
                last = end;
            }
            else if (generated is GenerationEvent.Completed completed)
            {
                timings = completed.Result.Timings;
            }
        }

        return new Phases(
            new Cost(timings!.Prefill.TotalSeconds, (first!.Value - begin).Processor),
            new Cost(timings.Decode.TotalSeconds, (last - first.Value).Processor),
            new Cost(timings.Consistency.TotalSeconds, (end - last).Processor));
    }

    /// <summary>The vision tower over a prompt's pictures: one tile, times the tiles.</summary>
    public static async Task<Cost> TowerAsync(VlmEngine engine, Subject subject, PreparedPrompt prompt)
    {
        var tile = subject.Tile();
        var begin = Cost.Now();
        await engine.EncodeAsync(tile, CancellationToken.None);
        return (Cost.Now() - begin) * ((double)prompt.VisualTokenCount / tile.VisualTokenCount);
    }

    public static GenerationOptions Tokens(int count) => new() { Sampling = new SamplingOptions { MaxNewTokens = count, MinNewTokens = 0, StopTokenIds = [] } };

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Median over the rounds of processor time of one over that of the other; of the clock for short phases.</summary>
    public static double MedianRatio(Cost[] numerator, Cost[] denominator) =>
        Median(IsShort(numerator, denominator) ? Ratios(numerator, denominator, c => c.Wall) : Ratios(numerator, denominator, c => c.Processor));

    /// <summary>That median, its range, and the same on the clock.</summary>
    public static string Ratio(Cost[] numerator, Cost[] denominator)
    {
        var wall = Ratios(numerator, denominator, c => c.Wall);
        if (IsShort(numerator, denominator))
        {
            return $"**{Median(wall):0.000}** ({wall.Min():0.00} to {wall.Max():0.00})";
        }

        var processor = Ratios(numerator, denominator, c => c.Processor);
        return $"**{Median(processor):0.000}** ({processor.Min():0.00} to {processor.Max():0.00}; clock {Median(wall):0.00})";
    }

    /// <summary>Median on the clock.</summary>
    public static string Milliseconds(IEnumerable<Cost> costs) => $"{Median(costs.Select(c => c.Wall)) * 1000:0.0}";

    private static bool IsShort(Cost[] a, Cost[] b) => Median(a.Concat(b).Select(c => c.Wall)) < ShortestForProcessorTime;

    private static double[] Ratios(Cost[] numerator, Cost[] denominator, Func<Cost, double> time) => [.. numerator.Zip(denominator, (a, b) => time(a) / time(b))];
}
