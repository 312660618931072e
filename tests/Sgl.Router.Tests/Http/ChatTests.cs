using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router.Tests;

public sealed class ChatTests : IAsyncLifetime
{
    private static readonly string Image = "data:image/png;base64," + Convert.ToBase64String("image bytes"u8);
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync((small, _) => small.Scores = r => SmallPeer.Decision(
        r.Messages[^1].Parts.Any(p => p.Text.Contains("sure", StringComparison.Ordinal)) ? 0.9 : 0.1));

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Fact]
    public async Task Post_Exit_CompletionWithTheTrail()
    {
        var (status, body) = await PostAsync(Body("sure?"));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("chat.completion", (string?)body["object"]);
        Assert.StartsWith("chatcmpl-", (string?)body["id"], StringComparison.Ordinal);
        Assert.Equal("small-peer", (string?)body["model"]);
        Assert.Equal("assistant", (string?)body["choices"]![0]!["message"]!["role"]);
        Assert.Equal("forty two", (string?)body["choices"]![0]!["message"]!["content"]);
        Assert.Equal("stop", (string?)body["choices"]![0]!["finish_reason"]);
        Assert.Equal((29, 3, 32), ((int)body["usage"]!["prompt_tokens"]!, (int)body["usage"]!["completion_tokens"]!, (int)body["usage"]!["total_tokens"]!));
        Assert.Equal(11, (int)body["usage"]!["prompt_tokens_details"]!["cached_tokens"]!);
        Assert.Equal("exit", (string?)body["sgl"]!["path"]);
        Assert.Equal("score_reached", (string?)body["sgl"]!["reason"]);
        Assert.Equal(0.9, (double)body["sgl"]!["decision"]!["scores"]!["decision"]!);
        Assert.Null(body["sgl"]!["importance"]);
        Assert.True(_trio.Small.Requests.TryDequeue(out var asked));
        Assert.Equal("image bytes", asked.Images.Single().Data.ToStringUtf8());
        Assert.Equal([0, 1], asked.Messages.Single().Parts.Select(p => p.HasText ? 0 : 1));
    }

    [Fact]
    public async Task Post_AllSettings_ReachTheModels()
    {
        var body = Body("hm");
        body["max_completion_tokens"] = 7;
        body["temperature"] = 0.5;
        body["top_p"] = 0.9;
        body["seed"] = 11;
        body["stop"] = new JsonArray("a", "b");
        body["sgl"] = JsonNode.Parse("""
            {"threshold":0.05,"criterion":"confidence","prune":[{"layer":1,"keep_ratio":0.5}],"force":"large","on_large_failure":"fail","large_timeout_ms":1500,"include_importance":true}
            """);
        body["messages"]!.AsArray().Insert(0, JsonNode.Parse("""{"role":"developer","content":"be brief"}"""));

        var (status, answer) = await PostAsync(body);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("large-peer", (string?)answer["model"]);
        Assert.Equal(20, answer["sgl"]!["importance"]!.AsArray().Count);
        Assert.Equal("forty two", (string?)answer["sgl"]!["small_answer"]);
        var input = _trio.Large.Inputs.Single();
        Assert.Equal((7, 0.5f, 0.9f, 11UL, "a,b"), (input.Sampling.MaxNewTokens, input.Sampling.Temperature, input.Sampling.TopP, input.Sampling.Seed, string.Join(',', input.Sampling.Stop)));
        Assert.Equal(Sgl.V1.ChatRole.System, input.Messages[0].Role);
        Assert.Equal(1, _trio.Large.Guidances.Single().Masks.Steps.Single().Layer);
    }

    [Theory]
    [InlineData("sgl", "exit")]
    [InlineData("small-peer", "exit")]
    [InlineData("large-peer", "escalated")]
    public async Task Post_ModelNamed_ItAnswers(string model, string path)
    {
        var body = Body("sure?");
        body["model"] = model;

        Assert.Equal(path, (string?)(await PostAsync(body)).Body["sgl"]!["path"]);
    }

    [Fact]
    public async Task PostStream_Exit_AnswerComesOnceItIsFinal()
    {
        var body = Body("sure?");
        body["stream"] = true;
        body["stream_options"] = JsonNode.Parse("""{"include_usage":true}""");

        var chunks = await StreamAsync(body);

        Assert.Equal("forty two", Content(chunks));
        Assert.Equal("exit", (string?)chunks[0]["sgl"]!["decision"]!["action"]);
        Assert.Equal("stop", (string?)chunks[^2]["choices"]![0]!["finish_reason"]);
        Assert.Equal(32, (int)chunks[^1]["usage"]!["total_tokens"]!);
        Assert.All(chunks, c => Assert.Equal("chat.completion.chunk", (string?)c["object"]));
        Assert.Single(chunks.Select(c => (string?)c["id"]).Distinct());
    }

    [Fact]
    public async Task PostStream_Escalation_LargeTokensOnlyAsContentAndSmallOnesOnRequest()
    {
        var body = Body("hm");
        body["stream"] = true;
        body["sgl"] = JsonNode.Parse("""{"provisional":true}""");

        var chunks = await StreamAsync(body);

        Assert.Equal("forty-two", Content(chunks));
        Assert.Equal("forty two", string.Concat(chunks.Select(c => (string?)c["sgl"]?["provisional"])));
        Assert.Equal("escalated", (string?)chunks[^1]["sgl"]!["path"]);
        Assert.Equal("large-peer", (string?)chunks[^1]["sgl"]!["model"]);
    }

    [Fact]
    public async Task PostStream_LargeFailsAfterTokens_ErrorChunkWithTheSmallAnswerBesideIt()
    {
        _trio.Large.FailAfter = (1, new RpcException(new Status(StatusCode.DataLoss, "broken")));
        var body = Body("hm");
        body["stream"] = true;

        var chunks = await StreamAsync(body);

        Assert.Equal("large_failed", (string?)chunks[^1]["error"]!["code"]);
        Assert.Equal("forty two", (string?)chunks[^2]["sgl"]!["small_answer"]);
        Assert.Equal("degraded", (string?)chunks[^2]["sgl"]!["path"]);
    }

    [Fact]
    public async Task PostStream_LargeDownBeforeItsTokens_SmallAnswerAsContent()
    {
        await _trio.Large.StopAsync();
        var body = Body("hm");
        body["stream"] = true;

        var chunks = await StreamAsync(body);

        Assert.Equal("forty two", Content(chunks));
        Assert.Equal("degraded", (string?)chunks[^1]["sgl"]!["path"]);
    }

    [Fact]
    public async Task Post_ClientLeaves_BothModelsStop()
    {
        _trio.Large.BeforeTokens = TimeSpan.FromMinutes(2);
        using var cancel = new CancellationTokenSource();
        var post = _trio.Http.PostAsJsonAsync(Url, Body("hm"), cancel.Token);
        Assert.True(await _trio.Large.Started.WaitAsync(TimeSpan.FromSeconds(15)));

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => post);
        Assert.True(await _trio.Large.Cancelled.WaitAsync(TimeSpan.FromSeconds(15)));
    }

    [Theory]
    [InlineData("{", "body")]
    [InlineData("null", "body")]
    [InlineData("{\"messages\":7}", "messages")]
    [InlineData("{}", "messages")]
    [InlineData("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].role")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":5}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\" \"}]}", "messages[0].content")]
    [InlineData("{\"messages\":[null]}", "messages[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\\udc00\"}]}]}", "messages[0].content[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"stop\":[\"\\ud800\"]}", "stop")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"prune\":[null]}}", "sgl.prune[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"large_timeout_ms\":9223372036854775807}}", "sgl.large_timeout_ms")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_tokens\":1.5}", "max_tokens")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"temperature\":0,\"temperature\":1}", "body")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"threshold\":0.5}", "threshold")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"model\":\"small-peer\",\"sgl\":{\"force\":\"large\"}}", "sgl.force")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_tokens\":\"9\"}", "max_tokens")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_completion_tokens\":-1,\"max_tokens\":7}", "max_completion_tokens")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_tokens\":3,\"min_tokens\":4}", "min_tokens")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"seed\":0.5}", "seed")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"seed\":18446744073709551616}", "seed")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"stream\":\"yes\"}", "stream")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"temperature\":\"hot\"}", "temperature")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":null}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"content\":\"q\"}]}", "messages[0].role")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\"}]}", "messages[0].role")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[\"q\"]}]}", "messages[0].content[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":null}]}]}", "messages[0].content[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"q\"}]}]}", "messages[0].content[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", "messages[0].content[0].image_url")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]}", "messages[0].content[0].image_url.url")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,x\",\"detail\":\"low\"}}]}]}", "messages[0].content[0].image_url.detail")]
    [InlineData("{\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,x\"}}]},{\"role\":\"user\",\"content\":\"q\"}]}", "messages[0].content[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{}]},{\"role\":\"user\",\"content\":\"q\"}]}", "messages[1].tool_calls")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"frequency_penalty\":0.5}", "frequency_penalty")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"presence_penalty\":-1}", "presence_penalty")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"logit_bias\":{\"7\":1}}", "logit_bias")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"logprobs\":1}", "logprobs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"top_logprobs\":3}", "logprobs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"logprobs\":true,\"top_logprobs\":21}", "top_logprobs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"n\":9}", "n")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"functions\":[{}]}", "functions")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"tool_choice\":\"required\"}", "tool_choice")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"modalities\":[\"text\",\"audio\"]}", "modalities")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"audio\":{\"voice\":\"x\"}}", "audio")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"reasoning_effort\":\"high\"}", "reasoning_effort")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"guided_json\":{\"type\":\"object\"}}", "guided_json")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"treshold\":0.5}}", "sgl.treshold")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"anything\":null}}", "sgl.anything")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"image_limits\":{\"max_tiles\":4}}}", "sgl.image_limits.max_tiles")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"image_limits\":{\"max_tile_count\":65}}}", "sgl.image_limits.max_tile_count")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"prune\":[{\"layer\":1,\"layer_fraction\":0.2,\"keep_ratio\":0.5}]}}", "sgl.prune[0].layer_fraction")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"prune\":[{\"layer\":1,\"keep\":0.5}]}}", "sgl.prune[0].keep")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"unpruned\":true,\"prune\":[{\"layer\":1,\"keep_ratio\":0.5}]}}", "sgl.unpruned")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":7}", "sgl")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"audio\"}]}]}", "messages[0].content[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://169.254.169.254/x\"}}]}]}", "messages[0].content[1].image_url.url")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,@@\"}}]}]}", "messages[0].content[1].image_url.url")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,\"}}]}]}", "messages[0].content[1].image_url.url")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"typical_p\":0.5}", "typical_p")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"include_stop_str_in_output\":true}", "include_stop_str_in_output")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"allowed_token_ids\":[1]}", "allowed_token_ids")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"mm_processor_kwargs\":{\"num_crops\":4}}", "mm_processor_kwargs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"chat_template_kwargs\":{\"enable_thinking\":true}}", "chat_template_kwargs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"chat_template_kwargs\":{\"add_vision_id\":true}}", "chat_template_kwargs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"enable_thinking\":true}", "enable_thinking")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"thinking\":{\"type\":\"enabled\"}}", "thinking")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"prompt_logprobs\":1}", "prompt_logprobs")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"truncate_prompt_tokens\":5}", "truncate_prompt_tokens")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"grammar\":\"root ::= x\"}", "grammar")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"json_schema\":{\"a\":1}}", "json_schema")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_pixels\":50176}", "max_pixels")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"tools\":[{}]}", "tools")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"response_format\":{\"type\":\"grammar\"}}", "response_format.type")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_tokens\":0}", "max_tokens")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"temperature\":99}", "temperature")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"stop\":5}", "stop")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"threshold\":\"NaN\"}}", "sgl.threshold")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"threshold\":1e400}}", "sgl.threshold")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"temperature\":-1e999}", "temperature")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"criterion\":\"guess\"}}", "sgl.criterion")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"prune\":[{\"layer\":3,\"keep_ratio\":0.5}]}}", "sgl.prune[0].layer")]
    public async Task Post_Wrong_BadRequestWithTheField(string json, string param)
    {
        using var response = await _trio.Http.PostAsync(Url, new StringContent(json, Encoding.UTF8, "application/json"));
        var body = (await response.Content.ReadFromJsonAsync<JsonNode>())!;

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("invalid_request_error", (string?)body["error"]!["type"]);
        Assert.Equal(param, (string?)body["error"]!["param"]);
        Assert.DoesNotContain("   at ", (string?)body["error"]!["message"], StringComparison.Ordinal);
        Assert.DoesNotContain("Sgl.Router", (string?)body["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_SmallRefusesAnImage_FieldOfTheBody()
    {
        _trio.Small.Failures.Enqueue(Faults.InvalidArgument("images[0].data", "is not an image").ToRpcException());

        var (status, body) = await PostAsync(Body("sure?"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("messages[0].content[1].image_url.url", (string?)body["error"]!["param"]);
        Assert.Equal("messages[0].content[1].image_url.url: is not an image", (string?)body["error"]!["message"]);
        Assert.True(_trio.Small.Requests.TryDequeue(out var asked));
        Assert.Empty(asked.Images.Single().Name); // a name of ours would stand in the model's message a second time
    }

    [Fact]
    public async Task Post_Overloaded_TooManyRequestsWithRetryAfter()
    {
        _trio.Small.Failures.Enqueue(Faults.Overloaded("full", TimeSpan.FromSeconds(4)).ToRpcException());

        using var response = await _trio.Http.PostAsJsonAsync(Url, Body("sure?"));

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal(4, response.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Equal(1, await _trio.MetricAsync("sgl_http_requests_total", "code=\"ResourceExhausted\""));
    }

    [Fact]
    public async Task Post_BodyTooLarge_RefusedWithTheLimit()
    {
        await using var trio = await Trio.StartAsync(("Listen:MaxReceiveMessageBytes", "30000"));

        using var response = await trio.Http.PostAsync(
            new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), new StringContent(new string(' ', 50_000), Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Contains("40000", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetModels_Always_RouterAndBothModels()
    {
        var models = await _trio.Http.GetFromJsonAsync<JsonNode>(new Uri(_trio.Endpoints.Http!, "/v1/models"));

        Assert.Equal(["sgl", "small-peer", "large-peer"], models!["data"]!.AsArray().Select(m => (string)m!["id"]!));
    }

    private Uri Url => new(_trio.Endpoints.Http!, "/v1/chat/completions");

    private static JsonNode Body(string question) => JsonSerializer.SerializeToNode(new
    {
        messages = new object[]
        {
            new
            {
                role = "user",
                content = new object[] { new { type = "text", text = question }, new { type = "image_url", image_url = new { url = Image } } },
            },
        },
    })!;

    private static string Content(IEnumerable<JsonNode> chunks) =>
        string.Concat(chunks.SelectMany(c => c["choices"]!.AsArray()).Select(c => (string?)c!["delta"]?["content"]));

    private async Task<(HttpStatusCode Status, JsonNode Body)> PostAsync(JsonNode body)
    {
        using var response = await _trio.Http.PostAsJsonAsync(Url, body);
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonNode>())!);
    }

    private async Task<List<JsonNode>> StreamAsync(JsonNode body)
    {
        using var response = await _trio.Http.PostAsJsonAsync(Url, body);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, e => Assert.StartsWith("data: ", e, StringComparison.Ordinal));
        Assert.Equal("data: [DONE]", events[^1]);
        return [.. events[..^1].Select(e => JsonNode.Parse(e["data: ".Length..])!)];
    }
}
