using Grpc.Core;
using Event = Sgl.V1.AnswerResponse.EventOneofCase;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>One bad replica of two, in every way a process can be bad: no question may notice.</summary>
public sealed class BadReplicaTests
{
    private const int Questions = 60;

    public static TheoryData<string, string> Faults() => FaultsAnd("another model");

    public static TheoryData<string, string> FaultsAtStart() => FaultsAnd();

    private static TheoryData<string, string> FaultsAnd(params string[] more)
    {
        var data = new TheoryData<string, string>();
        foreach (var model in new[] { "small", "large" })
        {
            foreach (var fault in (string[])[.. more, "not serving", "another layout", "fails each call", .. Enum.GetNames<LineFault>().Where(n => n != nameof(LineFault.None))])
            {
                data.Add(model, fault);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Answer_EachReplicaGoesBadInTurn_EveryQuestionIsAnsweredByTheOther(string model, string fault)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null);
        await pair.ServingAsync();
        await AskAsync(pair);
        foreach (var bad in new[] { 0, 1 })
        {
            Break(pair, bad, fault);
            await AskAsync(pair);
            Mend(pair, bad);
            await pair.UntilPickedAsync(bad, picked: true);
        }

        var calls = pair.Peers.Select(p => p.Calls).ToList();
        await AskAsync(pair);
        Assert.All(pair.Peers.Zip(calls), p => Assert.True(p.First.Calls > p.Second, "a replica that recovered is given no calls"));
    }

    [Theory]
    [MemberData(nameof(FaultsAtStart))]
    public async Task Start_OneReplicaIsBad_RouterBecomesReadyAndNeverAsksIt(string model, string fault)
    {
        foreach (var bad in new[] { 0, 1 })
        {
            await using var pair = await ReplicaPair.StartAsync(model, p => Break(p, bad, fault));
            await pair.ServingAsync();

            await AskAsync(pair);

            if (fault != "fails each call")
            {
                Assert.Equal(0, pair.Peers[bad].Calls);
                Assert.Contains(":" + pair.Lines[bad].Port, pair.Trio.Health.Note, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Answer_AllReplicasStopAnswering_ToldWithinSecondsAndAnsweredOnceOneIsBack(string model)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null);
        await pair.ServingAsync();
        pair.Lines[0].Set(LineFault.Stopped);
        pair.Lines[1].Set(LineFault.Silent);
        await pair.Trio.UntilAsync(async () => (await pair.Trio.Client.GetInfoAsync(new())) is var info && (model == "small" ? info.Small : info.Large) is null);

        // The replica's own clock does not run: only the router can know, without asking.
        var policy = new Wire.RoutingPolicy { OnLargeFailure = Wire.LargeFailurePolicy.Fail };
        var error = await Assert.ThrowsAsync<RpcException>(() => pair.Trio.AskAsync(Trio.Request(policy), new CallOptions(deadline: DateTime.UtcNow.AddSeconds(20))));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        if (model == "large")
        {
            Assert.Equal(Wire.RoutingReason.LargeUnavailable, (await pair.Trio.AnswerAsync()).Reason);
            Assert.True(pair.Trio.Health.IsServing);
        }
        else
        {
            Assert.Contains(" s at 127.0.0.1:", pair.Trio.Health.Reason, StringComparison.Ordinal);
        }

        pair.Lines[0].Set(LineFault.None);
        await pair.ServingAsync();

        Assert.Equal(Wire.AnswerPath.Escalated, (await pair.Trio.AnswerAsync()).Path);
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Answer_ReplicaStopsWhileQuestionsWaitThere_TheyAreAnsweredByTheOther(string model)
    {
        await using var pair = await ReplicaPair.StartAsync(
            model, null, ("Router:Retry:BudgetBurst", "0"), ("Router:Retry:BudgetRatio", "0"),
            ("Router:Small:FirstResponseTimeout", "00:01:00"), ("Router:Large:FirstResponseTimeout", "00:01:00"));
        await pair.ServingAsync();
        SetWait(pair, 0, TimeSpan.FromMinutes(5));
        SetWait(pair, 1, TimeSpan.FromMinutes(5));
        var answers = Enumerable.Range(0, 20).Select(_ => pair.Trio.AnswerAsync()).ToList();
        await pair.Trio.UntilAsync(() => Task.FromResult(pair.Peers.Sum(p => p.Calls) == answers.Count));
        Assert.All(pair.Peers, p => Assert.Equal(10, p.Calls));

        // What waits at the other replica waits for ever; what is asked again is answered.
        SetWait(pair, 1, TimeSpan.Zero);
        pair.Lines[0].Set(LineFault.Stopped);

        for (var i = 0; i < 10; i++)
        {
            var done = await Task.WhenAny(answers).WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Equal(Wire.AnswerPath.Escalated, (await done).Path);
            answers.Remove(done);
        }

        Assert.Equal(20, pair.Peers[1].Calls);
    }

    [Theory]
    [InlineData("small", LineFault.Killed)]
    [InlineData("small", LineFault.Stopped)]
    [InlineData("large", LineFault.Killed)]
    [InlineData("large", LineFault.Stopped)]
    public async Task Answer_ReplicaGoesBadAfterTokensWereShown_OtherGoesOnAndNoTokenIsShownTwice(string model, LineFault fault)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null);
        await using var answer = await BeginAsync(pair, model, new Wire.Sampling());

        pair.Lines[answer.Replica].Set(fault);
        await answer.EndAsync();

        Assert.Equal(Wire.AnswerPath.Escalated, answer.Events[^1].Completed.Path);
        Assert.Equal(["for", "ty", model == "small" ? " two" : "-two"], answer.Shown);
        Assert.Equal(2, pair.Peers.Sum(p => p.Calls));
        if (pair.Peers[1 - answer.Replica] is LargePeer other)
        {
            Assert.Equal([200], other.Guidances.Single().Draft.TokenIds);
        }
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Answer_ReplicaDiesAfterTokensWereShownAndTheOtherIsOnlyHeldBack_OtherGoesOn(string model)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null, ("Router:Ejection:BaseTime", "00:01:00"), ("Router:Ejection:MaxTime", "00:01:00"));
        await pair.ServingAsync();
        for (var i = 0; i < 2; i++)
        {
            pair.Lines[1].Set(LineFault.Killed);
            await pair.Trio.UntilAsync(() => Task.FromResult(pair.Trio.Health.Note.Length > 0));
            pair.Lines[1].Set(LineFault.None);
            await pair.Trio.UntilAsync(() => Task.FromResult(pair.Trio.Health.Note.Length == 0));
        }

        await using var answer = await BeginAsync(pair, model, new Wire.Sampling());
        Assert.Equal(0, answer.Replica);
        pair.Lines[0].Set(LineFault.Killed);
        await answer.EndAsync();

        Assert.Equal(Wire.AnswerPath.Escalated, answer.Events[^1].Completed.Path);
        Assert.Equal(3, answer.Shown.Count());
    }

    [Theory]
    [InlineData(LineFault.Silent)]
    [InlineData(LineFault.Stopped)]
    public async Task Start_OneLargeReplicaIsSilent_TheFirstQuestionOfAReadyRouterIsNotDegraded(LineFault fault)
    {
        await using var pair = await ReplicaPair.StartAsync("large", p => p.Lines[0].Set(fault));
        await pair.Trio.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(Wire.AnswerPath.Escalated, (await pair.Trio.AnswerAsync()).Path);
    }

    [Theory]
    [InlineData("small", LineFault.Killed, true)]
    [InlineData("small", LineFault.Stopped, false)]
    [InlineData("large", LineFault.Killed, true)]
    [InlineData("large", LineFault.Killed, false)]
    [InlineData("large", LineFault.Stopped, false)]
    public async Task Answer_ReplicaGoesBadAndNoOtherCanGoOn_NothingIsRepeatedAndTheClientIsTold(string model, LineFault fault, bool otherAnswersDifferently)
    {
        var key = model == "small" ? "Router:Small" : "Router:Large";
        await using var pair = await ReplicaPair.StartAsync(model, null, ($"{key}:KeepAlivePingDelay", "00:00:01"), ($"{key}:KeepAlivePingTimeout", "00:00:01"));
        await using var answer = await BeginAsync(pair, model, otherAnswersDifferently ? new Wire.Sampling() : new Wire.Sampling { Temperature = 1 });
        if (otherAnswersDifferently)
        {
            (pair.Peers[1 - answer.Replica] as SmallPeer)?.Tokens = ["fif", "ty"];
            (pair.Peers[1 - answer.Replica] as LargePeer)?.Tokens = ["fif", "ty"];
        }

        pair.Lines[answer.Replica].Set(fault);
        if (model == "small")
        {
            await Assert.ThrowsAsync<RpcException>(answer.EndAsync);
        }
        else
        {
            await answer.EndAsync();
            Assert.Equal(Wire.AnswerPath.Degraded, answer.Events[^1].Completed.Path);
        }

        Assert.Equal(["for"], answer.Shown);
        Assert.Equal(otherAnswersDifferently ? 2 : 1, pair.Peers.Sum(p => p.Calls));
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Answer_ReplicaProbesWellButCallsGetNoResponse_LeftOutForATimeThenTried(string model)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null);
        await pair.ServingAsync();
        pair.Peers[0].Mute = true;

        await AskAsync(pair);

        var replica = $"replica=\"127.0.0.1:{pair.Lines[0].Port}\"";
        Assert.InRange(await pair.Trio.MetricAsync("sgl_router_replica_ejections_total", replica), 1, 10);
        Assert.InRange(await pair.Trio.MetricAsync("sgl_router_replica_failures_total", replica, "kind=\"silent\""), 1, 20);
        pair.Peers[0].Mute = false;
        await pair.UntilPickedAsync(0, picked: true);
        await AskAsync(pair);
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Answer_ReplicaIsBusyForLongerThanAnyFirstResponse_IsWaitedForAndNotLeftOut(string model)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null, ("Router:Large:FirstResponseTimeout", "00:00:02"), ("Router:Small:FirstResponseTimeout", "00:00:02"));
        await pair.ServingAsync();
        SetWait(pair, 0, TimeSpan.FromSeconds(3));
        SetWait(pair, 1, TimeSpan.FromSeconds(3));

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => pair.Trio.AnswerAsync()));

        Assert.All(answers, a => Assert.Equal(Wire.AnswerPath.Escalated, a.Path));
        Assert.Equal(20, pair.Peers.Sum(p => p.Calls));
        Assert.Equal(0, await pair.Trio.MetricAsync("sgl_router_replica_ejections_total"));
        Assert.Equal(0, await pair.Trio.MetricAsync("sgl_router_retries_total", $"backend=\"{model}\""));
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Answer_OneReplicaIsFull_TheOtherAnswersAndNothingIsEjected(string model)
    {
        await using var pair = await ReplicaPair.StartAsync(model, null, ("Router:Retry:InitialBackoff", "00:00:00.001"));
        await pair.ServingAsync();
        for (var i = 0; i < 200; i++)
        {
            pair.Peers[0].Failures.Enqueue(Hosting.Faults.Overloaded("full", TimeSpan.FromSeconds(30)).ToRpcException());
        }

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(Wire.AnswerPath.Escalated, (await pair.Trio.AnswerAsync()).Path);
        }

        Assert.Equal(20, pair.Peers[1].Calls);
        Assert.InRange(pair.Peers[0].Calls, 1, 10);
        Assert.Equal(0, await pair.Trio.MetricAsync("sgl_router_replica_ejections_total"));
    }

    [Fact]
    public async Task Answer_ClientsFault_IsNotTheReplicas()
    {
        await using var pair = await ReplicaPair.StartAsync("small", null);
        await pair.ServingAsync();
        for (var i = 0; i < 12; i++)
        {
            pair.Peers[i % 2].Failures.Enqueue(Hosting.Faults.InvalidArgument("images[0].data", "is no image").ToRpcException());
        }

        for (var i = 0; i < 12; i++)
        {
            await Assert.ThrowsAsync<RpcException>(() => pair.Trio.AnswerAsync());
        }

        Assert.All(pair.Peers, p => Assert.Equal(6, p.Calls));
        Assert.Equal(0, await pair.Trio.MetricAsync("sgl_router_replica_ejections_total"));
    }

    private static async Task AskAsync(ReplicaPair pair)
    {
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) <= Questions)
            {
                // Far above what a healthy try takes, far below the time limits of a hop.
                var events = await pair.Trio.AskAsync(Trio.Request(), new CallOptions(deadline: DateTime.UtcNow.AddSeconds(20)));
                Assert.Equal(Wire.AnswerPath.Escalated, events[^1].Completed.Path);
                Assert.Equal(3, events.Count(e => e.EventCase == Event.SmallToken));
                Assert.Equal(3, events.Count(e => e.EventCase == Event.LargeToken));
            }
        }));
    }

    private static void Break(ReplicaPair pair, int replica, string fault)
    {
        switch (fault)
        {
            case "not serving":
                pair.Peers[replica].SetServing(false);
                break;
            case "another model":
                SetModel(pair.Peers[replica], "another", "peer/16");
                break;
            case "another layout":
                SetModel(pair.Peers[replica], "another", "peer/32");
                break;
            case "fails each call":
                for (var i = 0; i < Questions; i++)
                {
                    pair.Peers[replica].Failures.Enqueue(new RpcException(new(StatusCode.Unavailable, "out of order")));
                }

                break;
            default:
                pair.Lines[replica].Set(Enum.Parse<LineFault>(fault));
                break;
        }
    }

    private static void Mend(ReplicaPair pair, int replica)
    {
        pair.Peers[replica].SetServing(true);
        SetModel(pair.Peers[replica], pair.Peers[replica] is SmallPeer ? "small-peer" : "large-peer", "peer/16");
        pair.Peers[replica].Failures.Clear();
        pair.Lines[replica].Set(LineFault.None);
    }

    private static void SetModel(Peer peer, string name, string layout)
    {
        var info = (peer as SmallPeer)?.Info ?? ((LargePeer)peer).Info;
        (info.Name, info.VisualLayoutKey) = (name, layout);
    }

    private static void SetWait(ReplicaPair pair, int replica, TimeSpan wait)
    {
        (pair.Peers[replica] as SmallPeer)?.BeforeTokens = wait;
        (pair.Peers[replica] as LargePeer)?.BeforeTokens = wait;
    }

    /// <summary>Asks, and waits until one token of the model was shown; the replica that made it makes no further one.</summary>
    private static async Task<BegunAnswer> BeginAsync(ReplicaPair pair, string model, Wire.Sampling sampling)
    {
        await pair.ServingAsync();
        SetPerToken(TimeSpan.FromMinutes(5));
        var request = Trio.Request();
        request.Sampling = sampling;
        var answer = new BegunAnswer(pair, pair.Trio.Client.Answer(request), model == "small" ? Event.SmallToken : Event.LargeToken);
        await answer.FirstTokenAsync();
        SetPerToken(TimeSpan.Zero);
        return answer;

        void SetPerToken(TimeSpan time)
        {
            foreach (var peer in pair.Peers)
            {
                (peer as SmallPeer)?.PerToken = time;
                (peer as LargePeer)?.PerToken = time;
            }
        }
    }

    private sealed class BegunAnswer(ReplicaPair pair, AsyncServerStreamingCall<Wire.AnswerResponse> call, Event token) : IAsyncDisposable
    {
        public List<Wire.AnswerResponse> Events { get; } = [];

        public IEnumerable<string> Shown => Events.Where(e => e.EventCase == token).Select(e => (e.SmallToken ?? e.LargeToken).Text);

        /// <summary>The one that answers.</summary>
        public int Replica { get; private set; }

        public async Task FirstTokenAsync()
        {
            while (!Shown.Any())
            {
                Assert.True(await call.ResponseStream.MoveNext().WaitAsync(TimeSpan.FromSeconds(20)));
                Events.Add(call.ResponseStream.Current);
            }

            Replica = pair.Peers[0].Calls == 1 ? 0 : 1;
        }

        public async Task EndAsync()
        {
            while (await call.ResponseStream.MoveNext().WaitAsync(TimeSpan.FromSeconds(30)))
            {
                Events.Add(call.ResponseStream.Current);
            }
        }

        public ValueTask DisposeAsync()
        {
            call.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
