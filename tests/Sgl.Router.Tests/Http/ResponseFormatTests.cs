using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>What an answer must be, on its way from the client to both models.</summary>
public sealed class ResponseFormatTests : IAsyncLifetime
{
    private const string Schema = """{"type":"object","properties":{"code":{"type":"string","maxLength":8}},"required":["code"],"additionalProperties":false}""";
    private const string Numbers = """{"type":"object","properties":{"n":{"type":"integer","multipleOf":2}}}""";

    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.1));

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{"name":"code","strict":true,"schema":SCHEMA}}}""")]
    [InlineData("/v1/responses", """{"input":"q","text":{"format":{"type":"json_schema","name":"code","strict":false,"schema":SCHEMA}}}""")]
    public async Task Post_Schema_ReachesBothModels(string path, string body)
    {
        var (status, answer) = await PostAsync(path, body);

        Assert.True(status == HttpStatusCode.OK, answer.ToJsonString());
        Assert.Equal(Schema, Assert.Single(_trio.Small.Requests).ResponseFormat.JsonSchema);
        Assert.Equal(Schema, Assert.Single(_trio.Large.Inputs).ResponseFormat.JsonSchema);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_object"}}""", true)]
    [InlineData("/v1/responses", """{"input":"q","text":{"format":{"type":"json_object"},"verbosity":"medium"}}""", true)]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"text"}}""", false)]
    [InlineData("/v1/responses", """{"input":"q","text":{"format":{"type":"text"}}}""", false)]
    [InlineData("/v1/responses", """{"input":"q","text":null}""", false)]
    public async Task Post_ObjectOrText_ReachesBothModels(string path, string body, bool isObject)
    {
        var (status, answer) = await PostAsync(path, body);

        Assert.True(status == HttpStatusCode.OK, answer.ToJsonString());
        var (small, large) = (Assert.Single(_trio.Small.Requests).ResponseFormat, Assert.Single(_trio.Large.Inputs).ResponseFormat);
        Assert.Equal(isObject ? new Wire.ResponseFormat { JsonObject = true } : null, small);
        Assert.Equal(small, large);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{"schema":NUMBERS}}}""", "response_format.json_schema.schema.properties.n.multipleOf")]
    [InlineData("/v1/responses", """{"input":"q","text":{"format":{"type":"json_schema","name":"n","schema":NUMBERS}}}""", "text.format.schema.properties.n.multipleOf")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema"}}""", "response_format.json_schema")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{}}}""", "response_format.json_schema.schema")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{"schema":true}}}""", "response_format.json_schema.schema")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{"name":1,"schema":{}}}}""", "response_format.json_schema.name")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"enum":["a"],"type":"null"}}}}""", "response_format.json_schema.schema")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"grammar"}}""", "response_format.type")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"q"}],"response_format":"json"}""", "response_format")]
    [InlineData("/v1/responses", """{"input":"q","text":{"format":{"type":"json_schema"}}}""", "text.format.schema")]
    [InlineData("/v1/responses", """{"input":"q","text":{"verbosity":"high"}}""", "text")]
    [InlineData("/v1/responses", """{"input":"q","response_format":{"type":"json_object"}}""", "response_format")]
    public async Task Post_CannotBeEnforced_BadRequestThatSaysWhere(string path, string body, string param)
    {
        var (status, answer) = await PostAsync(path, body);

        Assert.Equal((HttpStatusCode.BadRequest, param), (status, (string?)answer["error"]!["param"]));
        Assert.Empty(_trio.Small.Requests);
    }

    [Fact]
    public async Task Responses_Schema_IsToldBack()
    {
        var (_, answer) = await PostAsync("/v1/responses", """{"input":"q","text":{"format":{"type":"json_schema","name":"code","schema":SCHEMA}}}""");

        Assert.Equal($$$"""{"type":"json_schema","name":"code","schema":{{{Schema}}},"strict":true}""", answer["text"]!["format"]!.ToJsonString());
        Assert.Equal("""{"type":"text"}""", (await PostAsync("/v1/responses", """{"input":"q"}""")).Body["text"]!["format"]!.ToJsonString());
    }

    [Fact]
    public async Task Answer_WrongFormats_InvalidArgumentThatSaysWhere()
    {
        Assert.StartsWith("response_format.json_schema.properties.n.multipleOf: ", await RefusedAsync(new() { JsonSchema = Numbers }), StringComparison.Ordinal);
        Assert.StartsWith("response_format.json_object: ", await RefusedAsync(new() { JsonObject = false }), StringComparison.Ordinal);
        Assert.StartsWith("response_format: ", await RefusedAsync(new()), StringComparison.Ordinal);
        Assert.StartsWith("response_format.json_schema: is not JSON", await RefusedAsync(new() { JsonSchema = "{" }), StringComparison.Ordinal);

        async Task<string> RefusedAsync(Wire.ResponseFormat format)
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => _trio.AskAsync(new Wire.AnswerRequest { Messages = { Chats.User("q") }, ResponseFormat = format }));
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            return error.Status.Detail;
        }
    }

    private async Task<(HttpStatusCode Status, JsonNode Body)> PostAsync(string path, string body)
    {
        body = body.Replace("SCHEMA", Schema, StringComparison.Ordinal).Replace("NUMBERS", Numbers, StringComparison.Ordinal);
        using var response = await _trio.Http.PostAsync(new Uri(_trio.Endpoints.Http!, path), new StringContent(body, Encoding.UTF8, "application/json"));
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonNode>())!);
    }
}
