using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Json.Schema;
using Sgl.TestKit.Serving;
using Event = Sgl.V1.AnswerResponse.EventOneofCase;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Answers of the demo pair under a schema: they satisfy it, whichever model gives them.</summary>
[Collection(nameof(DemoTrio))]
public sealed class ResponseFormatAnswerTests(DemoTrio trio)
{
    private const string Schema =
        """{"type":"object","properties":{"answer":{"type":"string","minLength":1,"maxLength":10},"kind":{"enum":["word","code","number"]},"boxes":{"type":"array","items":{"type":"integer","minimum":0,"maximum":9},"maxItems":3}},"required":["answer","kind","boxes"],"additionalProperties":false}""";

    [Theory]
    [InlineData(0, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task Answer_EachPath_SatisfiesTheSchema(double threshold, bool omitDraft)
    {
        foreach (var (image, question) in Samples.Questions.Take(6))
        {
            var request = Ask(question, image);
            request.Policy = new Wire.RoutingPolicy { Threshold = threshold, OmitDraft = omitDraft };

            var events = await trio.AskAsync(request);

            var completed = events[^1].Completed;
            Assert.Equal(threshold > 1 ? Wire.AnswerPath.Escalated : Wire.AnswerPath.Exit, completed.Path);
            AssertSatisfies(completed.Answer);
            AssertSatisfies(completed.Small.Answer);
            var streamed = events.Where(e => e.EventCase is Event.LargeToken || (threshold <= 1 && e.EventCase is Event.SmallToken)).Select(e => (e.LargeToken ?? e.SmallToken).Text);
            Assert.Equal(completed.Answer, string.Concat(streamed).Trim());
        }
    }

    [Fact]
    public async Task Answer_Escalated_DraftChangesNothing()
    {
        var accepted = 0;
        foreach (var (image, question) in Samples.Questions.Take(6))
        {
            var request = Ask(question, image);
            request.Policy = new Wire.RoutingPolicy { Threshold = 2 };
            var drafted = (await trio.AskAsync(request))[^1].Completed;
            request.Policy.OmitDraft = true;
            var plain = (await trio.AskAsync(request))[^1].Completed;

            Assert.Equal(plain.Answer, drafted.Answer);
            accepted += drafted.Large.Usage.AcceptedDraftTokenCount;
        }

        Assert.True(accepted > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_SchemaOverHttp_SatisfiesIt(bool large)
    {
        var url = $"data:image/png;base64,{Convert.ToBase64String(Samples.Image("codes.png").Data.Span)}";
        var body = JsonNode.Parse($$$"""
            {"messages":[{"role":"user","content":[{"type":"text","text":"What is the code in the orange box?"},{"type":"image_url","image_url":{"url":"{{{url}}}"}}]}],
             "response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{{{Schema}}}}},"sgl":{"threshold":{{{(large ? 2 : 0)}}}}}
            """)!;
        using var http = new HttpClient();

        using var whole = await http.PostAsJsonAsync(new Uri(trio.Http, "/v1/chat/completions"), body);
        var text = (string)(await whole.Content.ReadFromJsonAsync<JsonNode>())!["choices"]![0]!["message"]!["content"]!;
        body["stream"] = true;
        using var stream = await http.PostAsJsonAsync(new Uri(trio.Http, "/v1/chat/completions"), body);
        var streamed = (await stream.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal))
            .Select(l => (string?)JsonNode.Parse(l["data: ".Length..])!["choices"]![0]!["delta"]?["content"]);

        AssertSatisfies(text);
        Assert.Equal(text, string.Concat(streamed));
    }

    [Fact]
    public async Task Post_JsonObject_IsOneOrIsCutOff()
    {
        var request = Ask("What word is in the blue box?", "wide.png");
        request.ResponseFormat = new Wire.ResponseFormat { JsonObject = true };
        request.Sampling.MaxNewTokens = 24;

        var completed = (await trio.AskAsync(request))[^1].Completed;

        Assert.StartsWith("{", completed.Answer, StringComparison.Ordinal);
        if (completed.Small.FinishReason == Wire.FinishReason.Stop)
        {
            Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(completed.Small.Answer).RootElement.ValueKind);
        }
    }

    [Fact]
    public async Task Generate_SchemaThatCannotBeEnforced_RefusedByEachServiceItself()
    {
        var format = new Wire.ResponseFormat { JsonSchema = """{"properties":{"a":{"type":"string","pattern":"x"}}}""" };
        using var small = new Wire.SmallService.SmallServiceClient(trio.Small.Channel).Generate(new() { Messages = { Chats.User("q") }, ResponseFormat = format });
        using var large = new Wire.LargeService.LargeServiceClient(trio.Large.Channel).Generate();
        await large.RequestStream.WriteAsync(new()
        {
            Input = new Wire.LargeInput { Messages = { Chats.User("q") }, ResponseFormat = format },
            Guidance = new Wire.Guidance { Unpruned = new Wire.Unpruned() },
        });

        Assert.StartsWith("response_format.json_schema.properties.a.pattern: ", (await RefusedAsync(small.ResponseStream)).Detail, StringComparison.Ordinal);
        Assert.StartsWith("input.response_format.json_schema.properties.a.pattern: ", (await RefusedAsync(large.ResponseStream)).Detail, StringComparison.Ordinal);

        static async Task<Status> RefusedAsync<T>(IAsyncStreamReader<T> events)
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => events.MoveNext(CancellationToken.None));
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            return error.Status;
        }
    }

    private static Wire.AnswerRequest Ask(string question, string image)
    {
        var request = DemoTrio.Ask(question, Samples.Image(image));
        request.ResponseFormat = new Wire.ResponseFormat { JsonSchema = Schema };
        request.Sampling = new Wire.Sampling { MaxNewTokens = 200 };
        return request;
    }

    private static void AssertSatisfies(string answer)
    {
        using var document = JsonDocument.Parse(answer);
        Assert.True(JsonSchema.FromText(Schema).Evaluate(document.RootElement).IsValid, answer);
    }
}
