using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>Everything an engine can do wrong, and what a caller of the bridge is told.</summary>
public sealed class FailureTests : ScriptedBridge
{
    [Theory]
    [InlineData(400, StatusCode.InvalidArgument, "INVALID_REQUEST")]
    [InlineData(422, StatusCode.InvalidArgument, "INVALID_REQUEST")]
    [InlineData(401, StatusCode.Unavailable, "NOT_READY")]
    [InlineData(403, StatusCode.Unavailable, "NOT_READY")]
    [InlineData(404, StatusCode.Unavailable, "NOT_READY")]
    [InlineData(408, StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED")]
    [InlineData(504, StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED")]
    [InlineData(413, StatusCode.ResourceExhausted, "MESSAGE_TOO_LARGE")]
    [InlineData(500, StatusCode.Internal, "INTERNAL")]
    [InlineData(302, StatusCode.Internal, "INTERNAL")]
    public async Task Generate_EngineRefuses_IsTranslatedAndNotRepeated(int status, StatusCode code, string reason)
    {
        Engine.Script.Enqueue(ScriptedEngine.Error(status, "no, thank you", ("Location", "http://elsewhere.invalid/")));

        var failure = await FailAsync();

        Assert.Equal((code, reason), (failure.Code, failure.Reason));
        Assert.Single(Engine.Questions);
        await AssertServesAsync();
    }

    [Theory]
    [InlineData(429, StatusCode.ResourceExhausted, "OVERLOADED")]
    [InlineData(502, StatusCode.Unavailable, "NOT_READY")]
    [InlineData(503, StatusCode.Unavailable, "NOT_READY")]
    public async Task Generate_EngineHasNoCapacity_IsRepeatedThenTold(int status, StatusCode code, string reason)
    {
        Enqueue(3, ScriptedEngine.Error(status, "later"));

        var failure = await FailAsync();

        Assert.Equal((code, reason, 3), (failure.Code, failure.Reason, Engine.Questions.Count));
        Assert.True(failure.RetryAfter > TimeSpan.Zero);
        await AssertServesAsync();
    }

    [Theory]
    [InlineData("Retry-After", "17", 17)]
    [InlineData("Retry-After", "2.5", 2.5)]
    [InlineData("retry-after-ms", "2500", 2.5)]
    [InlineData("Retry-After", "999999999", 3600)]
    public async Task Generate_EngineSaysWhenToTryAgain_IsToldAtOnce(string header, string value, double seconds)
    {
        // In milliseconds the header is not one that retries heed.
        Enqueue(3, ScriptedEngine.Error(429, "later", (header, value)));

        var failure = await FailAsync();

        Assert.Equal((StatusCode.ResourceExhausted, TimeSpan.FromSeconds(seconds)), (failure.Code, failure.RetryAfter));
    }

    [Fact]
    public async Task Generate_EngineAsksForAMoment_IsRepeatedThen()
    {
        Engine.Script.Enqueue(ScriptedEngine.Error(429, "later", ("Retry-After", "0")));
        Engine.Script.Enqueue(ScriptedEngine.BreakAsync);

        var answer = await AskAsync();

        Assert.Equal(("The answer is 42.", 3), (answer.Completed!.Answer, Engine.Questions.Count));
        Assert.Equal(Engine.Questions.First().ToJsonString(), Engine.Questions.Last().ToJsonString());
    }

    [Theory]
    [InlineData("This model's maximum context length is 4096 tokens. However, you requested 9000 tokens.")]
    [InlineData("The decoder prompt (length 9000) is longer than the maximum model length of 4096.")]
    public async Task Generate_PromptDoesNotFit_IsPromptTooLong(string message)
    {
        Engine.Script.Enqueue(ScriptedEngine.Error(400, message));

        var failure = await FailAsync();

        Assert.Equal((StatusCode.InvalidArgument, "PROMPT_TOO_LONG"), (failure.Code, failure.Reason));
        Assert.Contains(message[..20], failure.Violations.Single().Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"object":"error","message":"bad \u001b[31mthing","code":400}""", @"bad \u001B[31mthing")]
    [InlineData("""{"detail":[{"msg":"field required"}]}""", "field required")]
    [InlineData("<html>nginx says no</html>", "nginx says no")]
    [InlineData("", "without a message")]
    public async Task Generate_ErrorBodiesOfAllKinds_AreShownInPrint(string body, string shown)
    {
        Engine.Script.Enqueue(async context =>
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync(body);
        });

        Assert.Contains(shown, (await FailAsync()).Violations.Single().Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_EndlessError_IsCut()
    {
        Engine.Script.Enqueue(async context =>
        {
            context.Response.StatusCode = 400;
            var block = new string('x', 1 << 16);
            for (var i = 0; i < 1 << 12 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.WriteAsync(block, context.RequestAborted);
            }
        });

        var failure = await FailAsync();

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.True(failure.Message.Length < 1000);
    }

    [Theory]
    [InlineData("data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Y\"},\"finish_reason\":null}]}\n\n")]
    [InlineData("data: [DONE]\n\n")]
    [InlineData("")]
    [InlineData("data: {broken\n\n")]
    [InlineData("data: [1,2,3]\n\n")]
    [InlineData("data: {\"choices\":{\"0\":1}}\n\n")]
    [InlineData("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Y\"},\"finish_reason\":\"abort\"}]}\n\ndata: [DONE]\n\n")]
    [InlineData("data: {\"error\":{\"message\":\"cuda error\",\"code\":500}}\n\ndata: [DONE]\n\n")]
    [InlineData("{\"id\":\"1\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"not a stream\"},\"finish_reason\":\"stop\"}]}")]
    public async Task Generate_StreamIsNoAnswer_IsInternal(string stream)
    {
        Engine.Script.Enqueue(ScriptedEngine.Raw(stream));

        var failure = await FailAsync();

        Assert.Equal((StatusCode.Internal, "INTERNAL"), (failure.Code, failure.Reason));
        Assert.Single(Engine.Questions);
        await AssertServesAsync();
    }

    [Fact]
    public async Task Generate_LineWithoutEnd_IsEndedThere()
    {
        await using var bridge = await Engine.BridgeAsync(("Bridge:MaxLineBytes", "65536"));
        Engine.Script.Enqueue(Endless("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", new string('x', 1 << 14)));

        var failure = await FailAsync(bridge);

        Assert.Equal(StatusCode.Internal, failure.Code);
        Assert.True(await Engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Generate_AnswerWithoutEnd_IsEndedThere()
    {
        await using var bridge = await Engine.BridgeAsync(("Bridge:MaxAnswerBytes", "65536"));
        Engine.Script.Enqueue(Endless("", $"data: {ScriptedEngine.Chunk(new() { ["content"] = "x" }).ToJsonString()}\n\n"));

        var failure = await FailAsync(bridge);

        Assert.Equal(StatusCode.Internal, failure.Code);
        Assert.True(await Engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Generate_EngineBreaksOff_IsUnavailableAndNotRepeated()
    {
        var read = new TaskCompletionSource();
        Engine.Script.Enqueue(async context =>
        {
            await context.Response.WriteAsync($"data: {ScriptedEngine.Chunk(new() { ["content"] = "It" }).ToJsonString()}\n\n");
            await context.Response.Body.FlushAsync();
            await read.Task;
            context.Abort();
        });
        using var call = new Wire.LargeService.LargeServiceClient(Bridge.Channel).Generate();
        await call.RequestStream.WriteAsync(new() { Input = Ask("Why?"), Guidance = Unpruned() });
        while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.Token is null)
        {
        }

        read.SetResult();
        var failure = await Failure.OfAsync(() => ReadAsync(call));

        Assert.Equal((StatusCode.Unavailable, "NOT_READY"), (failure.Code, failure.Reason));
        Assert.Single(Engine.Questions);
    }

    [Fact]
    public async Task Generate_EngineIsSilent_IsLateAndTheEngineIsLeft()
    {
        await using var bridge = await Engine.BridgeAsync(("Bridge:FirstTokenTimeout", "00:00:00.3"));
        Engine.Script.Enqueue(ScriptedEngine.MuteAsync);

        var failure = await FailAsync(bridge);

        Assert.Equal((StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED"), (failure.Code, failure.Reason));
        Assert.Contains("Bridge:FirstTokenTimeout", failure.Message, StringComparison.Ordinal);
        Assert.True(await Engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Generate_EngineFallsSilent_IsLateAndTheEngineIsLeft()
    {
        await using var bridge = await Engine.BridgeAsync(("Bridge:TokenTimeout", "00:00:00.3"));
        Engine.Script.Enqueue(ScriptedEngine.HangAsync);

        var failure = await FailAsync(bridge);

        Assert.Equal(StatusCode.DeadlineExceeded, failure.Code);
        Assert.Contains("Bridge:TokenTimeout", failure.Message, StringComparison.Ordinal);
        Assert.True(await Engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Generate_EngineIsDown_IsUnavailableUntilItIsBack()
    {
        await Engine.StopAsync();
        var failure = await FailAsync();
        await Bridge.UntilMetricAsync("sgl_serving", 0);

        await Engine.RestartAsync();
        await Bridge.UntilMetricAsync("sgl_serving", 1);

        Assert.Equal((StatusCode.Unavailable, "NOT_READY"), (failure.Code, failure.Reason));
        await AssertServesAsync();
    }

    private static Func<HttpContext, Task> Endless(string begin, string again) => async context =>
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync(begin);
        for (; ; )
        {
            context.RequestAborted.ThrowIfCancellationRequested();
            await context.Response.WriteAsync(again, context.RequestAborted);
        }
    };

    private void Enqueue(int times, Func<HttpContext, Task> script)
    {
        for (var i = 0; i < times; i++)
        {
            Engine.Script.Enqueue(script);
        }
    }

    private async Task<LargeAnswer> AskAsync(RunningService? bridge = null) => await AnswerAsync(
        new Wire.LargeService.LargeServiceClient((bridge ?? Bridge).Channel),
        new Wire.LargeServiceGenerateRequest { Input = Ask("Why?", TestImages.Png(8, 8)), Guidance = Unpruned() });

    private Task<Failure> FailAsync(RunningService? bridge = null) => Failure.OfAsync(() => AskAsync(bridge));

    private async Task AssertServesAsync()
    {
        Engine.Script.Clear();
        Assert.NotNull((await AskAsync()).Completed);
    }
}
