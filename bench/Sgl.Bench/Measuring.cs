using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>Runs variants in turns, so that whatever else the machine does falls on all of them alike.</summary>
internal static class Measuring
{
    /// <summary>Samples [variant][round]; one round in front of them is not counted.</summary>
    public static async Task<double[][]> InterleavedAsync(int rounds, params Func<Task<double[]>>[] variants)
    {
        var samples = variants.Select(_ => new List<double[]>()).ToArray();
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

        return [.. samples.SelectMany(s => Transposed(s))];
    }

    /// <summary>Prefill and decode seconds of one generation of exactly so many tokens.</summary>
    public static async Task<GenerationResult> GenerateAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }

    public static GenerationOptions Tokens(int count) => new() { Sampling = new SamplingOptions { MaxNewTokens = count, MinNewTokens = 0, StopTokenIds = [] } };

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Ratio of the medians, with the range of the rounds' own ratios.</summary>
    public static string Ratio(double[] numerator, double[] denominator)
    {
        var each = numerator.Zip(denominator, (a, b) => a / b).Order().ToArray();
        return $"**{Median(numerator) / Median(denominator):0.000}** ({each[0]:0.00} to {each[^1]:0.00})";
    }

    public static string Milliseconds(double[] seconds) => $"{Median(seconds) * 1000:0.0}";

    private static IEnumerable<double[]> Transposed(List<double[]> rounds) =>
        Enumerable.Range(0, rounds[0].Length).Select(i => rounds.Select(r => r[i]).ToArray());
}
