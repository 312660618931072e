using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Google.Rpc;
using Grpc.Core;
using Sgl.Hosting;
using StatusCode = Grpc.Core.StatusCode;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class LimitTests
{
    [Fact]
    public async Task Requests_MoreThanTheMinuteHas_RefusedInTheTermsOfEachProtocol()
    {
        await using var guarded = await GuardedTrio.StartAsync(("Access:Keys:0:RequestsPerMinute", "2"));

        using var first = await guarded.PostAsync(GuardedTrio.AlicesKey);
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal("2", first.Headers.GetValues("x-ratelimit-limit-requests").Single());
        Assert.Equal("1", first.Headers.GetValues("x-ratelimit-remaining-requests").Single());
        await guarded.AnswerAsync(GuardedTrio.AlicesKey);

        using var refused = await guarded.PostAsync(GuardedTrio.AlicesKey);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        Assert.Equal("0", refused.Headers.GetValues("x-ratelimit-remaining-requests").Single());
        var error = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal(("rate_limit_error", "rate_limited"), (error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));

        var overGrpc = await Assert.ThrowsAsync<RpcException>(() => guarded.AnswerAsync(GuardedTrio.AlicesKey));
        Assert.Equal(StatusCode.ResourceExhausted, overGrpc.StatusCode);
        Assert.Equal(ErrorReasons.RateLimited, overGrpc.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
        Assert.True(overGrpc.GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan() > TimeSpan.Zero);
        Assert.Contains(overGrpc.Trailers, t => t.Key == "x-ratelimit-limit-requests");

        // Another key is not held up by it.
        await guarded.AnswerAsync(GuardedTrio.BobsKey);
        Assert.Equal(2, await guarded.Trio.MetricAsync("sgl_key_refused_total", "key=\"alice\"", "reason=\"requests\""));
        Assert.Equal(3, guarded.Trio.Small.Requests.Count);
    }

    [Fact]
    public async Task Requests_UnderLoad_NeverMoreThanAllowed()
    {
        const int perMinute = 60;
        await using var guarded = await GuardedTrio.StartAsync(("Access:Keys:0:RequestsPerMinute", $"{perMinute}"));
        var started = Stopwatch.StartNew();
        var answered = 0;

        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            if (i % 2 == 0)
            {
                using var response = await guarded.PostAsync(GuardedTrio.AlicesKey);
                Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, $"{response.StatusCode}");
                Interlocked.Add(ref answered, response.IsSuccessStatusCode ? 1 : 0);
            }
            else
            {
                try
                {
                    await guarded.AnswerAsync(GuardedTrio.AlicesKey);
                    Interlocked.Increment(ref answered);
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
                {
                    Assert.NotNull(e.GetRpcStatus()!.GetDetail<RetryInfo>());
                }
            }
        });

        // What came in meanwhile may have been used too; measured over more time than the router saw.
        Assert.InRange(answered, perMinute, perMinute + (started.Elapsed.TotalMinutes * perMinute) + 1);
        Assert.Equal(answered, guarded.Trio.Small.Requests.Count);
    }

    [Fact]
    public async Task Concurrent_UnderLoad_NeverMoreAtOnceAndEveryPlaceComesBack()
    {
        await using var guarded = await GuardedTrio.StartAsync((small, _) => small.BeforeTokens = TimeSpan.FromMilliseconds(20), null, ("Access:Keys:0:MaxConcurrent", "3"));
        var (answered, refused) = (0, 0);

        await Parallel.ForEachAsync(Enumerable.Range(0, 150), new ParallelOptions { MaxDegreeOfParallelism = 24 }, async (i, _) =>
        {
            try
            {
                await guarded.AnswerAsync(GuardedTrio.AlicesKey);
                Interlocked.Increment(ref answered);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
            {
                Interlocked.Increment(ref refused);
            }
        });

        Assert.Equal(150, answered + refused);
        Assert.True(refused > 0 && answered >= 3, $"{answered} answered, {refused} refused");
        Assert.InRange(guarded.Trio.Small.MostAtOnce, 1, 3);

        // Cancelled calls give theirs back too.
        guarded.Trio.Small.BeforeTokens = TimeSpan.FromMinutes(5);
        for (var round = 0; round < 4; round++)
        {
            using var cancel = new CancellationTokenSource();
            using var call = guarded.Client(GuardedTrio.AlicesKey).Answer(Trio.Request(), cancellationToken: cancel.Token);
            await guarded.Trio.UntilAsync(async () =>
            {
                Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
                return true;
            });
            cancel.Cancel();
        }

        guarded.Trio.Small.BeforeTokens = TimeSpan.Zero;
        await guarded.Trio.UntilAsync(async () =>
        {
            using var models = await guarded.PostAsync(GuardedTrio.AlicesKey);
            return models.StatusCode == HttpStatusCode.OK;
        });
    }

    [Fact]
    public async Task Tokens_Used_RefusedUntilTheyHaveComeIn()
    {
        await using var guarded = await GuardedTrio.StartAsync(("Access:Keys:0:TokensPerMinute", "10"));

        // More than there is, which is known when it ends; the last event may reach the client before it is counted.
        await guarded.AnswerAsync(GuardedTrio.AlicesKey);
        RpcException? refused = null;
        await guarded.Trio.UntilAsync(async () => (refused = await Record.ExceptionAsync(() => guarded.AnswerAsync(GuardedTrio.AlicesKey)) as RpcException) is not null);

        Assert.Equal(StatusCode.ResourceExhausted, refused!.StatusCode);
        Assert.Contains("tokens", refused.Status.Detail, StringComparison.Ordinal);
        Assert.True(refused.GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan() > TimeSpan.FromSeconds(60));
        using var overHttp = await guarded.PostAsync(GuardedTrio.AlicesKey);
        Assert.Equal("0", overHttp.Headers.GetValues("x-ratelimit-remaining-tokens").Single());
        Assert.True(await guarded.Trio.MetricAsync("sgl_key_tokens_total", "key=\"alice\"") >= 32);
    }

    [Fact]
    public async Task Tokens_OfAnAnswerThatIsCancelled_AreCounted()
    {
        await using var guarded = await GuardedTrio.StartAsync((small, _) => small.AfterTokens = TimeSpan.FromMinutes(5), null);
        using (var call = guarded.Client(GuardedTrio.AlicesKey).Answer(Trio.Request()))
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.SmallToken?.Index != 2)
            {
            }
        }

        // 20 visual tokens, 9 others, 3 answered.
        await guarded.Trio.UntilAsync(async () => await guarded.Trio.MetricAsync("sgl_key_tokens_total", "key=\"alice\"") == 32);
    }

    [Theory]
    [InlineData(Wire.Route.Unspecified, true)]
    [InlineData(Wire.Route.Small, true)]
    [InlineData(Wire.Route.Large, false)]
    public async Task Routes_OnlySome_OthersDenied(Wire.Route route, bool allowed)
    {
        await using var guarded = await GuardedTrio.StartAsync(("Access:Keys:0:Routes:0", "auto"), ("Access:Keys:0:Routes:1", "small"));
        var policy = new Wire.RoutingPolicy { Force = route };

        if (allowed)
        {
            await guarded.AnswerAsync(GuardedTrio.AlicesKey, policy);
            return;
        }

        var denied = await Assert.ThrowsAsync<RpcException>(() => guarded.AnswerAsync(GuardedTrio.AlicesKey, policy));
        Assert.Equal(StatusCode.PermissionDenied, denied.StatusCode);
        Assert.Equal(ErrorReasons.PermissionDenied, denied.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
        using var overHttp = await guarded.PostAsync(GuardedTrio.AlicesKey, new { force = "large" });
        Assert.Equal(HttpStatusCode.Forbidden, overHttp.StatusCode);
        Assert.Contains("permission_error", await overHttp.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(2, await guarded.Trio.MetricAsync("sgl_key_refused_total", "key=\"alice\"", "reason=\"forbidden\""));
        await guarded.AnswerAsync(GuardedTrio.BobsKey, policy);
    }

    [Fact]
    public async Task Policies_OnlyTheServers_OwnOnesDenied()
    {
        await using var guarded = await GuardedTrio.StartAsync(("Access:Keys:0:Policies:0", "default"));

        await guarded.AnswerAsync(GuardedTrio.AlicesKey);
        await guarded.AnswerAsync(GuardedTrio.AlicesKey, new Wire.RoutingPolicy { Force = Wire.Route.Small });
        foreach (var own in new[] { new Wire.RoutingPolicy { Threshold = 0 }, new Wire.RoutingPolicy { Unpruned = true }, new Wire.RoutingPolicy { OmitDraft = true } })
        {
            var denied = await Assert.ThrowsAsync<RpcException>(() => guarded.AnswerAsync(GuardedTrio.AlicesKey, own));
            Assert.Equal(StatusCode.PermissionDenied, denied.StatusCode);
        }
    }
}
