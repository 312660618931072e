using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Sgl.TestKit.Serving;
using static Sgl.TestKit.Contract.LargeCalls;
using Wire = Sgl.V1;

namespace Sgl.TestKit.Contract;

/// <summary>
/// What every implementation of <c>sgl.v1.LargeService</c> keeps, whatever stands behind it. To hold another one against it: derive, and give a running service on a model that answers the questions
/// of <c>samples/</c>.
/// </summary>
public abstract class LargeContract
{
    private static readonly Wire.Image Codes = Samples.Image("codes.png");

    /// <summary>The implementation, shared by the tests that only ask it.</summary>
    protected abstract LargeSubject Subject { get; }

    /// <summary>Settings with which few requests come in, and how many do.</summary>
    protected abstract (int Places, (string Key, string Value)[] Settings) Few { get; }

    private static Wire.LargeInput Question => Ask("What is the code in the orange box?", Codes);

    /// <summary>Another one of the same kind.</summary>
    protected abstract Task<LargeSubject> StartAsync(params (string Key, string Value)[] settings);

    [Fact]
    public async Task Generate_Unpruned_StreamsLayoutAcceptedTokensThenTheEnd()
    {
        var answer = await AnswerAsync(Question, Unpruned());

        Assert.Equal(
            [Wire.LargeServiceGenerateResponse.EventOneofCase.Layout, Wire.LargeServiceGenerateResponse.EventOneofCase.Accepted], answer.Events.Take(2).Select(e => e.EventCase));
        Assert.Equal(Wire.LargeServiceGenerateResponse.EventOneofCase.Completed, answer.Events[^1].EventCase);
        Assert.Equal(Enumerable.Range(0, answer.Events.Count - 3), answer.Tokens.Select(t => t.Index));
        Assert.Equal((0, 1.0), (answer.Accepted!.Steps.Count, answer.Accepted.AverageRetention));
    }

    [Fact]
    public async Task Generate_Unpruned_TokensMakeTheAnswer()
    {
        var answer = await AnswerAsync(Question, Unpruned());

        Assert.NotEmpty(answer.Tokens);
        Assert.Equal(answer.Completed!.Answer, string.Concat(answer.Tokens.Select(t => t.Text)).Trim());
        Assert.Equal(Wire.FinishReason.Stop, answer.Completed.FinishReason);
        Assert.All(answer.Tokens, t => Assert.True(t.LogProbability <= 0, $"{t.LogProbability}"));
    }

    [Fact]
    public async Task Generate_Unpruned_CountsAndTimes()
    {
        var completed = (await AnswerAsync(Question, Unpruned())).Completed!;

        Assert.True(completed.Usage.PromptTokenCount > 1);
        Assert.True(completed.Usage.GeneratedTokenCount >= 1);
        Assert.InRange(completed.Timings.TimeToFirstToken.ToTimeSpan(), TimeSpan.FromTicks(1), completed.Timings.Total.ToTimeSpan());
    }

    [Fact]
    public async Task Generate_Layout_TellsThePictures()
    {
        var wide = Samples.Image("wide.png");

        var layout = (await AnswerAsync(Ask("What color is the triangle?", Codes, wide), Unpruned())).Layout!;

        Assert.Equal([0, 1], layout.Images.Select(i => i.ImageIndex));
        Assert.All(layout.Images, i => Assert.True(i is { Width: > 0, Height: > 0, PageCount: 1, AppliedOrientation: 1 }));
        Assert.True(layout.Images[1].Width > layout.Images[1].Height);
        Assert.Equal(32, layout.Digest.PromptSha256.Length);
    }

    [Fact]
    public async Task Generate_Twice_AnswersTheSame()
    {
        var one = await AnswerAsync(Question, Unpruned());
        var other = await AnswerAsync(Question, Unpruned());

        Assert.Equal(one.Completed!.Answer, other.Completed!.Answer);
        Assert.Equal(one.Layout!.Digest, other.Layout!.Digest);
    }

    [Fact]
    public async Task Generate_GuidanceLater_GetsTheLayoutBeforeIt()
    {
        using var call = Subject.Client.Generate();
        await call.RequestStream.WriteAsync(new() { Input = Question });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.NotNull(call.ResponseStream.Current.Layout);
        await call.RequestStream.WriteAsync(new() { Guidance = Unpruned() });

        var later = await ReadAsync(call);

        Assert.Equal((await AnswerAsync(Question, Unpruned())).Completed!.Answer, later.Completed!.Answer);
    }

    [Fact]
    public async Task Generate_NoImage_Answers() =>
        Assert.NotNull((await AnswerAsync(Ask("What color is the sky?"), Unpruned())).Completed);

    [Fact]
    public async Task Generate_LimitOfTokens_EndsThereAndSaysSo()
    {
        var input = AskForLong(4);

        var completed = (await AnswerAsync(input, Unpruned())).Completed!;

        Assert.Equal((Wire.FinishReason.Length, 4), (completed.FinishReason, completed.Usage.GeneratedTokenCount));
    }

    [Fact]
    public async Task Generate_StopString_EndsInFrontOfIt()
    {
        var whole = (await AnswerAsync(Question, Unpruned())).Completed!.Answer;
        var input = Question;
        input.Sampling = new Wire.Sampling { Stop = { whole[^1..] } };

        var stopped = (await AnswerAsync(input, Unpruned())).Completed!;

        Assert.Equal((whole[..whole.IndexOf(whole[^1])], Wire.FinishReason.Stop), (stopped.Answer, stopped.FinishReason));
    }

    [Fact]
    public async Task Generate_ManyAtOnce_AllAreAnswered()
    {
        var questions = Samples.Questions.Take(6).Select(q => new Wire.LargeServiceGenerateRequest { Input = Ask(q.Question, Samples.Image(q.Image)), Guidance = Unpruned() }).ToList();
        var alone = new List<string>();
        foreach (var question in questions)
        {
            alone.Add((await AnswerAsync(question)).Completed!.Answer);
        }

        var together = await Task.WhenAll(questions.Select(q => AnswerAsync(q)));

        Assert.Equal(alone, together.Select(a => a.Completed!.Answer));
        await IdleAsync();
    }

    [Fact]
    public async Task Generate_CancelMessage_EndsWithoutCompletion()
    {
        var later = await AnswerAsync(new Wire.LargeServiceGenerateRequest { Input = Question }, new Wire.LargeServiceGenerateRequest { Cancel = new Wire.Cancel() });
        var atOnce = await AnswerAsync(new Wire.LargeServiceGenerateRequest { Input = Question, Cancel = new Wire.Cancel() });

        Assert.Equal(Wire.LargeServiceGenerateResponse.EventOneofCase.Layout, Assert.Single(later.Events).EventCase);
        Assert.Empty(atOnce.Events);
        await IdleAsync();
    }

    [Fact]
    public async Task Generate_CancelMessageWhileAnswering_EndsTheWork()
    {
        using var call = await BeginLongAsync();

        await call.RequestStream.WriteAsync(new() { Cancel = new Wire.Cancel() });
        var rest = await ReadAsync(call);

        Assert.Null(rest.Completed);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        await IdleAsync();
    }

    [Fact]
    public async Task Generate_ClientGoesAway_EndsTheWork()
    {
        (await BeginLongAsync()).Dispose();

        await IdleAsync();
    }

    [Fact]
    public async Task Generate_DeadlinePasses_EndsTheWorkAndSaysSo()
    {
        // The channel is open before the clock runs: one that cannot connect in time is another matter.
        await Subject.Client.GetModelInfoAsync(new());
        using var call = Subject.Client.Generate(deadline: DateTime.UtcNow.AddMilliseconds(200));

        var failure = await Failure.OfAsync(async () =>
        {
            await call.RequestStream.WriteAsync(new() { Input = AskForLong(), Guidance = Unpruned() });
            await ReadAsync(call);
        });

        Assert.Equal(StatusCode.DeadlineExceeded, failure.Code);
        await IdleAsync();
    }

    [Fact]
    public async Task Generate_NoInput_NamesIt()
    {
        var failure = await FailAsync(new Wire.LargeServiceGenerateRequest { Guidance = Unpruned() });

        Assert.Equal((StatusCode.InvalidArgument, "INVALID_REQUEST"), (failure.Code, failure.Reason));
        Assert.Equal(["input"], failure.Fields);
    }

    [Fact]
    public async Task Generate_NoGuidance_NamesIt() =>
        Assert.Equal(["guidance"], (await FailAsync(new Wire.LargeServiceGenerateRequest { Input = Question })).Fields);

    [Fact]
    public async Task Generate_EmptyGuidance_NamesIt() =>
        Assert.Equal(["guidance"], (await FailAsync(new Wire.LargeServiceGenerateRequest { Input = Question, Guidance = new Wire.Guidance() })).Fields);

    [Fact]
    public async Task Generate_SecondInput_IsRefused() =>
        Assert.Equal(["input"], (await FailAsync(new() { Input = Question }, new() { Input = Question })).Fields);

    [Fact]
    public async Task Generate_SecondGuidance_IsRefused() =>
        Assert.Equal(["guidance"], (await FailAsync(new() { Input = AskForLong(), Guidance = Unpruned() }, new() { Guidance = Unpruned() })).Fields);

    [Fact]
    public async Task Generate_SeveralMistakes_AreToldTogether()
    {
        var input = Ask("What is the code?", TestImages.TextFile("notes.png"));
        input.Messages.Insert(0, new Wire.ChatMessage { Parts = { Chats.Words("Who says this?") } });
        input.Sampling = new Wire.Sampling { Temperature = -1, TopK = -2 };

        var failure = await FailAsync(new Wire.LargeServiceGenerateRequest { Input = input, Guidance = Unpruned() });

        Assert.Equal(
            ["input.images[0].data", "input.messages[0].role", "input.sampling.temperature", "input.sampling.top_k"], failure.Fields.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Generate_NoPicture_IsABadImage()
    {
        var failure = await FailAsync(new Wire.LargeServiceGenerateRequest { Input = Ask("What?", new Wire.Image { Data = ByteString.CopyFromUtf8("no image") }), Guidance = Unpruned() });

        Assert.Equal((StatusCode.InvalidArgument, "BAD_IMAGE"), (failure.Code, failure.Reason));
    }

    [Fact]
    public async Task Generate_UnknownPruneLayer_IsRefusedByName()
    {
        var failure = await FailAsync(new Wire.LargeServiceGenerateRequest { Input = Question, Guidance = Ranked([1], At(999, 0.5)) });

        Assert.Equal((StatusCode.InvalidArgument, "PRUNE_LAYER_UNAVAILABLE"), (failure.Code, failure.Reason));
    }

    [Fact]
    public async Task Generate_GuidanceOfAnotherChat_IsADigestMismatch()
    {
        var other = (await AnswerAsync(Ask("What word is in the blue box?", Codes), Unpruned())).Layout!.Digest;
        var guidance = Unpruned();
        guidance.Digest = other;

        var failure = await FailAsync(new Wire.LargeServiceGenerateRequest { Input = Question, Guidance = guidance });

        Assert.Equal((StatusCode.InvalidArgument, "DIGEST_MISMATCH"), (failure.Code, failure.Reason));
    }

    [Fact]
    public async Task Generate_AfterMistakes_StillAnswers()
    {
        await FailAsync(new Wire.LargeServiceGenerateRequest { Input = new Wire.LargeInput(), Guidance = Unpruned() });

        Assert.NotNull((await AnswerAsync(Question, Unpruned())).Completed);
        await IdleAsync();
    }

    [Fact]
    public async Task Generate_GuidanceDoesNotCome_IsLateAndHoldsNothing()
    {
        await using var subject = await StartAsync(("Guidance:Timeout", "00:00:00.2"));
        using var call = subject.Client.Generate();
        await call.RequestStream.WriteAsync(new() { Input = Question });

        var failure = await Failure.OfAsync(() => ReadAsync(call));

        Assert.Equal((StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED"), (failure.Code, failure.Reason));
        await subject.Service.UntilMetricAsync("sgl_inputs_without_guidance", 0);
    }

    [Fact]
    public async Task Generate_NoPlace_IsOverloadedAndSaysWhenToTryAgain()
    {
        await using var subject = await StartAsync(Few.Settings);
        var calls = new List<IDisposable>();
        for (var i = 0; i < Few.Places; i++)
        {
            calls.Add(await BeginLongAsync(subject, until: e => e.Layout is not null));
        }

        var failure = await Failure.OfAsync(() => LargeCalls.AnswerAsync(subject.Client, new Wire.LargeServiceGenerateRequest { Input = Question, Guidance = Unpruned() }));

        Assert.Equal((StatusCode.ResourceExhausted, "OVERLOADED"), (failure.Code, failure.Reason));
        Assert.True(failure.RetryAfter > TimeSpan.Zero);
        calls.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task Generate_RequestId_IsEchoed()
    {
        using var call = Subject.Client.Generate(new Metadata { { "x-request-id", "contract-7" } });
        await call.RequestStream.WriteAsync(new() { Input = Question, Guidance = Unpruned() });

        Assert.Equal("contract-7", (await call.ResponseHeadersAsync).GetValue("x-request-id"));
        await ReadAsync(call);
    }

    [Fact]
    public async Task GetModelInfo_NamesModelAndLimits()
    {
        var model = (await Subject.Client.GetModelInfoAsync(new())).Model;

        Assert.NotEmpty(model.Name);
        Assert.NotEmpty(model.Family);
        Assert.NotEmpty(model.Version);
        Assert.True(model is { MaxImageCount: > 0, MaxNewTokens: > 0, MaxImagePixels: > 0, MaxImageBytes: > 0 });

        // Either it drops visual tokens somewhere and says how it cuts images, or it is guided by its pictures.
        Assert.Equal(model.GuidedByPictures, model.PruneLayers.Count == 0);
        Assert.Equal(model.GuidedByPictures, model.VisualLayoutKey.Length == 0);
    }

    [Fact]
    public async Task Health_Serves()
    {
        var health = await new Health.HealthClient(Subject.Service.Channel).CheckAsync(new HealthCheckRequest { Service = "sgl.v1.LargeService" });

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
    }

    [Fact]
    public async Task Metrics_AfterAnAnswer_CountIt()
    {
        var service = Subject.Service;
        var before = await service.MetricAsync("sgl_generated_tokens_total");

        var answer = await AnswerAsync(Question, Unpruned());

        // Other tests may ask at the same time.
        Assert.True(await service.MetricAsync("sgl_generated_tokens_total") >= before + answer.Completed!.Usage.GeneratedTokenCount);
        Assert.True(await service.MetricAsync("sgl_generations_total") >= 1);
        Assert.True(await service.MetricAsync("sgl_time_to_first_token_seconds_count") >= 1);
        Assert.Equal(1, await service.MetricAsync("sgl_serving"));
    }

    private async Task IdleAsync()
    {
        await Subject.IdleAsync();
        await Subject.Service.UntilMetricAsync("sgl_requests_running", 0);
        await Subject.Service.UntilMetricAsync("sgl_requests_waiting", 0);
    }

    private Task<LargeAnswer> AnswerAsync(Wire.LargeInput input, Wire.Guidance guidance) => AnswerAsync(new Wire.LargeServiceGenerateRequest { Input = input, Guidance = guidance });

    private Task<LargeAnswer> AnswerAsync(params Wire.LargeServiceGenerateRequest[] messages) => LargeCalls.AnswerAsync(Subject.Client, messages);

    private Task<Failure> FailAsync(params Wire.LargeServiceGenerateRequest[] messages) => Failure.OfAsync(async () =>
    {
        using var call = Subject.Client.Generate();
        try
        {
            foreach (var message in messages)
            {
                await call.RequestStream.WriteAsync(message);
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The call ended before all was sent; how, the answer tells.
        }

        await ReadAsync(call);
    });

    private Task<AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse>> BeginLongAsync() =>
        BeginLongAsync(Subject, until: e => e.Token is not null);

    private static async Task<AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse>> BeginLongAsync(
        LargeSubject subject, Func<Wire.LargeServiceGenerateResponse, bool> until)
    {
        var call = subject.Client.Generate();
        await call.RequestStream.WriteAsync(new() { Input = AskForLong(), Guidance = Unpruned() });
        while (await call.ResponseStream.MoveNext(CancellationToken.None) && !until(call.ResponseStream.Current))
        {
        }

        return call;
    }
}
