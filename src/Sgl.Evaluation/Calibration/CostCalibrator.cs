using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Evaluation;

/// <summary>What a second of each model costs, in any unit; 1 and 1 is time itself.</summary>
/// <param name="SmallSecond">A second of the small model.</param>
/// <param name="LargeSecond">A second of the large model.</param>
public sealed record CostPrices(double SmallSecond = 1, double LargeSecond = 1);

/// <summary>One way of asking the large model, and the same requests answered that way.</summary>
/// <param name="Method"><see cref="MethodConfiguration.Key"/>.</param>
/// <param name="Samples">All of them labelled and timed, in the same order for every candidate.</param>
public sealed record CostCandidate(string Method, IReadOnlyList<CalibrationSample> Samples);

/// <summary>What a candidate costs at the threshold that the accuracy allows it.</summary>
/// <param name="Method"><see cref="MethodConfiguration.Key"/>.</param>
/// <param name="Threshold">Scores at or above it exit.</param>
/// <param name="ExitRatio">Share of requests that exit.</param>
/// <param name="Accuracy">Mean score of all answers.</param>
/// <param name="CostPerRequest">Mean cost.</param>
public sealed record CostChoice(string Method, double Threshold, double ExitRatio, double Accuracy, double CostPerRequest);

/// <summary>
/// Threshold, retention and tiles together: of all ways of asking the large model, and all thresholds, the pair with the least expected cost
/// <c>E[c_s t_s + [S &lt; theta] c_l t_l]</c> whose calibrated accuracy over all answers reaches the wanted one.
/// </summary>
/// <param name="criterion">What the scores are scores of.</param>
/// <param name="candidates">At least one; all of the same requests.</param>
/// <param name="prices">What is minimised.</param>
public sealed class CostCalibrator(ExitCriterion criterion, IReadOnlyList<CostCandidate> candidates, CostPrices prices)
{
    private const int Folds = 5;

    /// <summary>Where the policy's sample came from, for the record.</summary>
    public string? Source { get; init; }

    /// <summary>The small model, for the record.</summary>
    public string? SmallModel { get; init; }

    /// <summary>The large model, for the record.</summary>
    public string? LargeModel { get; init; }

    /// <summary>Chooses, and measures the choice on requests it was not made from (five folds of neighbouring requests).</summary>
    /// <param name="accuracy">Wanted mean score of all answers, 0 to 1.</param>
    /// <param name="now">Time of creation.</param>
    /// <returns>The policy, with the choices that reach the accuracy by rising cost; the first is the policy's.</returns>
    /// <exception cref="EvaluationException">A request lacks a label or a time, or nothing reaches the accuracy.</exception>
    public (PolicyFile Policy, IReadOnlyList<CostChoice> Choices) Cheapest(double accuracy, DateTimeOffset now)
    {
        Check();
        var choices = Choices(candidates, accuracy);
        if (choices.Count == 0)
        {
            var best = candidates.Max(c => c.Samples.Average(s => Math.Max(s.SmallRight!.Value, s.LargeRight!.Value)));
            throw new EvaluationException(FormattableString.Invariant(
                $"no method and threshold reach an accuracy of {accuracy:0.###} on this sample; even with the better of both answers it would be {best:0.###}"));
        }

        var chosen = candidates.First(c => c.Method == choices[0].Method);
        var policy = new Calibrator(criterion, chosen.Samples) { Source = Source, SmallModel = SmallModel, LargeModel = LargeModel }.ForThreshold(choices[0].Threshold, now);
        var (heldOut, cost) = HeldOut(accuracy);
        var warnings = policy.Sample!.Warnings.ToList();
        if (heldOut is null)
        {
            warnings.Add("in some folds nothing reached the accuracy, so it was not measured on other requests");
        }
        else if (heldOut < accuracy)
        {
            warnings.Add(FormattableString.Invariant($"on requests that the choice was not made from the accuracy is {heldOut:0.###}, not {accuracy:0.###}"));
        }

        return (policy with
        {
            TargetAccuracy = accuracy,
            Method = chosen.Method,
            Expected = policy.Expected! with { CostPerRequest = choices[0].CostPerRequest, HeldOutAccuracy = heldOut, HeldOutCostPerRequest = cost },
            Sample = policy.Sample with { Warnings = warnings },
        }, choices);
    }

    private List<CostChoice> Choices(IReadOnlyList<CostCandidate> sample, double accuracy)
    {
        var choices = new List<CostChoice>();
        foreach (var candidate in sample)
        {
            // Of one method the most exits cost least. Where none suffices without exits, exits do not help it.
            var policy = new Calibrator(criterion, candidate.Samples).ForAccuracy(accuracy, AccuracyTarget.Overall, default);
            var (reached, cost) = Measure(candidate, policy.Threshold, 0, 1);
            if (policy.Expected!.ExitRatio > 0 || reached >= accuracy)
            {
                choices.Add(new CostChoice(candidate.Method, policy.Threshold, policy.Expected.ExitRatio, reached, cost));
            }
        }

        return [.. choices.OrderBy(c => c.CostPerRequest).ThenBy(c => c.Method, StringComparer.Ordinal)];
    }

    /// <summary>Accuracy and cost over the requests whose fold is <paramref name="fold"/>.</summary>
    private (double Accuracy, double Cost) Measure(CostCandidate candidate, double threshold, int fold, int folds)
    {
        var own = candidate.Samples.Where((_, i) => FoldOf(i, candidate.Samples.Count, folds) == fold).ToArray();
        return (
            own.Average(s => ExitDecision.Exits(s.ExitScore, threshold) ? s.SmallRight!.Value : s.LargeRight!.Value),
            own.Average(s => (prices.SmallSecond * s.SmallSeconds!.Value) + (ExitDecision.Exits(s.ExitScore, threshold) ? 0 : prices.LargeSecond * s.LargeSeconds!.Value)));
    }

    private (double? Accuracy, double? Cost) HeldOut(double accuracy)
    {
        var count = candidates[0].Samples.Count;
        if (count < 2 * Folds)
        {
            return (null, null);
        }

        var (right, cost) = (0.0, 0.0);
        for (var fold = 0; fold < Folds; fold++)
        {
            var others = Choices([.. candidates.Select(c => c with { Samples = [.. c.Samples.Where((_, i) => FoldOf(i, count, Folds) != fold)] })], accuracy);
            if (others.Count == 0)
            {
                return (null, null);
            }

            var measured = Measure(candidates.First(c => c.Method == others[0].Method), others[0].Threshold, fold, Folds);
            var share = (double)Enumerable.Range(0, count).Count(i => FoldOf(i, count, Folds) == fold) / count;
            (right, cost) = (right + (share * measured.Accuracy), cost + (share * measured.Cost));
        }

        return (right, cost);
    }

    // Neighbours stay together: questions about one picture must not stand on both sides.
    private static int FoldOf(int index, int count, int folds) => (int)((long)index * folds / count);

    private void Check()
    {
        if (candidates.Count == 0 || candidates.Any(c => c.Samples.Count == 0 || c.Samples.Count != candidates[0].Samples.Count))
        {
            throw new EvaluationException("the cheapest policy is chosen among ways of asking the large model that have answered the same requests, at least one");
        }

        if (!(prices.SmallSecond >= 0 && prices.LargeSecond >= 0 && double.IsFinite(prices.SmallSecond + prices.LargeSecond)))
        {
            throw new EvaluationException(FormattableString.Invariant($"prices must be numbers of at least 0, were {prices.SmallSecond} and {prices.LargeSecond}"));
        }

        foreach (var candidate in candidates)
        {
            if (candidate.Samples.Any(s => s.SmallRight is null || s.LargeRight is null))
            {
                throw new EvaluationException($"{candidate.Method}: some requests have no right answer to compare with");
            }

            if (candidate.Samples.Any(s => s.SmallSeconds is null || s.LargeSeconds is null))
            {
                throw new EvaluationException($"{candidate.Method}: some answers have no times; results of 'sgl eval --batch' have none");
            }
        }
    }
}
