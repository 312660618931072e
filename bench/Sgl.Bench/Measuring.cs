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
        System.Diagnostics.Stopwatch.GetTimestamp() / (double)System.Diagnostics.Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalSeconds);
}

/// <summary>The phases of one generation, as its reader sees them.</summary>
internal readonly record struct Phases(Cost Prefill, Cost Decode, Cost Consistency);

/// <summary>Runs variants in turns, so that whatever else the machine does falls on all of them alike.</summary>
internal static class Measuring
{
    /// <summary>Samples [variant][round]; one round in front of them is not counted.</summary>
    public static async Task<T[][]> InterleavedAsync<T>(int rounds, params Func<Task<T>>[] variants)
    {
        var samples = variants.Select(_ => new List<T>()).ToArray();
        for (var round = -1; round < rounds; round++)
        {
            // Every other round backwards: no variant always follows the same one.
            foreach (var v in round % 2 == 0 ? Enumerable.Range(0, variants.Length) : Enumerable.Range(0, variants.Length).Reverse())
            {
                var sample = await variants[v]();
                if (round >= 0)
                {
                    samples[v].Add(sample);
                }
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
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            end = Cost.Now();
            if (generated is GenerationEvent.Token)
            {
                first ??= end;
                last = end;
            }
        }

        return new Phases(first!.Value - begin, last - first.Value, end - last);
    }

    public static GenerationOptions Tokens(int count) => new() { Sampling = new SamplingOptions { MaxNewTokens = count, MinNewTokens = 0, StopTokenIds = [] } };

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Median over the rounds of processor time of one over that of the other, its range, and the same of the clock.</summary>
    public static string Ratio(Cost[] numerator, Cost[] denominator)
    {
        var processor = numerator.Zip(denominator, (a, b) => a.Processor / b.Processor).Order().ToArray();
        var wall = numerator.Zip(denominator, (a, b) => a.Wall / b.Wall);
        return $"**{Median(processor):0.000}** ({processor[0]:0.00} to {processor[^1]:0.00}; clock {Median(wall):0.00})";
    }

    /// <summary>Median on the clock.</summary>
    public static string Milliseconds(IEnumerable<Cost> costs) => $"{Median(costs.Select(c => c.Wall)) * 1000:0.0}";
}
