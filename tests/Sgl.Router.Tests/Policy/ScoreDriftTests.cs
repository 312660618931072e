using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Router.Tests;

public sealed class ScoreDriftTests
{
    private static readonly ScoreBins Bins = new([0.25, 0.5, 0.75], [0.25, 0.25, 0.25, 0.25]);

    [Fact]
    public void Record_ScoresAsCalibrated_IsNearZero()
    {
        var drift = new ScoreDrift(Bins, ExitCriterion.Decision, 400, 100);

        Assert.InRange(Enumerable.Range(0, 400).Select(i => drift.Record(Scored((i % 100) / 100.0))).ToList()[^1]!.Value, 0, 1e-6);
    }

    [Fact]
    public void Record_AllInOneBin_IsTheIndexByHand()
    {
        var drift = new ScoreDrift(Bins, ExitCriterion.Decision, 50, 10);

        var index = Enumerable.Range(0, 50).Select(_ => drift.Record(Scored(0.75))).ToList()[^1]!.Value;

        Assert.Equal(((1 - 0.25) * Math.Log(4)) + (3 * (0.001 - 0.25) * Math.Log(0.001 / 0.25)), index, 9);
    }

    [Fact]
    public void Record_WindowMovesOn_ForgetsWhatWasBefore()
    {
        var drift = new ScoreDrift(Bins, ExitCriterion.Decision, 100, 100);
        for (var i = 0; i < 100; i++)
        {
            drift.Record(Scored(0.9));
        }

        Assert.InRange(Enumerable.Range(0, 100).Select(i => drift.Record(Scored(i / 100.0))).ToList()[^1]!.Value, 0, 1e-6);
    }

    [Fact]
    public void Record_TooFewOrNotComputed_IsNothing()
    {
        var drift = new ScoreDrift(Bins, ExitCriterion.Decision, 10, 3);

        Assert.Null(drift.Record(Scored(0.5)));
        Assert.Null(drift.Record(Scored(double.NaN)));
        Assert.Null(drift.Record(Scored(0.5)));
        Assert.NotNull(drift.Record(Scored(0.5)));
    }

    private static ExitScoreSet Scored(double decision) => new(0, 0, decision, 0, 0, 0, 0, 0);
}
