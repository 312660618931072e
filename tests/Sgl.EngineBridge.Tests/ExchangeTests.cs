using System.Text;
using CsCheck;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>The streams and errors of engines as their documentation describes them (Exchanges/README.md).</summary>
public sealed class ExchangeTests : ScriptedBridge
{
    private static readonly string[] Lines =
        ["data: {\"a\":1}\n\n", ": wait\r\n", "data: {\"error\":null}\n", "data: {\"error\":{\"code\":503}}\n\n", "\"error\"", "{\"error\"", "\n"];

    [Theory]
    [InlineData("vllm", 0)]
    [InlineData("sglang", 1024)]
    [InlineData("lmdeploy", 0)]
    [InlineData("openai", 1024)]
    [InlineData("gateway", 0)]
    public async Task Stream_OfAnEngine_IsReadWhole(string name, int cached)
    {
        Engine.Script.Enqueue(ScriptedEngine.Raw(await File.ReadAllTextAsync(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.EngineBridge.Tests", "Exchanges", $"{name}.sse"))));

        var answer = await AskAsync();

        Assert.Equal(["The", " total", " is", " 42", " €", "."], answer.Tokens.Select(t => t.Text));
        var completed = answer.Completed!;
        Assert.Equal(("The total is 42 €.", Wire.FinishReason.Stop), (completed.Answer, completed.FinishReason));
        Assert.Equal((1284, 7, cached), (completed.Usage.PromptTokenCount, completed.Usage.GeneratedTokenCount, completed.Usage.CachedPromptTokenCount));
    }

    [Theory]
    [InlineData("vllm", StatusCode.InvalidArgument, "PROMPT_TOO_LONG", "maximum context length")]
    [InlineData("sglang", StatusCode.Unavailable, "NOT_READY", "is not available")]
    [InlineData("lmdeploy", StatusCode.InvalidArgument, "INVALID_REQUEST", "too many tiles")]
    [InlineData("openai", StatusCode.ResourceExhausted, "OVERLOADED", "has no capacity")]
    [InlineData("gateway", StatusCode.Unavailable, "NOT_READY", "is not available")]
    public async Task Stream_ErrorOfAnEngine_IsTranslatedBehindWhatCameBefore(string name, StatusCode code, string reason, string shown)
    {
        Engine.Script.Enqueue(ScriptedEngine.Raw(await File.ReadAllTextAsync(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.EngineBridge.Tests", "Exchanges", $"{name}-error.sse"))));
        using var call = new Wire.LargeService.LargeServiceClient(Bridge.Channel).Generate();
        await call.RequestStream.WriteAsync(new() { Input = Ask("What is the total?"), Guidance = Unpruned() });
        var tokens = new List<string>();

        var failure = await Failure.OfAsync(async () =>
        {
            await foreach (var e in call.ResponseStream.ReadAllAsync())
            {
                tokens.AddRange(e.Token is { } token ? [token.Text] : []);
            }
        });

        Assert.Equal((code, reason), (failure.Code, failure.Reason));
        Assert.Contains(shown, failure.Message, StringComparison.Ordinal);
        Assert.Equal(["The"], tokens);
        Assert.Single(Engine.Questions);
        Assert.Equal(code is StatusCode.ResourceExhausted or StatusCode.Unavailable, failure.RetryAfter is not null);
    }

    [Theory]
    [InlineData("{\"error\":{\"message\":\"slow down\",\"code\":429}}", StatusCode.ResourceExhausted)]
    [InlineData("data: {\"error\":{\"message\":\"slow down\",\"code\":\"429\"}}", StatusCode.ResourceExhausted)]
    [InlineData("data: {\"error\":{\"message\":\"no\",\"code\":null,\"type\":\"invalid_request_error\"}}\n\n", StatusCode.InvalidArgument)]
    [InlineData("data: {\"error\":{\"message\":\"no\",\"code\":\"invalid_api_key\"}}\n\n", StatusCode.Unavailable)]
    [InlineData("data: {\"error\":{\"message\":\"late\",\"type\":\"timeout\"}}\n\n", StatusCode.DeadlineExceeded)]
    [InlineData("data: {\"error\":{\"message\":\"?\",\"code\":\"something of next year\"}}\n\n", StatusCode.Internal)]
    [InlineData("data: {\"error\":{\"message\":\"?\",\"code\":200}}\n\n", StatusCode.Internal)]
    [InlineData("data: {\"error\":\"broken\"}\n\n", StatusCode.Internal)]
    public async Task Stream_ErrorAndNothingElse_IsTranslated(string stream, StatusCode code)
    {
        Engine.Script.Enqueue(ScriptedEngine.Raw(stream));

        Assert.Equal(code, (await Failure.OfAsync(AskAsync)).Code);
    }

    [Fact]
    public async Task Stream_TextsThatTalkOfErrors_AreTexts()
    {
        string[] texts = ["\"error\"", " {\"error\": {\"code\": 429}}", "\n\ndata: {\"error\": 1}"];
        var stream = ScriptedEngine.Stream(texts).Replace("\"model\":", "\"error\":null,\"model\":", StringComparison.Ordinal);
        Engine.Script.Enqueue(ScriptedEngine.Raw(stream));

        Assert.Equal(string.Concat(texts).Trim(), (await AskAsync()).Completed!.Answer);
    }

    [Fact]
    public void ErrorStream_CutAnywhere_HandsOnTheSameAndFindsTheSame() => Gen.Select(
        Gen.Int[0, Lines.Length - 1].Array[0, 8].Select(picked => picked.Select(i => Lines[i]).ToArray()), Gen.Int[1, 9]).Sample((parts, size) =>
    {
        var bytes = Encoding.UTF8.GetBytes(string.Concat(parts));
        var whole = Read(bytes, bytes.Length + 1);

        var (text, error) = Read(bytes, size);

        Assert.Equal(whole.Error, error);
        Assert.StartsWith(text[..Math.Min(text.Length, whole.Text.Length)], whole.Text, StringComparison.Ordinal);
        if (error is null)
        {
            Assert.Equal(string.Concat(parts), text);
        }
    });

    private static (string Text, int? Error) Read(byte[] bytes, int size)
    {
        using var stream = new ErrorEventStream(new MemoryStream(bytes), 1 << 12);
        var (text, buffer) = (new MemoryStream(), new byte[size]);
        try
        {
            for (int read; (read = stream.Read(buffer, 0, size)) > 0;)
            {
                text.Write(buffer, 0, read);
            }

            return (Encoding.UTF8.GetString(text.ToArray()), null);
        }
        catch (EngineErrorEventException e)
        {
            return (Encoding.UTF8.GetString(text.ToArray()), e.Status);
        }
    }

    [Fact]
    public async Task Stream_Damaged_EndsWithAnAnswerOrAStatus()
    {
        var random = new Random(20261129);
        var whole = await File.ReadAllBytesAsync(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.EngineBridge.Tests", "Exchanges", "openai.sse"));
        for (var i = 0; i < 60; i++)
        {
            var damaged = whole[..random.Next(whole.Length + 1)];
            for (var j = random.Next(4); j > 0 && damaged.Length > 0; j--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            Engine.Script.Enqueue(async context =>
            {
                context.Response.ContentType = "text/event-stream";
                await context.Response.Body.WriteAsync(damaged);
            });
            try
            {
                Assert.NotNull((await AskAsync()).Completed);
            }
            catch (RpcException e)
            {
                Assert.True(e.StatusCode is StatusCode.Internal or StatusCode.Unavailable, $"{i}: {e.Status}");
            }
        }
    }

    [Theory]
    [InlineData("""{"error":{"message":"At most 1 image(s) may be provided in one prompt.","type":"BadRequestError","param":null,"code":400}}""", "At most 1 image(s)")]
    [InlineData("""{"object":"error","message":"The model does not support image input","type":"BadRequest","param":null,"code":400}""", "does not support image input")]
    [InlineData("""{"message":"Invalid top_p","type":"invalid_request_error","code":400,"object":"error"}""", "Invalid top_p")]
    [InlineData("""{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}""", "(unsupported_parameter)")]
    [InlineData("""{"detail":[{"type":"missing","loc":["body","model"],"msg":"Field required"}]}""", "Field required")]
    public async Task Error_OfAnEngine_IsShown(string body, string shown)
    {
        Engine.Script.Enqueue(async context =>
        {
            context.Response.StatusCode = 400;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(body);
        });

        var failure = await Failure.OfAsync(AskAsync);

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Contains(shown, failure.Violations.Single().Description, StringComparison.Ordinal);
    }

    private Task<LargeAnswer> AskAsync() =>
        AnswerAsync(new Wire.LargeService.LargeServiceClient(Bridge.Channel), new Wire.LargeServiceGenerateRequest { Input = Ask("What is the total?"), Guidance = Unpruned() });
}
