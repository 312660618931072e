using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Checks and reads how tokens are chosen.</summary>
public static class SamplingRules
{
    private const float MaxTemperature = 10;
    private const int MaxStopStrings = 16;
    private const int MaxStopLength = 256;

    /// <summary>Reads <c>sampling</c>; absent fields get the defaults of the contract.</summary>
    /// <param name="sampling">Null: all defaults.</param>
    /// <param name="maxNewTokens">The service's limit of new tokens.</param>
    /// <param name="field">Path of the message, e.g. <c>input.sampling</c>.</param>
    /// <param name="violations">Gets what is wrong; the result is then not to be used.</param>
    public static SamplingOptions Read(Wire.Sampling? sampling, int maxNewTokens, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        var defaults = new SamplingOptions();
        if (sampling is null)
        {
            return defaults with { MaxNewTokens = Math.Min(defaults.MaxNewTokens, maxNewTokens) };
        }

        var max = sampling.HasMaxNewTokens ? sampling.MaxNewTokens : Math.Min(defaults.MaxNewTokens, maxNewTokens);
        if (max < 1 || max > maxNewTokens)
        {
            violations.Add($"{field}.max_new_tokens", $"must be between 1 and {maxNewTokens}, was {max}");
        }

        var min = sampling.HasMinNewTokens ? sampling.MinNewTokens : Math.Min(defaults.MinNewTokens, max);
        if (min < 0 || min > Math.Max(max, 0))
        {
            violations.Add($"{field}.min_new_tokens", $"must be between 0 and max_new_tokens ({max}), was {min}");
        }

        if (!(sampling.Temperature >= 0 && sampling.Temperature <= MaxTemperature))
        {
            violations.Add($"{field}.temperature", FormattableString.Invariant($"must be between 0 and {MaxTemperature}, was {sampling.Temperature}"));
        }

        var topP = sampling.HasTopP ? sampling.TopP : defaults.TopP;
        if (!(topP > 0 && topP <= 1))
        {
            violations.Add($"{field}.top_p", FormattableString.Invariant($"must be above 0 and at most 1, was {topP}"));
        }

        if (sampling.TopK < 0)
        {
            violations.Add($"{field}.top_k", $"must be 0 (off) or above, was {sampling.TopK}");
        }

        CheckStops(sampling.Stop, field, violations);
        return new SamplingOptions
        {
            MaxNewTokens = max,
            MinNewTokens = min,
            Temperature = sampling.Temperature,
            TopP = topP,
            TopK = sampling.TopK,
            Seed = sampling.HasSeed ? sampling.Seed : null,
            StopStrings = [.. sampling.Stop],
        };
    }

    private static void CheckStops(IList<string> stops, string field, ViolationList violations)
    {
        if (stops.Count > MaxStopStrings)
        {
            violations.Add($"{field}.stop", $"at most {MaxStopStrings} strings are accepted, found {stops.Count}");
            return;
        }

        for (var i = 0; i < stops.Count; i++)
        {
            if (stops[i].Length is 0 or > MaxStopLength)
            {
                violations.Add($"{field}.stop[{i}]", $"must have 1 to {MaxStopLength} characters, has {stops[i].Length}");
            }
        }
    }
}
