using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Evaluation;

/// <summary>What an accuracy target speaks about.</summary>
public enum AccuracyTarget
{
    /// <summary>The answers that exit must be right this often. Needs labels for the small model.</summary>
    Exited,

    /// <summary>All answers, small and large mixed, must be right this often. Needs labels for both models.</summary>
    Overall,
}

/// <summary>
/// Finds an exit threshold from past requests: for a wanted exit ratio by a quantile of the scores (no labels needed), for a
/// wanted accuracy by isotonic regression of score to probability of being right.
/// </summary>
public sealed class Calibrator
{
    private const int BinCount = 10;
    private const int FewSamples = 200;
    private const int FewExits = 50;
    private const double WideInterval = 0.05;

    private readonly ExitCriterion _criterion;
    private readonly CalibrationSample[] _samples;
    private readonly double[] _thresholds;
    private readonly ulong _seed;

    /// <summary>Takes the sample.</summary>
    /// <param name="criterion">What the scores are scores of.</param>
    /// <param name="samples">At least one.</param>
    /// <param name="seed">Seed of the bootstrap.</param>
    public Calibrator(ExitCriterion criterion, IEnumerable<CalibrationSample> samples, ulong seed = 1)
    {
        _criterion = criterion;
        _samples = [.. samples];
        _seed = seed;
        if (_samples.Length == 0)
        {
            throw new EvaluationException("calibration needs at least one request");
        }

        // Every attainable behaviour: nobody exits, or everybody from one of the observed scores upwards.
        var scores = _samples.Select(s => s.ExitScore).Where(s => !double.IsNaN(s)).Distinct().OrderDescending().ToArray();
        _thresholds = [Math.Max(scores.FirstOrDefault(), 1) + 1e-9, .. scores];
    }

    /// <summary>Where the policy's sample came from, for the record.</summary>
    public string? Source { get; init; }

    /// <summary>The small model, for the record.</summary>
    public string? SmallModel { get; init; }

    /// <summary>The large model, for the record.</summary>
    public string? LargeModel { get; init; }

    /// <summary>The threshold whose exit ratio on the sample is nearest to the wanted one; of two, the one with fewer exits.</summary>
    /// <param name="target">0 to 1.</param>
    /// <param name="now">Time of creation.</param>
    public PolicyFile ForExitRatio(double target, DateTimeOffset now)
    {
        RequireShare(target, "the exit ratio");
        var scores = _samples.Select(s => s.ExitScore).OrderDescending().ToArray();
        var exits = 0;
        var threshold = _thresholds.MinBy(t =>
        {
            while (exits < scores.Length && ExitDecision.Exits(scores[exits], t))
            {
                exits++;
            }

            return Math.Abs(((double)exits / scores.Length) - target);
        });
        var warnings = new List<string>();
        if (Math.Abs(ExitRatio(threshold) - target) > 0.02)
        {
            warnings.Add(FormattableString.Invariant(
                $"no threshold gives an exit ratio near {target:0.###}: scores are tied or missing; the nearest is {ExitRatio(threshold):0.###}"));
        }

        return Policy(threshold, warnings, now) with { TargetExitRatio = target };
    }

    /// <summary>The lowest threshold (most exits) whose calibrated accuracy reaches the target; nobody exits where none does.</summary>
    /// <param name="target">0 to 1.</param>
    /// <param name="of">What the target speaks about.</param>
    /// <param name="now">Time of creation.</param>
    /// <exception cref="EvaluationException">The labels that the target needs are not there.</exception>
    public PolicyFile ForAccuracy(double target, AccuracyTarget of, DateTimeOffset now)
    {
        RequireShare(target, "the accuracy");
        var labelled = _samples.Where(s => s.SmallRight is not null && !double.IsNaN(s.ExitScore)).ToArray();
        if (labelled.Length == 0)
        {
            throw new EvaluationException("an accuracy target needs requests with right answers; none of the sample has one");
        }

        var right = IsotonicRegression.Fit(labelled.Select(s => (s.ExitScore, s.SmallRight!.Value)));
        if (of == AccuracyTarget.Overall && !labelled.Any(s => s.LargeRight is not null))
        {
            throw new EvaluationException("an overall accuracy target needs the large model's answers as well; the sample has none");
        }

        var warnings = new List<string>();
        var accuracies = Accuracies(of == AccuracyTarget.Exited ? labelled : _samples, of, right);
        var best = Array.FindLastIndex(accuracies, accuracy => accuracy >= target);
        double? reached = best >= 0 ? _thresholds[best] : null;

        if (reached is null)
        {
            warnings.Add(FormattableString.Invariant($"no threshold reaches an accuracy of {target:0.###} on this sample; nothing exits"));
        }

        var policy = Policy(reached ?? _thresholds[0], warnings, now) with { TargetAccuracy = target };
        var interval = of == AccuracyTarget.Exited ? policy.Expected!.ExitedAccuracyInterval : policy.Expected!.AccuracyInterval;
        return reached is not null && interval is [var low, _] && low < target
            ? policy with
            {
                Sample = policy.Sample! with
                {
                    Warnings =
                    [
                        .. policy.Sample.Warnings,
                        FormattableString.Invariant(
                            $"the sample cannot support the claim of {target:0.###}: the lower end of the 95 % interval is {low:0.###}"),
                    ],
                },
            }
            : policy;
    }

    /// <summary>What a given threshold does on the sample.</summary>
    public PolicyFile ForThreshold(double threshold, DateTimeOffset now) => Policy(threshold, [], now);

    /// <summary>Score and metric score of the labelled requests, for a reliability diagram.</summary>
    public Reliability Reliability(int bins = 10) =>
        Evaluation.Reliability.Of(_samples.Where(s => s.SmallRight is not null).Select(s => (s.ExitScore, s.SmallRight!.Value)), bins);

    private double ExitRatio(double threshold) =>
        (double)_samples.Count(s => ExitDecision.Exits(s.ExitScore, threshold)) / _samples.Length;

    /// <summary>The calibrated accuracy at each of the thresholds, which fall; one sweep over the sorted sample.</summary>
    private double[] Accuracies(CalibrationSample[] samples, AccuracyTarget of, IsotonicRegression right)
    {
        var ordered = samples.OrderByDescending(s => s.ExitScore).ToArray();
        var overall = of == AccuracyTarget.Overall;
        var sum = overall ? ordered.Sum(s => s.LargeRight ?? 0) : 0;
        var count = overall ? ordered.Count(s => s.LargeRight is not null) : 0;
        var next = 0;
        var accuracies = new double[_thresholds.Length];
        for (var t = 0; t < accuracies.Length; t++)
        {
            for (; next < ordered.Length && ExitDecision.Exits(ordered[next].ExitScore, _thresholds[t]); next++)
            {
                sum += right.Predict(ordered[next].ExitScore) - (overall ? ordered[next].LargeRight ?? 0 : 0);
                count += overall && ordered[next].LargeRight is not null ? 0 : 1;
            }

            accuracies[t] = sum / count;
        }

        return accuracies;
    }

    private PolicyFile Policy(double threshold, List<string> warnings, DateTimeOffset now)
    {
        var exited = _samples.Where(s => ExitDecision.Exits(s.ExitScore, threshold)).ToArray();
        var labelledExits = exited.Where(s => s.SmallRight is not null).Select(s => s.SmallRight!.Value).ToArray();
        var answers = _samples
            .Select(s => ExitDecision.Exits(s.ExitScore, threshold) ? s.SmallRight : s.LargeRight)
            .Where(r => r is not null).Select(r => r!.Value).ToArray();
        var everyAnswerKnown = answers.Length == _samples.Length;
        var ratio = Bootstrap.Mean(
            [.. _samples.Select(s => ExitDecision.Exits(s.ExitScore, threshold) ? 1.0 : 0)], seed: _seed);
        Estimate? accuracy = everyAnswerKnown ? Bootstrap.Mean(answers, seed: _seed) : null;
        Estimate? exitedAccuracy = labelledExits.Length > 0 ? Bootstrap.Mean(labelledExits, seed: _seed) : null;
        double? seconds = _samples.All(s => s.SmallSeconds is not null && s.LargeSeconds is not null)
            ? _samples.Average(s => s.SmallSeconds!.Value + (ExitDecision.Exits(s.ExitScore, threshold) ? 0 : s.LargeSeconds!.Value))
            : null;
        var labelled = _samples.Count(s => s.SmallRight is not null);
        AddSizeWarnings(warnings, exited.Length, labelledExits.Length, labelled, ratio, exitedAccuracy);
        return new PolicyFile
        {
            Criterion = _criterion,
            Threshold = threshold,
            SmallModel = SmallModel,
            LargeModel = LargeModel,
            ScoreBins = Bins(),
            Expected = new PolicyExpectation
            {
                ExitRatio = ratio.Value,
                ExitRatioInterval = [ratio.Low, ratio.High],
                Accuracy = accuracy?.Value,
                AccuracyInterval = accuracy is { } a ? [a.Low, a.High] : null,
                ExitedAccuracy = exitedAccuracy?.Value,
                ExitedAccuracyInterval = exitedAccuracy is { } e ? [e.Low, e.High] : null,
                SecondsPerRequest = seconds,
                CostRatio = seconds / _samples.Average(s => s.LargeSeconds),
            },
            Sample = new PolicySample
            {
                Count = _samples.Length,
                Labelled = labelled,
                Source = Source,
                ExpectedCalibrationError = labelled > 0 ? Reliability().ExpectedCalibrationError : null,
                Warnings = [.. warnings],
            },
            Created = now,
        };
    }

    /// <summary>Tenths of the sample where scores differ enough; what is tied stands in one bin.</summary>
    private ScoreBins? Bins()
    {
        var scores = _samples.Select(s => s.ExitScore).Where(s => !double.IsNaN(s)).Order().ToArray();
        if (scores.Length == 0 || scores[0].Equals(scores[^1]))
        {
            return null;
        }

        double[] edges = [.. Enumerable.Range(1, BinCount - 1).Select(i => scores[(int)((long)i * scores.Length / BinCount)]).Where(e => e > scores[0]).Distinct()];
        if (edges.Length == 0)
        {
            edges = [scores.First(s => s > scores[0])];
        }

        return new ScoreBins(edges, [.. Enumerable.Range(0, edges.Length + 1).Select(i =>
            (double)scores.Count(s => (i == 0 || s >= edges[i - 1]) && (i == edges.Length || s < edges[i])) / scores.Length)]);
    }

    private void AddSizeWarnings(
        List<string> warnings, int exits, int labelledExits, int labelled, Estimate ratio, Estimate? exitedAccuracy)
    {
        if (_samples.Length < FewSamples)
        {
            warnings.Add($"only {_samples.Length} requests; at least {FewSamples} are advised");
        }

        if (ratio.HalfWidth > WideInterval)
        {
            warnings.Add(FormattableString.Invariant($"the exit ratio is known to +-{ratio.HalfWidth:0.###} only"));
        }

        if (labelled > 0 && exits > 0 && labelledExits < FewExits)
        {
            warnings.Add($"only {labelledExits} of the answers that exit have a label; at least {FewExits} are advised");
        }

        if (exitedAccuracy is { } accuracy && accuracy.HalfWidth > WideInterval)
        {
            warnings.Add(FormattableString.Invariant($"the accuracy of the answers that exit is known to +-{accuracy.HalfWidth:0.###} only"));
        }

        var missing = _samples.Count(s => double.IsNaN(s.ExitScore));
        if (missing > 0)
        {
            warnings.Add($"{missing} requests have no {_criterion} score and never exit");
        }
    }

    private static void RequireShare(double value, string what)
    {
        if (!(value >= 0 && value <= 1))
        {
            throw new EvaluationException(FormattableString.Invariant($"{what} must be between 0 and 1, was {value}"));
        }
    }
}
