using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>The streams and errors of engines as their documentation describes them (Exchanges/README.md).</summary>
public sealed class ExchangeTests : ScriptedBridge
{
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
