using System.Diagnostics;
using Grpc.Core;
using Sgl.Guidance;
using Event = Sgl.V1.AnswerResponse.EventOneofCase;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class AnswerTests
{
    [Fact]
    public async Task Answer_ScoreAtThreshold_SmallAnswerIsFinalAndLargeNotAsked()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.7));

        var events = await trio.AskAsync(Trio.Request());

        Assert.Equal([Event.Layout, Event.SmallToken, Event.SmallToken, Event.SmallToken, Event.Decision, Event.Completed], events.Select(e => e.EventCase));
        Assert.Equal(20, events[0].Layout.VisualTokenCount);
        var decision = events[4].Decision;
        Assert.Equal(Wire.DecisionAction.Exit, decision.Action);
        Assert.Equal(Wire.RoutingReason.ScoreReached, decision.Reason);
        Assert.Equal(0.7, decision.Threshold);
        Assert.Equal(0.7, decision.Scores.Decision);
        Assert.Equal(Wire.ExitCriterion.Decision, decision.Criterion);
        Assert.Contains("decision 0.7 is at or above the threshold 0.7", decision.Explanation, StringComparison.Ordinal);
        var completed = events[5].Completed;
        Assert.Equal("forty two", completed.Answer);
        Assert.Equal(Wire.AnswerPath.Exit, completed.Path);
        Assert.Equal("small-peer", completed.Small.Model);
        Assert.Null(completed.Large);
        Assert.Null(completed.Pruning);
        Assert.Equal(20, completed.Importance.Values.Count);
        Assert.True(completed.Total.ToTimeSpan() >= completed.TimeToFirstToken.ToTimeSpan());
        Assert.Equal(completed.TimeToFirstToken, completed.TimeToFirstFinalToken);
        Assert.Equal(0, trio.Large.Calls);
        Assert.Equal(1, await trio.MetricAsync("sgl_requests_total", "path=\"exit\""));
        Assert.Equal(1, await trio.MetricAsync("sgl_exit_score_count", "criterion=\"decision\""));
    }

    [Fact]
    public async Task Answer_ScoreBelowThreshold_LargeModelGetsTheMasksOfTheImportance()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.69));

        var events = await trio.AskAsync(Trio.Request());

        Assert.Equal(
            [Event.Layout, Event.SmallToken, Event.SmallToken, Event.SmallToken, Event.Decision, Event.LargeToken, Event.LargeToken, Event.LargeToken, Event.Completed],
            events.Select(e => e.EventCase));
        Assert.Equal(Wire.RoutingReason.ScoreBelow, events[4].Decision.Reason);
        var completed = events[^1].Completed;
        Assert.Equal("forty-two", completed.Answer);
        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        Assert.Equal("forty two", completed.Small.Answer);
        Assert.Equal("large-peer", completed.Large.Model);
        Assert.True(completed.TimeToFirstFinalToken.ToTimeSpan() >= completed.TimeToFirstToken.ToTimeSpan());

        // The default is fraction 0.2 and ratio 0.2: layer 2 of 10, 4 of 20 tokens, and the peer's importance rises.
        Assert.True(trio.Large.Guidances.TryDequeue(out var guidance));
        var step = Assert.Single(guidance.Masks.Steps);
        Assert.Equal(2, step.Layer);
        Assert.Equal(20, step.Mask.VisualTokenCount);
        Assert.Equal(KeepMask.FromIndices(20, [16, 17, 18, 19]), KeepMask.FromBytes(step.Mask.Bits.Span, 20));
        Assert.Equal("digest of the small model's input", guidance.Digest.VisualSha256.ToStringUtf8());
        Assert.Equal(step, Assert.Single(completed.Pruning.Steps));
        Assert.Equal(1, await trio.MetricAsync("sgl_requests_total", "path=\"escalated\""));
    }

    [Fact]
    public async Task Answer_RequestBringsItsPolicy_ItIsUsed()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.9));
        var policy = new Wire.RoutingPolicy
        {
            Criterion = Wire.ExitCriterion.Entropy,
            Threshold = 0.6,
            Prune = { new Wire.PrunePoint { Layer = 4, KeepRatio = 0.25 }, new Wire.PrunePoint { LayerFraction = 0.1, KeepRatio = 0.5 } },
            Importance = new Wire.ImportanceOptions { Variant = Wire.ImportanceVariant.Paper, ConsistencyRatio = 0.1 },
        };

        var events = await trio.AskAsync(Trio.Request(policy));

        var decision = events.Single(e => e.EventCase == Event.Decision).Decision;
        Assert.Equal(Wire.ExitCriterion.Entropy, decision.Criterion);
        Assert.Equal(Wire.DecisionAction.Escalate, decision.Action);
        Assert.True(trio.Large.Guidances.TryDequeue(out var guidance));
        Assert.Equal([(1, 10), (4, 5)], guidance.Masks.Steps.Select(s => (s.Layer, KeepMask.FromBytes(s.Mask.Bits.Span, 20).Count)));
        Assert.True(trio.Small.Requests.TryDequeue(out var asked));
        Assert.Equal(Wire.ImportanceVariant.Paper, asked.Importance.Variant);
        Assert.Equal(Wire.ImportanceSource.PromptAndGenerated, asked.Importance.Source);
        Assert.Equal(0.1, asked.Importance.ConsistencyRatio);
        Assert.Equal(1, asked.Importance.LayerFraction);
    }

    [Fact]
    public async Task Answer_ForcedSmall_LowScoreExits()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.01));

        var completed = await trio.AnswerAsync(new() { Force = Wire.Route.Small });

        Assert.Equal(Wire.AnswerPath.Exit, completed.Path);
        Assert.Equal(Wire.RoutingReason.ForcedSmall, completed.Reason);
        Assert.Equal(0, trio.Large.Calls);
    }

    [Fact]
    public async Task Answer_ForcedLarge_SmallModelStillGuides()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(1));

        var completed = await trio.AnswerAsync(new() { Force = Wire.Route.Large });

        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        Assert.Equal(Wire.RoutingReason.ForcedLarge, completed.Reason);
        Assert.NotEmpty(trio.Large.Guidances.Single().Masks.Steps);
    }

    [Fact]
    public async Task Answer_ForcedLargeUnpruned_SmallModelIsNotAsked()
    {
        await using var trio = await Trio.StartAsync();

        var events = await trio.AskAsync(Trio.Request(new() { Force = Wire.Route.Large, Unpruned = true }));

        Assert.Equal([Event.Layout, Event.Decision, Event.LargeToken, Event.LargeToken, Event.LargeToken, Event.Completed], events.Select(e => e.EventCase));
        Assert.Null(events[1].Decision.Scores);
        Assert.Null(events[^1].Completed.Small);
        Assert.Null(events[^1].Completed.Importance);
        Assert.Equal(Wire.Guidance.KindOneofCase.Unpruned, trio.Large.Guidances.Single().KindCase);
        Assert.Equal(0, trio.Small.Calls);
    }

    [Fact]
    public async Task Answer_NoImages_ConfidenceDecidesAndNothingIsPruned()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = r => SmallPeer.Decision(r.Messages[0].Parts[0].Text == "sure" ? 0.9 : 0.2));
        var sure = Trio.Request(images: 0);
        sure.Messages[0].Parts[0].Text = "sure";

        var exit = await trio.AskAsync(sure);
        var escalated = await trio.AskAsync(Trio.Request(images: 0));

        Assert.Equal(Wire.ExitCriterion.Confidence, exit.Single(e => e.EventCase == Event.Decision).Decision.Criterion);
        Assert.Equal(Wire.AnswerPath.Exit, exit[^1].Completed.Path);
        Assert.Equal(Wire.AnswerPath.Escalated, escalated[^1].Completed.Path);
        Assert.Equal(Wire.Guidance.KindOneofCase.Unpruned, trio.Large.Guidances.Single().KindCase);
    }

    [Fact]
    public async Task Answer_ScoreNotComputed_Escalates()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => new Wire.ExitScores { Confidence = 1 });

        var events = await trio.AskAsync(Trio.Request(new() { Threshold = 0 }));

        var decision = events.Single(e => e.EventCase == Event.Decision).Decision;
        Assert.Equal(Wire.DecisionAction.Escalate, decision.Action);
        Assert.Equal("decision was not computed", decision.Explanation);
    }

    [Theory]
    [InlineData(0.0, true)]
    [InlineData(1.0, true)]
    [InlineData(1.0000001, false)]
    [InlineData(double.PositiveInfinity, false)]
    public async Task Answer_ThresholdAtItsEnds_ZeroAlwaysExitsAboveOneNever(double threshold, bool exits)
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(threshold == 0 ? 0 : 1));

        var completed = await trio.AnswerAsync(new() { Threshold = threshold });

        Assert.Equal(exits ? Wire.AnswerPath.Exit : Wire.AnswerPath.Escalated, completed.Path);
    }

    [Fact]
    public async Task Answer_OmitImportance_NeitherImportanceNorMasksComeBackButTheLargeModelGetsThem()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0));
        var request = Trio.Request();
        request.OmitImportance = true;

        var completed = (await trio.AskAsync(request))[^1].Completed;

        Assert.Null(completed.Importance);
        Assert.Null(Assert.Single(completed.Pruning.Steps).Mask);
        Assert.NotNull(trio.Large.Guidances.Single().Masks.Steps[0].Mask);
        Assert.False(trio.Small.Requests.Single().OmitImportance);
    }

    [Fact]
    public async Task Answer_SmallTokensComeSlowly_EachIsPassedOnAtOnce()
    {
        await using var trio = await Trio.StartAsync((small, _) =>
        {
            small.Tokens = ["a", "b", "c", "d"];
            small.PerToken = TimeSpan.FromMilliseconds(300);
        });
        await trio.AnswerAsync(); // warm
        var arrivals = new List<TimeSpan>();
        var clock = Stopwatch.StartNew();

        using var call = trio.Client.Answer(Trio.Request());
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            if (response.EventCase == Event.SmallToken)
            {
                arrivals.Add(clock.Elapsed);
            }
        }

        Assert.Equal(4, arrivals.Count);
        Assert.True(arrivals[0] < clock.Elapsed - TimeSpan.FromMilliseconds(900), $"the first token came after {arrivals[0]} of {clock.Elapsed}");
        Assert.All(arrivals.Zip(arrivals.Skip(1)), pair => Assert.True(pair.Second - pair.First > TimeSpan.FromMilliseconds(150)));
    }

    [Fact]
    public async Task Answer_TraceAndRequestId_ReachBothModels()
    {
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0));
        var headers = new Metadata { { "traceparent", $"00-{trace}-00f067aa0ba902b7-01" }, { "x-request-id", "my-request" } };

        await trio.AskAsync(Trio.Request(), new CallOptions(headers));

        foreach (var seen in new[] { trio.Small.Headers.Single(), trio.Large.Headers.Single() })
        {
            Assert.Contains(trace, seen.GetValue("traceparent"), StringComparison.Ordinal);
            Assert.Equal("my-request", seen.GetValue("x-request-id"));
        }
    }

    [Fact]
    public async Task Answer_FiftyAtOnce_EachGetsItsOwnAnswerAndPath()
    {
        await using var trio = await Trio.StartAsync((small, large) =>
        {
            small.Scores = r => SmallPeer.Decision(double.Parse(r.Messages[0].Parts[0].Text, System.Globalization.CultureInfo.InvariantCulture));
            small.PerToken = TimeSpan.FromMilliseconds(5);
            large.PerToken = TimeSpan.FromMilliseconds(5);
        });

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var score = i / 50.0;
            var request = Trio.Request();
            request.Messages[0].Parts[0].Text = score.ToString(System.Globalization.CultureInfo.InvariantCulture);
            return (Score: score, Events: await trio.AskAsync(request));
        }));

        foreach (var (score, events) in answers)
        {
            var exits = score >= 0.7;
            Assert.Equal(score, events.Single(e => e.EventCase == Event.Decision).Decision.Scores.Decision);
            Assert.Equal(exits ? Wire.AnswerPath.Exit : Wire.AnswerPath.Escalated, events[^1].Completed.Path);
            Assert.Equal(exits ? "forty two" : "forty-two", events[^1].Completed.Answer);
            Assert.Equal([0, 1, 2], events.Where(e => e.EventCase == Event.SmallToken).Select(e => e.SmallToken.Index));
        }

        Assert.Equal(50, trio.Small.Calls);
        Assert.Equal(35, trio.Large.Calls);
        Assert.Equal(35, await trio.MetricAsync("sgl_requests_total", "path=\"escalated\""));
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_running"));
    }

    [Fact]
    public async Task GetInfo_BothServe_ModelsAndCompletePolicy()
    {
        await using var trio = await Trio.StartAsync();

        var info = await trio.Client.GetInfoAsync(new());

        Assert.Equal("small-peer", info.Small.Name);
        Assert.Equal("large-peer", info.Large.Name);
        Assert.Equal("", info.PairingProblem);
        Assert.Equal(0.7, info.DefaultPolicy.Threshold);
        Assert.Equal(Wire.ExitCriterion.Decision, info.DefaultPolicy.Criterion);
        Assert.Equal(0.2, Assert.Single(info.DefaultPolicy.Prune).KeepRatio);
        Assert.Equal(Wire.LargeFailurePolicy.Degrade, info.DefaultPolicy.OnLargeFailure);
        Assert.Equal(120, info.DefaultPolicy.LargeTimeout.Seconds);
        Assert.NotEmpty(info.Version);
    }
}
