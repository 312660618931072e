using Sgl.Evaluation;
using Sgl.Guidance;

namespace Sgl.Experiments;

/// <summary>Results of a run as the sample of a calibration.</summary>
public static class CalibrationSamples
{
    /// <summary>Pairs the small model's answers with the large model's.</summary>
    /// <param name="records">Of a run; failed ones are left out.</param>
    /// <param name="criterion">Which exit score.</param>
    /// <param name="method">
    /// Key of the large model's method; null takes the only one there is, or of several the SGP one that keeps most visual tokens.
    /// </param>
    /// <returns>
    /// The samples and the method's key, null where the run has no answers of a large model; and for <see cref="ExitCriterion.Learnt"/> what was learnt from them, whose held-out
    /// scores they then have.
    /// </returns>
    /// <exception cref="EvaluationException">No usable answers, or no such method.</exception>
    public static (IReadOnlyList<CalibrationSample> Samples, string? Method, LearntExit? Learnt) Of(
        IReadOnlyList<ResultRecord> records, ExitCriterion criterion, string? method = null)
    {
        ArgumentNullException.ThrowIfNull(records);
        var answered = records.Where(r => r.Error is null).ToArray();
        var small = answered.Where(r => r is { Method: ResultRecord.SmallMethod, ExitScores: not null }).ToArray();
        if (small.Length == 0)
        {
            throw new EvaluationException("there is no answer of a small model with exit scores in it");
        }

        var methods = answered.Where(r => r.Method != ResultRecord.SmallMethod).GroupBy(r => r.Method).ToArray();
        if (method is not null && methods.All(m => m.Key != method))
        {
            throw new EvaluationException($"there is no method '{method}'; there are {string.Join(", ", methods.Select(m => m.Key))}");
        }

        var chosen = methods.Length == 1 ? methods[0].Key : method ?? methods
            .Where(m => m.Key.StartsWith("sgp-", StringComparison.Ordinal))
            .OrderByDescending(m => m.Average(r => r.AverageRetention ?? 0)).Concat(methods).FirstOrDefault()?.Key;
        var large = answered.Where(r => r.Method == chosen).ToDictionary(r => (r.Benchmark, r.Id));
        if (criterion != ExitCriterion.Learnt)
        {
            return ([.. small.Select(s => Sample(s, Large(s), s.ExitScores![criterion]))], chosen, null);
        }

        // An answer without a label, or whose large answer failed, teaches nothing.
        var labelled = small.Where(s => s.Score is not null && (chosen is null || Large(s)?.Score is not null)).ToArray();
        var learnt = LearntExit.Of([.. labelled.Select(s => new LearntSample(s.ExitScores!, s.GeneratedTokens, s.Score!.Value, Large(s)?.Score))]);
        return ([.. labelled.Select((s, i) => Sample(s, Large(s), learnt.HeldOut[i]))], chosen, learnt);

        ResultRecord? Large(ResultRecord s) => large.GetValueOrDefault((s.Benchmark, s.Id));
    }

    private static CalibrationSample Sample(ResultRecord small, ResultRecord? large, double score) => new(
        score, small.Score, large?.Score, small.Timings?.Total, large?.Timings?.Total);
}
