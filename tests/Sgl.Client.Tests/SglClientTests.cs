using Grpc.Core;

namespace Sgl.Client.Tests;

/// <summary>The client against the real router.</summary>
[Collection(nameof(DemoRouter))]
public sealed class SglClientTests(DemoRouter router)
{
    [Fact]
    public async Task AskAsync_SmallAnswerIsGoodEnough_HasNoLargeTokens()
    {
        var events = await AskAsync(DemoRouter.Question(new() { Threshold = 0 }));

        Assert.IsType<SglPromptEvent>(events[0]);
        Assert.True(Assert.Single(events.OfType<SglPromptEvent>()).Layout.VisualTokenCount > 0);
        var decision = Assert.Single(events.OfType<SglDecisionEvent>());
        Assert.False(decision.Escalates);
        Assert.Empty(events.OfType<SglLargeTokenEvent>());
        var answer = Assert.IsType<SglCompletedEvent>(events[^1]).Answer;
        Assert.Equal(answer.Text, string.Concat(events.OfType<SglSmallTokenEvent>().Select(t => t.Text)).Trim());
        Assert.Equal(("sgl-demo-small", Wire.AnswerPath.Exit, Wire.FinishReason.Stop), (answer.Model, answer.Path, answer.FinishReason));
        Assert.Equal(decision.Decision.Scores.Decision, answer.Score);
        Assert.InRange(answer.Score!.Value, 0, 1);
        Assert.Equal(answer.Completed.Small.Usage, answer.Usage);
    }

    [Fact]
    public async Task AskAsync_SmallAnswerIsNotGoodEnough_LargeTokensReplaceIt()
    {
        var events = await AskAsync(DemoRouter.Question(new() { Threshold = 2 }));

        var decision = events.FindIndex(e => e is SglDecisionEvent { Escalates: true });
        Assert.True(decision > events.FindLastIndex(e => e is SglSmallTokenEvent));
        Assert.True(decision < events.FindIndex(e => e is SglLargeTokenEvent));
        var answer = Assert.IsType<SglCompletedEvent>(events[^1]).Answer;
        Assert.Equal(("CUP", "sgl-demo-large", Wire.AnswerPath.Escalated), (answer.Text, answer.Model, answer.Path));
        Assert.Equal("CUP", string.Concat(events.OfType<SglLargeTokenEvent>().Select(t => t.Text)).Trim());
        Assert.True(answer.Usage.KeptVisualTokenCount < answer.Usage.VisualTokenCount);
    }

    [Fact]
    public async Task AnswerAsync_SameQuestion_IsTheAnswerOfTheStream()
    {
        var question = DemoRouter.Question(new() { Name = "careful" });

        var whole = await router.Client.AnswerAsync(question);
        var streamed = Assert.IsType<SglCompletedEvent>((await AskAsync(question))[^1]).Answer;

        Assert.Equal((streamed.Text, streamed.Model, streamed.Path, streamed.Score), (whole.Text, whole.Model, whole.Path, whole.Score));
        Assert.Equal("CUP", whole.Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AskAsync_ReaderLeaves_TheRoutersWorkEnds(bool cancels)
    {
        var before = await router.Router.MetricAsync("sgl_requests_total{path=\"cancelled\"");
        var question = DemoRouter.Question(new() { Force = Wire.Route.Small });
        question.Sampling = new Wire.Sampling { MaxNewTokens = 512, MinNewTokens = 512 };
        using var cancel = new CancellationTokenSource();
        var read = async () =>
        {
            await foreach (var e in router.Client.AskAsync(question, cancellationToken: cancel.Token))
            {
                if (e is SglSmallTokenEvent)
                {
                    if (!cancels)
                    {
                        break;
                    }

                    await cancel.CancelAsync();
                }
            }
        };

        if (cancels)
        {
            Assert.Equal(cancel.Token, (await Assert.ThrowsAsync<OperationCanceledException>(read)).CancellationToken);
        }
        else
        {
            await read();
        }

        await router.Router.UntilMetricAsync("sgl_requests_total{path=\"cancelled\"", before + 1);
        await router.Small.IdleAsync();
    }

    [Fact]
    public async Task AskAsync_TimePasses_IsDeadlineExceeded()
    {
        var question = DemoRouter.Question();
        question.Sampling = new Wire.Sampling { MaxNewTokens = 512, MinNewTokens = 512 };

        var error = await Assert.ThrowsAsync<SglException>(() => AskAsync(question, router.Client, TimeSpan.FromMilliseconds(20)));

        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
    }

    [Fact]
    public async Task AskAsync_WrongKey_IsUnauthenticated()
    {
        var options = router.Options();
        options.ApiKey = Access.ApiKey.Create();
        using var client = new SglClient(options);

        var error = await Assert.ThrowsAsync<SglException>(() => AskAsync(DemoRouter.Question(), client));

        Assert.Equal((StatusCode.Unauthenticated, "UNAUTHENTICATED"), (error.StatusCode, error.Reason));
        Assert.DoesNotContain(options.ApiKey, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AskAsync_KeyThatIsExchanged_IsAskedForEveryCall()
    {
        var options = router.Options();
        var keys = new Queue<string>([options.ApiKey!, Access.ApiKey.Create()]);
        (options.ApiKey, options.ApiKeySource) = (null, _ => ValueTask.FromResult(keys.Dequeue()));
        using var client = new SglClient(options);

        Assert.Equal("sgl-demo-small", (await client.GetInfoAsync()).Small.Name);
        Assert.Equal("UNAUTHENTICATED", (await Assert.ThrowsAsync<SglException>(() => client.GetInfoAsync())).Reason);
    }

    [Fact]
    public async Task AskAsync_WrongFields_AreNamedAll()
    {
        var question = SglQuestion.Of("Why?", "no picture"u8.ToArray());
        var error = await Assert.ThrowsAsync<SglException>(() => AskAsync(question));
        Assert.Equal((StatusCode.InvalidArgument, "BAD_IMAGE", "images[0].data"), (error.StatusCode, error.Reason, error.Field));

        question = DemoRouter.Question();
        question.Sampling = new Wire.Sampling { TopP = 2, MaxNewTokens = 1_000_000_000 };
        error = await Assert.ThrowsAsync<SglException>(() => router.Client.AnswerAsync(question));
        Assert.Equal("INVALID_REQUEST", error.Reason);
        Assert.Equal(["sampling.max_new_tokens", "sampling.top_p"], error.Violations.Select(v => v.Field).Order(StringComparer.Ordinal));
        Assert.All(error.Violations, v => Assert.NotEmpty(v.Description));
    }

    [Fact]
    public async Task AskAsync_NobodyListens_IsUnavailableWithoutAReason()
    {
        using var client = new SglClient(new SglClientOptions { Address = "http://127.0.0.1:9" });

        var error = await Assert.ThrowsAsync<SglException>(() => AskAsync(DemoRouter.Question(), client));

        Assert.Equal((StatusCode.Unavailable, null), (error.StatusCode, error.Reason));
        Assert.Empty(error.Violations);
    }

    [Fact]
    public async Task GetPoliciesAsync_NamedOne_StandsBehindTheDefault() =>
        Assert.Equal(["default", "careful"], (await router.Client.GetPoliciesAsync()).Select(p => p.Name));

    private Task<List<SglEvent>> AskAsync(Wire.AnswerRequest question) => AskAsync(question, router.Client);

    private static async Task<List<SglEvent>> AskAsync(Wire.AnswerRequest question, SglClient client, TimeSpan? timeout = null)
    {
        var events = new List<SglEvent>();
        await foreach (var e in client.AskAsync(question, timeout))
        {
            events.Add(e);
        }

        return events;
    }
}
