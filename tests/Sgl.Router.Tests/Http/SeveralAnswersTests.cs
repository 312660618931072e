using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router.Tests;

/// <summary><c>n</c> above 1.</summary>
public sealed class SeveralAnswersTests
{
    private const string Question = """{"messages":[{"role":"user","content":"q"}],"n":3}""";

    [Fact]
    public async Task Post_Greedy_AskedOnceAndToldAsOften()
    {
        await using var trio = await Trio.StartAsync();
        var body = JsonNode.Parse(Question)!;
        body["logprobs"] = true;

        var answer = await PostAsync(trio, body);

        var choices = answer["choices"]!.AsArray();
        Assert.Equal([0, 1, 2], choices.Select(c => (int)c!["index"]!));
        Assert.All(choices, c => Assert.Equal("forty two", (string?)c!["message"]!["content"]));
        Assert.All(choices, c => Assert.Equal(3, c!["logprobs"]!["content"]!.AsArray().Count));
        Assert.All(choices, c => Assert.Equal("exit", (string?)c!["sgl"]!["path"]));
        Assert.Single(trio.Small.Requests);
        Assert.Equal((9, 9, 18, 11), Usage(answer));
    }

    [Fact]
    public async Task Post_Sampled_EachItsOwnSeedAndDecision()
    {
        await using var trio = await Trio.StartAsync((small, _) => small.Scores = r => SmallPeer.Decision(r.Sampling.Seed == 6 ? 0.1 : 0.9));
        var body = JsonNode.Parse(Question)!;
        (body["temperature"], body["seed"], body["sgl"]) = (1, 5, JsonNode.Parse("""{"criterion":"confidence","threshold":0.5}"""));

        var answer = await PostAsync(trio, body);

        Assert.Equal([5UL, 6UL, 7UL], trio.Small.Requests.Select(r => r.Sampling.Seed).Order());
        Assert.Equal(["forty two", "forty-two", "forty two"], answer["choices"]!.AsArray().Select(c => (string?)c!["message"]!["content"]));
        Assert.Equal(["exit", "escalated", "exit"], answer["choices"]!.AsArray().Select(c => (string?)c!["sgl"]!["path"]));
        Assert.Null(answer["sgl"]);
        Assert.Equal((9, 9, 18, 0), Usage(answer)); // the large peer had nothing cached
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Post_Streamed_EveryAnswerUnderItsIndexAndOneEnd(double temperature)
    {
        await using var trio = await Trio.StartAsync();
        var body = JsonNode.Parse(Question)!;
        (body["temperature"], body["stream"], body["stream_options"]) = (temperature, true, JsonNode.Parse("""{"include_usage":true}"""));
        body["sgl"] = JsonNode.Parse("""{"threshold":2}""");

        using var response = await trio.Http.PostAsJsonAsync(new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), body);
        var lines = (await response.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: ", StringComparison.Ordinal)).Select(l => l["data: ".Length..]).ToList();

        Assert.Equal("[DONE]", lines[^1]);
        Assert.Single(lines, l => l == "[DONE]");
        var chunks = lines.SkipLast(1).Select(l => JsonNode.Parse(l)!).ToList();
        var choices = chunks.SelectMany(c => c["choices"]!.AsArray()).ToLookup(c => (int)c!["index"]!);
        Assert.Equal([0, 1, 2], choices.Select(c => c.Key).Order());
        Assert.All(choices, c => Assert.Equal("forty-two", string.Concat(c.Select(d => (string?)d!["delta"]!["content"]))));
        Assert.All(choices, c => Assert.Single(c, d => (string?)d!["finish_reason"] == "stop"));
        Assert.All(choices, c => Assert.Single(c, d => (string?)d!["delta"]!["role"] == "assistant"));
        Assert.Equal((0, 9, 9, 0), Usage(Assert.Single(chunks, c => c["usage"] is not null)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_OneFails_SoDoesTheRequest(bool stream)
    {
        await using var trio = await Trio.StartAsync();
        trio.Small.Failures.Enqueue(Faults.InvalidArgument("sampling.top_p", "is wrong").ToRpcException());
        var body = JsonNode.Parse(Question)!;
        (body["temperature"], body["stream"]) = (1, stream);

        using var response = await trio.Http.PostAsJsonAsync(new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), body);
        var text = await response.Content.ReadAsStringAsync();

        Assert.Contains("top_p: is wrong", text, StringComparison.Ordinal);
        Assert.True(stream || response.StatusCode == HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Post_MoreThanTheSetting_RefusedByName()
    {
        await using var trio = await Trio.StartAsync(("Router:Http:MaxAnswers", "2"));

        using var response = await trio.Http.PostAsJsonAsync(new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), JsonNode.Parse(Question));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("n: must be a whole number from 1 to 2, was 3", (string?)(await response.Content.ReadFromJsonAsync<JsonNode>())!["error"]!["message"]);
    }

    private static (int Prompt, int Completion, int Total, int Cached) Usage(JsonNode answer)
    {
        var usage = answer["usage"]!;
        return ((int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!, (int)usage["total_tokens"]!, (int)usage["prompt_tokens_details"]!["cached_tokens"]!);
    }

    private static async Task<JsonNode> PostAsync(Trio trio, JsonNode body)
    {
        using var response = await trio.Http.PostAsJsonAsync(new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), body);
        var answer = (await response.Content.ReadFromJsonAsync<JsonNode>())!;
        Assert.True(response.StatusCode == HttpStatusCode.OK, answer.ToJsonString());
        return answer;
    }
}
