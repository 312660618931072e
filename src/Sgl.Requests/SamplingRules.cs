namespace Sgl.Requests;

/// <summary>Checks how tokens are chosen.</summary>
public static class SamplingRules
{
    /// <summary>Most new tokens where a request says nothing.</summary>
    public const int DefaultMaxNewTokens = 128;

    /// <summary>Highest temperature.</summary>
    public const float MaxTemperature = 10;

    /// <summary>Most stop strings.</summary>
    public const int MaxStopStrings = 16;

    /// <summary>Longest stop string, in UTF-16 units.</summary>
    public const int MaxStopLength = 256;

    /// <summary>Most alternatives that are told of each token.</summary>
    public const int MaxTopLogProbabilities = 20;

    /// <summary>Notes what is wrong.</summary>
    /// <param name="sampling">Null: all defaults.</param>
    /// <param name="maxNewTokens">The limit of new tokens; null: not known here.</param>
    /// <param name="field">Path of the message, e.g. <c>input.sampling</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.Sampling? sampling, long? maxNewTokens, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (sampling is null)
        {
            return;
        }

        CheckCounts(sampling, maxNewTokens ?? int.MaxValue, field, violations);
        violations.RequireBetween(sampling.Temperature, 0, MaxTemperature, $"{field}.temperature");
        if (sampling.HasTopP && !(sampling.TopP > 0 && sampling.TopP <= 1))
        {
            violations.Add($"{field}.top_p", FormattableString.Invariant($"must be above 0 and at most 1, was {sampling.TopP}"));
        }

        if (sampling.TopK < 0)
        {
            violations.Add($"{field}.top_k", $"must be 0 (off) or above, was {sampling.TopK}");
        }

        if (sampling.TopLogProbabilities is < 0 or > MaxTopLogProbabilities)
        {
            violations.Add($"{field}.top_log_probabilities", $"must be between 0 and {MaxTopLogProbabilities}, was {sampling.TopLogProbabilities}");
        }

        CheckStops(sampling.Stop, field, violations);
    }

    private static void CheckCounts(Wire.Sampling sampling, long limit, string field, ViolationList violations)
    {
        var tooMany = sampling.MaxNewTokens > limit && !sampling.ClampMaxNewTokens;
        if (sampling.HasMaxNewTokens && (sampling.MaxNewTokens < 1 || tooMany))
        {
            violations.Add(
                $"{field}.max_new_tokens",
                limit == int.MaxValue ? $"must be at least 1, was {sampling.MaxNewTokens}" : $"must be between 1 and {limit}, was {sampling.MaxNewTokens}");
        }

        var most = sampling.HasMaxNewTokens ? Math.Max(0, sampling.MaxNewTokens) : Math.Min(DefaultMaxNewTokens, limit);
        if (sampling.HasMinNewTokens && (sampling.MinNewTokens < 0 || sampling.MinNewTokens > most))
        {
            violations.Add($"{field}.min_new_tokens", $"must be between 0 and the most new tokens ({most}), was {sampling.MinNewTokens}");
        }
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
