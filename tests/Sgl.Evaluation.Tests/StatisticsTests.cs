using CsCheck;

namespace Sgl.Evaluation.Tests;

public class StatisticsTests
{
    private static readonly Gen<ExitSample[]> Samples = Gen.Select(Gen.Int[0, 5], Gen.Bool, Gen.Bool)
        .Select((score, small, large) => new ExitSample(score == 0 ? double.NaN : score / 5.0, small ? 1 : 0, large ? 1 : 0)).Array[1, 40];

    [Fact]
    public void Bootstrap_Mean_CoversTheNormalInterval()
    {
        // 400 answers, 70 % right: standard error 2.29 points.
        var values = Enumerable.Range(0, 400).Select(i => i < 280 ? 1.0 : 0).ToArray();
        var estimate = Bootstrap.Mean(values, resamples: 4000);
        Assert.Equal(0.7, estimate.Value, 12);
        Assert.Equal(0.7 - (1.96 * 0.0229), estimate.Low, 0.005);
        Assert.Equal(0.7 + (1.96 * 0.0229), estimate.High, 0.005);
        Assert.Equal(estimate, Bootstrap.Mean(values, resamples: 4000));
        Assert.NotEqual(estimate, Bootstrap.Mean(values, resamples: 4000, seed: 2));
    }

    [Fact]
    public void Bootstrap_Ratio_OfEqualAnswersHasNoWidth()
    {
        double[] values = [1, 0, 1, 1];
        Assert.Equal(new Estimate(1, 1, 1), Ratio([1, 1, 1], [1, 1, 1]));
        Assert.Equal(0.5, Ratio([.. values.Select(v => v / 2)], values).Value, 12);

        static Estimate Ratio(double[] above, double[] below) => Bootstrap.Interval(above.Length, drawn => drawn.Sum(i => above[i]) / drawn.Sum(i => below[i]), seed: 7);
    }

    [Fact]
    public void Bootstrap_Clusters_AreWiderThanSingleQuestions()
    {
        var metric = Metric.Named("exact_match");
        ScoredQuestion[] single = [.. Enumerable.Range(0, 200).Select(i => new ScoredQuestion($"{i}", null, null, i / 10 % 2))];
        ScoredQuestion[] grouped = [.. single.Select((q, i) => q with { Group = $"{i / 10}" })];
        var narrow = Bootstrap.Metric(metric, Metric.Clusters(single));
        var wide = Bootstrap.Metric(metric, Metric.Clusters(grouped));
        Assert.Equal(narrow.Value, wide.Value);
        Assert.True(wide.HalfWidth > 2 * narrow.HalfWidth);
    }

    [Fact]
    public void ExitCurve_HandComputed_HasTheAreaOfItsTrapezoids()
    {
        // Sorted: .9 (1,1), .8 (1,0), .5 (0,1), .1 (0,1). Large 3/4; then 3/4, 1, 3/4, 1/2.
        ExitSample[] samples = [new(0.1, 0, 1), new(0.9, 1, 1), new(0.5, 0, 1), new(0.8, 1, 0)];
        var curve = ExitCurve.Of(samples);
        Assert.Equal([75, 75, 100, 75, 50], curve.Points.Select(p => p.Score));
        Assert.Equal([0, 0.25, 0.5, 0.75, 1], curve.Points.Select(p => p.ExitRatio));
        Assert.Equal([double.PositiveInfinity, 0.9, 0.8, 0.5, 0.1], curve.Points.Select(p => p.Threshold));
        Assert.Equal((25 + 37.5 + 37.5 + 12.5) / 4, curve.Area, 12);
        Assert.Equal(87.5, curve.ScoreAt(0.375), 12);
        Assert.Equal((75, 50), (curve.LargeScore, curve.SmallScore));
    }

    [Fact]
    public void ExitCurve_AllTied_IsTheStraightLineOfAnIgnorantCriterion()
    {
        ExitSample[] samples = [new(0.5, 0, 1), new(0.5, 1, 1), new(0.5, 0, 1), new(0.5, 0, 0)];
        var curve = ExitCurve.Of(samples);
        Assert.Equal(2, curve.Points.Count);
        Assert.Equal((curve.LargeScore - curve.SmallScore) / 2, curve.Area, 12);
    }

    [Fact]
    public void ExitCurve_AnySamples_StartsLargeEndsSmallAndIgnoresOrder() => Gen.Select(Samples, Gen.Int).Sample((samples, seed) =>
    {
        var curve = ExitCurve.Of(samples);
        Assert.Equal(100 * samples.Average(s => s.Large), curve.ScoreAt(0), 9);
        Assert.Equal(100 * samples.Average(s => s.Small), curve.ScoreAt(1), 9);
        var shuffled = samples.ToArray();
        new Random(seed).Shuffle(shuffled);
        Assert.Equal(curve.Area, ExitCurve.Of(shuffled).Area, 9);
        foreach (var point in curve.Points.Skip(1).Where(p => !double.IsNaN(p.Threshold)))
        {
            Assert.Equal(point.ExitRatio, samples.Count(s => s.ExitScore >= point.Threshold) / (double)samples.Length, 12);
        }
    });

    [Fact]
    public void ExitCurve_Oracle_BeatsEveryOrder() => Samples.Sample(samples =>
    {
        var best = samples.Select(s => s with { ExitScore = s.Small - s.Large }).ToArray();
        Assert.True(ExitCurve.Of(best).Area >= ExitCurve.Of(samples).Area - 1e-9);
    });

    [Fact]
    public void Isotonic_HandComputed_PoolsViolators()
    {
        var fit = IsotonicRegression.Fit([(1, 1), (2, 3), (3, 2), (4, 4), (5, 0)]);
        // 3,2 pool to 2.5; 4,0 pool to 2; then 2.5,2.5,2,2 pool to 2.25.
        Assert.Equal([1, 2.25, 2.25, 2.25, 2.25], new double[] { 1, 2, 3, 4, 5 }.Select(fit.Predict));
        Assert.Equal(1.625, fit.Predict(1.5), 12);
        Assert.Equal(1, fit.Predict(-7));
        Assert.Equal(2.25, fit.Predict(99));
        Assert.True(double.IsNaN(fit.Predict(double.NaN)));
        Assert.Throws<EvaluationException>(() => IsotonicRegression.Fit([]));
    }

    [Fact]
    public void Isotonic_AnyPoints_RisesKeepsTheMeanAndBeatsOtherRisingFits() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 4]).Array[1, 30].Sample(raw =>
        {
            var points = raw.Select(p => (X: (double)p.Item1, Y: (double)p.Item2)).ToArray();
            var fit = IsotonicRegression.Fit(points);
            var values = Enumerable.Range(0, 10).Select(x => fit.Predict(x)).ToArray();
            Assert.True(values.Zip(values.Skip(1)).All(p => p.First <= p.Second + 1e-12));
            Assert.Equal(points.Average(p => p.Y), points.Average(p => fit.Predict(p.X)), 9);
            var error = points.Sum(p => Math.Pow(p.Y - fit.Predict(p.X), 2));
            // Any blend with another rising function must be worse.
            foreach (var share in new[] { 0.05, 0.5 })
            {
                Assert.True(points.Sum(p => Math.Pow(p.Y - ((1 - share) * fit.Predict(p.X)) - (share * p.X / 3), 2)) >= error - 1e-9);
            }
        });

    [Fact]
    public void Reliability_HandComputed_HasBinsAndError()
    {
        var reliability = Reliability.Of([(0.1, 0), (0.1, 1), (0.9, 1), (1.0, 1), (double.NaN, 1)], 2);
        Assert.Equal([2, 2], reliability.Bins.Select(b => b.Count));
        Assert.Equal([0.5, 1], reliability.Bins.Select(b => b.Accuracy));
        Assert.Equal(0.95, reliability.Bins[1].MeanScore, 12);
        Assert.Equal(((2 * 0.4) + (2 * 0.05)) / 4, reliability.ExpectedCalibrationError, 12);
    }
}
