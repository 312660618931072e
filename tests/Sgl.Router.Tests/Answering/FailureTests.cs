using System.Diagnostics;
using Google.Rpc;
using Grpc.Core;
using Sgl.Hosting;
using Event = Sgl.V1.AnswerResponse.EventOneofCase;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class FailureTests
{
    private static readonly RpcException Down = new(new(StatusCode.Unavailable, "down"));

    public static TheoryData<string, Wire.RoutingReason, StatusCode> LargeFailures() => new()
    {
        { "stopped", Wire.RoutingReason.LargeUnavailable, StatusCode.Unavailable },
        { "unavailable", Wire.RoutingReason.LargeUnavailable, StatusCode.Unavailable },
        { "overloaded", Wire.RoutingReason.LargeOverloaded, StatusCode.ResourceExhausted },
        { "internal", Wire.RoutingReason.LargeFailed, StatusCode.Internal },
        { "late", Wire.RoutingReason.LargeTimeout, StatusCode.DeadlineExceeded },
        { "fails after a token", Wire.RoutingReason.LargeFailed, StatusCode.Internal },
        { "unavailable after a token", Wire.RoutingReason.LargeUnavailable, StatusCode.Unavailable },
        { "no completed event", Wire.RoutingReason.LargeFailed, StatusCode.Internal },
        { "other visual tokens", Wire.RoutingReason.LargeFailed, StatusCode.Internal },
        { "other masks", Wire.RoutingReason.LargeFailed, StatusCode.Internal },
        { "refuses the guidance", Wire.RoutingReason.LargeFailed, StatusCode.InvalidArgument },
    };

    [Theory]
    [MemberData(nameof(LargeFailures))]
    public async Task Answer_LargeFailsAndPolicyDegrades_SmallAnswerMarkedAsDegraded(string failure, Wire.RoutingReason reason, StatusCode status)
    {
        Assert.NotEqual(StatusCode.OK, status);
        await using var trio = await EscalatingTrioAsync();
        await BreakAsync(trio, failure);

        var completed = await trio.AnswerAsync(new() { LargeTimeout = new() { Nanos = 500_000_000 } });

        Assert.Equal(Wire.AnswerPath.Degraded, completed.Path);
        Assert.Equal(reason, completed.Reason);
        Assert.Equal("forty two", completed.Answer);
        Assert.Null(completed.Large);
        Assert.StartsWith("the small model's answer stands in: the large model", completed.Explanation, StringComparison.Ordinal);
        Assert.Equal(1, await trio.MetricAsync("sgl_requests_total", "path=\"degraded\""));
        Assert.Equal(1, await trio.MetricAsync("sgl_router_degraded_total", $"reason=\"{reason.ToString().ToLowerInvariant()}\""));
    }

    [Theory]
    [MemberData(nameof(LargeFailures))]
    public async Task Answer_LargeFailsAndPolicyFails_StatusOfTheLargeModel(string failure, Wire.RoutingReason reason, StatusCode status)
    {
        Assert.NotEqual(Wire.RoutingReason.Unspecified, reason);
        await using var trio = await EscalatingTrioAsync();
        await BreakAsync(trio, failure);
        var policy = new Wire.RoutingPolicy { OnLargeFailure = Wire.LargeFailurePolicy.Fail, LargeTimeout = new() { Nanos = 500_000_000 } };

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync(policy));

        Assert.Equal(status, error.StatusCode);
        var details = error.GetRpcStatus()!;
        Assert.Equal("sgl.v1", details.GetDetail<ErrorInfo>()!.Domain);
        Assert.Equal(status is StatusCode.Unavailable or StatusCode.ResourceExhausted, details.GetDetail<RetryInfo>() is not null);
        Assert.DoesNotContain("127.0.0.1", error.Status.Detail, StringComparison.Ordinal);
        if (failure == "overloaded")
        {
            Assert.Equal(7, details.GetDetail<RetryInfo>()!.RetryDelay.Seconds);
        }

        if (failure == "refuses the guidance")
        {
            Assert.Equal("policy.prune", Assert.Single(details.GetDetail<BadRequest>()!.FieldViolations).Field);
        }

        Assert.Equal(failure is "refuses the guidance" or "overloaded" ? 0 : 1, await trio.MetricAsync("sgl_requests_total", "path=\"failed\""));
        Assert.Equal(failure == "overloaded" ? 1 : 0, await trio.MetricAsync("sgl_requests_total", "path=\"shed\""));
    }

    [Fact]
    public async Task Answer_LargeLate_DegradedWithinItsTimeoutAndLargeIsCancelled()
    {
        await using var trio = await EscalatingTrioAsync();
        trio.Large.BeforeTokens = TimeSpan.FromMinutes(1);
        var clock = Stopwatch.StartNew();

        var completed = await trio.AnswerAsync(new() { LargeTimeout = new() { Nanos = 400_000_000 } });

        Assert.Equal(Wire.AnswerPath.Degraded, completed.Path);
        Assert.Contains("within 0.4 s", completed.Explanation, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.35, 10);
        Assert.True(await trio.Large.Cancelled.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.NotEqual(DateTime.MaxValue, trio.Large.Deadlines.Single());
    }

    [Fact]
    public async Task Answer_RequestDeadlineNearAndPolicyDegrades_DegradedAnswerArrivesBeforeIt()
    {
        // A margin that a busy machine cannot use up: the large model gets two seconds, the degraded answer the other twenty.
        await using var trio = await EscalatingTrioAsync(("Router:DegradeMargin", "00:00:20"));
        trio.Large.BeforeTokens = TimeSpan.FromMinutes(1);

        var events = await trio.AskAsync(Trio.Request(), new CallOptions(deadline: DateTime.UtcNow.AddSeconds(22)));

        Assert.Equal(Wire.AnswerPath.Degraded, events[^1].Completed.Path);
        Assert.Equal(Wire.RoutingReason.LargeTimeout, events[^1].Completed.Reason);
    }

    [Fact]
    public async Task Answer_LargeDownThenBack_EscalatesAgain()
    {
        await using var trio = await EscalatingTrioAsync();
        await trio.Large.StopAsync();
        Assert.Equal(Wire.AnswerPath.Degraded, (await trio.AnswerAsync()).Path);
        await trio.UntilAsync(async () => (await trio.Client.GetInfoAsync(new())).Large is null);

        await trio.Large.StartAsync();
        await trio.UntilAsync(async () => (await trio.Client.GetInfoAsync(new())).Large is not null);

        Assert.Equal(Wire.AnswerPath.Escalated, (await trio.AnswerAsync()).Path);
    }

    [Fact]
    public async Task Answer_LargeNeverSeen_SmallAnswersAreServedAndEscalationsDegrade()
    {
        await using var trio = await Trio.StartWithoutWaitingAsync((small, _) => small.Scores = r => SmallPeer.Decision(r.Images.Count == 1 ? 0.9 : 0.1), startLarge: false);
        await trio.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        Assert.Equal(Wire.RoutingReason.LargeUnavailable, (await trio.AnswerAsync(images: 2)).Reason);
    }

    [Fact]
    public async Task Answer_SmallUnavailableTwice_ThirdAttemptAnswers()
    {
        await using var trio = await Trio.StartAsync();
        trio.Small.Failures.Enqueue(Down);
        trio.Small.Failures.Enqueue(Down);

        var events = await trio.AskAsync(Trio.Request());

        Assert.Equal(Wire.AnswerPath.Exit, events[^1].Completed.Path);
        Assert.Single(events, e => e.EventCase == Event.Layout);
        Assert.Equal(3, trio.Small.Calls);
        Assert.Equal(2, await trio.MetricAsync("sgl_router_retries_total", "backend=\"small\""));
    }

    [Fact]
    public async Task Answer_LargeUnavailableOnce_SecondAttemptGetsInputAndGuidance()
    {
        await using var trio = await EscalatingTrioAsync();
        trio.Large.Failures.Enqueue(Down);

        var completed = await trio.AnswerAsync();

        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        Assert.Equal(2, trio.Large.Calls);
    }

    [Fact]
    public async Task Answer_SmallUnavailableAfterLayoutBeforeTokens_RetriedWithOneLayoutOnly()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.FailAfter = (0, Down));
        var answer = trio.AskAsync(Trio.Request());
        Assert.True(await trio.Small.Started.WaitAsync(TimeSpan.FromSeconds(10)));
        trio.Small.FailAfter = null;

        var events = await answer;

        Assert.Single(events, e => e.EventCase == Event.Layout);
        Assert.Equal(3, events.Count(e => e.EventCase == Event.SmallToken));
    }

    [Fact]
    public async Task Answer_SmallUnavailableAfterAToken_NotRetried()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.FailAfter = (1, Down));

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Equal(1, trio.Small.Calls);
    }

    [Fact]
    public async Task Answer_SmallKeepsFailing_UnavailableAfterAllAttempts()
    {
        await using var trio = await Trio.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            trio.Small.Failures.Enqueue(Down);
        }

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Equal("The small model cannot be reached.", error.Status.Detail);
        Assert.NotNull(error.GetRpcStatus()!.GetDetail<RetryInfo>());
        Assert.Equal(3, trio.Small.Calls);
    }

    [Fact]
    public async Task Answer_RetryBudgetSpent_NoMoreRetries()
    {
        await using var trio = await Trio.StartAsync(("Router:Retry:BudgetBurst", "2"), ("Router:Retry:BudgetRatio", "0"));
        for (var i = 0; i < 6; i++)
        {
            trio.Small.Failures.Enqueue(Down);
        }

        await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());
        Assert.Equal(3, trio.Small.Calls);
        await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());
        Assert.Equal(4, trio.Small.Calls);
    }

    [Fact]
    public async Task Answer_SmallRefuses_ViolationsUnderTheRoutersFieldNames()
    {
        await using var trio = await Trio.StartAsync();
        trio.Small.Failures.Enqueue(Faults.InvalidArgument(
            [new("images[0].data", "is not an image"), new("importance.consistency_ratio", "is odd")], "IMAGE_UNREADABLE").ToRpcException());

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        var status = error.GetRpcStatus()!;
        Assert.Equal(["images[0].data", "policy.importance.consistency_ratio"], status.GetDetail<BadRequest>()!.FieldViolations.Select(v => v.Field));
        Assert.Equal("IMAGE_UNREADABLE", status.GetDetail<ErrorInfo>()!.Reason);
        Assert.Equal(1, trio.Small.Calls);
    }

    [Theory]
    [InlineData("late", StatusCode.DeadlineExceeded)]
    [InlineData("no completed event", StatusCode.Internal)]
    [InlineData("importance of another length", StatusCode.Internal)]
    [InlineData("overloaded", StatusCode.ResourceExhausted)]
    public async Task Answer_SmallBreaks_StatusSaysWhat(string failure, StatusCode status)
    {
        await using var trio = await Trio.StartAsync(("Router:Small:Timeout", "00:00:01"));
        switch (failure)
        {
            case "late":
                trio.Small.AfterTokens = TimeSpan.FromMinutes(1);
                break;
            case "no completed event":
                trio.Small.OmitCompleted = true;
                break;
            case "importance of another length":
                trio.Small.Importance = new float[19];
                break;
            case "overloaded":
                trio.Small.Failures.Enqueue(Faults.Overloaded("full", TimeSpan.FromSeconds(9)).ToRpcException());
                break;
        }

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());

        Assert.Equal(status, error.StatusCode);
        Assert.Equal(0, trio.Large.Calls);
        if (failure == "late")
        {
            Assert.Equal("The small model gave no answer within 1 s.", error.Status.Detail);
            Assert.True(await trio.Small.Cancelled.WaitAsync(TimeSpan.FromSeconds(10)));
        }
    }

    [Fact]
    public async Task Answer_MoreThanTheRouterTakes_RefusedWithARetryDelayUntilOthersEnd()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.AfterTokens = TimeSpan.FromSeconds(1), ("Router:MaxConcurrentRequests", "2"));
        var running = new[] { trio.AnswerAsync(), trio.AnswerAsync() };
        Assert.True(await trio.Small.Started.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.True(await trio.Small.Started.WaitAsync(TimeSpan.FromSeconds(10)));

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync());

        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.NotNull(error.GetRpcStatus()!.GetDetail<RetryInfo>());
        await Task.WhenAll(running);
        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        Assert.Equal(0, await trio.MetricAsync("sgl_requests_running"));
    }

    private static Task<Trio> EscalatingTrioAsync(params (string Key, string Value)[] settings) =>
        Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.1), [("Router:Retry:InitialBackoff", "00:00:00.005"), .. settings]);

    private static async Task BreakAsync(Trio trio, string failure)
    {
        var large = trio.Large;
        switch (failure)
        {
            case "stopped":
                await large.StopAsync();
                break;
            case "unavailable":
                for (var i = 0; i < 3; i++)
                {
                    large.Failures.Enqueue(Down);
                }

                break;
            case "overloaded":
                large.Failures.Enqueue(Faults.Overloaded("full", TimeSpan.FromSeconds(7)).ToRpcException());
                break;
            case "internal":
                large.Failures.Enqueue(new RpcException(new(StatusCode.Internal, "secret of 127.0.0.1")));
                break;
            case "late":
                large.BeforeTokens = TimeSpan.FromMinutes(1);
                break;
            case "fails after a token":
                large.FailAfter = (1, new RpcException(new(StatusCode.DataLoss, "broken")));
                break;
            case "unavailable after a token":
                large.FailAfter = (1, Down);
                break;
            case "no completed event":
                large.OmitCompleted = true;
                break;
            case "other visual tokens":
                large.VisualTokens = 21;
                break;
            case "other masks":
                large.ChangesMasks = true;
                break;
            case "refuses the guidance":
                large.Failures.Enqueue(Faults.InvalidArgument("guidance.masks.steps[0].mask", "is odd").ToRpcException());
                break;
            default:
                throw new UnreachableException(failure);
        }
    }
}
