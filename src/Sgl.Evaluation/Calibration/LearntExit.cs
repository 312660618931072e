using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>One labelled answer to learn an exit score from.</summary>
/// <param name="Scores">The small answer's.</param>
/// <param name="GeneratedTokens">Its ids.</param>
/// <param name="SmallRight">Its metric score.</param>
/// <param name="LargeRight">The large answer's; null: it was not asked.</param>
public sealed record LearntSample(ExitScoreSet Scores, int GeneratedTokens, double SmallRight, double? LargeRight);

/// <summary>Learns an exit score, and says what it is worth on requests that it was not learnt from.</summary>
/// <param name="Criterion">Learnt from all of the sample.</param>
/// <param name="HeldOut">The score of each answer by a fit that did not see its fold, [N]; what thresholds and expectations are made from.</param>
/// <param name="Area">Area under the exit curve of <paramref name="HeldOut"/>, points; NaN without a large model.</param>
/// <param name="OverDecision">How much that is more than S has, points; null without a large model.</param>
/// <param name="BestMeasured">The measured criterion of the largest area; null without a large model.</param>
/// <param name="OverBest">How much more than that one has.</param>
public sealed record LearntExit(
    LearntCriterion Criterion, IReadOnlyList<double> HeldOut, double Area, Estimate? OverDecision, ExitCriterion? BestMeasured, Estimate? OverBest)
{
    private const int Folds = 10;

    /// <summary>Several questions about one picture follow each other in a benchmark; they stay in one fold.</summary>
    private const int Block = 5;

    /// <summary>Learns.</summary>
    /// <param name="samples">In the order of the benchmark.</param>
    /// <param name="seed">Seed of the bootstrap.</param>
    /// <exception cref="EvaluationException">Too few answers, or a score that was not computed.</exception>
    public static LearntExit Of(IReadOnlyList<LearntSample> samples, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(samples);
        if (samples.Count < Folds * Block)
        {
            throw new EvaluationException($"a learnt criterion needs at least {Folds * Block} labelled requests, found {samples.Count}");
        }

        var inputs = samples.Select(s => LearntCriterion.Inputs(s.Scores, s.GeneratedTokens)).ToArray();
        if (Array.FindIndex(inputs, x => x.Any(v => !double.IsFinite(v))) is var bad and >= 0)
        {
            throw new EvaluationException($"a learnt criterion needs every exit score, and request {bad} lacks one: it has no image, or its small model tells only some");
        }

        var pairs = samples.All(s => s.LargeRight is not null);
        var heldOut = new double[samples.Count];
        for (var fold = 0; fold < Folds; fold++)
        {
            var learnt = Fit([.. Enumerable.Range(0, samples.Count).Where(i => FoldOf(i) != fold)]);
            foreach (var i in Enumerable.Range(0, samples.Count).Where(i => FoldOf(i) == fold))
            {
                heldOut[i] = learnt.Score(samples[i].Scores, samples[i].GeneratedTokens);
            }
        }

        var criterion = Fit([.. Enumerable.Range(0, samples.Count)]);
        if (!pairs)
        {
            return new LearntExit(criterion, heldOut, double.NaN, null, null, null);
        }

        var best = ExitCriteria.Measured.MaxBy(c => ExitCurve.Of(Curve(c)).Area);
        return new LearntExit(criterion, heldOut, ExitCurve.Of(Curve(null)).Area, Over(ExitCriterion.Decision), best, Over(best));

        int FoldOf(int i) => i / Block % Folds;

        LearntCriterion Fit(int[] rows)
        {
            LearntProbability Probability(Func<LearntSample, double> right)
            {
                var (bias, weights) = LogisticRegression.Fit([.. rows.Select(i => inputs[i])], [.. rows.Select(i => right(samples[i]))]);
                return new LearntProbability(bias, weights);
            }

            return new LearntCriterion(Probability(s => s.SmallRight), pairs ? Probability(s => s.LargeRight!.Value) : null);
        }

        ExitSample[] Curve(ExitCriterion? measured) =>
            [.. samples.Select((s, i) => new ExitSample(measured is { } c ? s.Scores[c] : heldOut[i], s.SmallRight, s.LargeRight!.Value))];

        Estimate Over(ExitCriterion other)
        {
            var (ours, theirs) = (Curve(null), Curve(other));
            return Bootstrap.Interval(
                samples.Count, draw => ExitCurve.Of(Array.ConvertAll(draw, i => ours[i])).Area - ExitCurve.Of(Array.ConvertAll(draw, i => theirs[i])).Area, seed: seed);
        }
    }
}
