using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class LogprobsTests
{
    [Theory]
    [InlineData(0, "forty two")]
    [InlineData(2, "forty-two")]
    public async Task Post_Logprobs_TheTokensOfTheAnswerThatCounts(double threshold, string answer)
    {
        await using var trio = await Trio.StartAsync();
        var url = new Uri(trio.Endpoints.Http!, "/v1/chat/completions");
        var body = JsonNode.Parse($$$"""{"messages":[{"role":"user","content":"q"}],"logprobs":true,"sgl":{"threshold":{{{threshold}}}}}""")!;

        using var whole = await trio.Http.PostAsJsonAsync(url, body);
        var content = (await whole.Content.ReadFromJsonAsync<JsonNode>())!["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        body["stream"] = true;
        using var stream = await trio.Http.PostAsJsonAsync(url, body);
        var streamed = (await stream.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal))
            .SelectMany(l => JsonNode.Parse(l["data: ".Length..])!["choices"]![0]!["logprobs"]?["content"]?.AsArray() ?? []).ToList();

        Assert.Equal(answer, string.Concat(content.Select(t => (string)t!["token"]!)));
        Assert.All(content, t => Assert.True((double)t!["logprob"]! <= 0));
        Assert.Equal(content.Select(t => t!.ToJsonString()), streamed.Select(t => t!.ToJsonString()));
    }

    [Fact]
    public async Task Post_TopLogprobs_TheLikeliestOfEachStepWithTheirBytes()
    {
        await using var trio = await Trio.StartAsync();
        var body = JsonNode.Parse("""{"messages":[{"role":"user","content":"q"}],"logprobs":true,"top_logprobs":2,"sgl":{"threshold":0}}""")!;

        using var response = await trio.Http.PostAsJsonAsync(new Uri(trio.Endpoints.Http!, "/v1/chat/completions"), body);
        var content = (await response.Content.ReadFromJsonAsync<JsonNode>())!["choices"]![0]!["logprobs"]!["content"]!.AsArray();

        Assert.Equal(3, content.Count);
        Assert.All(content, t =>
        {
            var top = t!["top_logprobs"]!.AsArray();
            Assert.Equal([(string)t["token"]!, "\uFFFD"], top.Select(a => (string)a!["token"]!));
            Assert.Equal([195], top[1]!["bytes"]!.AsArray().Select(b => (int)b!));
            Assert.Equal((double)t["logprob"]!, (double)top[0]!["logprob"]!);
        });
    }

    [Theory]
    [InlineData(0, "forty two")]
    [InlineData(2, "forty-two")]
    public async Task Responses_IncludeLogprobs_WholeAndStreamedTellTheSame(double threshold, string answer)
    {
        await using var trio = await Trio.StartAsync();
        var url = new Uri(trio.Endpoints.Http!, "/v1/responses");
        var body = JsonNode.Parse($$$"""{"input":"q","include":["message.output_text.logprobs"],"top_logprobs":1,"sgl":{"threshold":{{{threshold}}}}}""")!;

        using var whole = await trio.Http.PostAsJsonAsync(url, body);
        var response = (await whole.Content.ReadFromJsonAsync<JsonNode>())!;
        var told = response["output"]![0]!["content"]![0]!["logprobs"]!.AsArray();
        body["stream"] = true;
        using var stream = await trio.Http.PostAsJsonAsync(url, body);
        var events = (await stream.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).Select(l => JsonNode.Parse(l["data: ".Length..])!).ToList();

        Assert.Equal(answer, string.Concat(told.Select(t => (string)t!["token"]!)));
        Assert.Equal(1, (int)response["top_logprobs"]!);
        var deltas = events.Where(e => (string)e["type"]! == "response.output_text.delta").SelectMany(e => e["logprobs"]!.AsArray());
        Assert.Equal(told.Select(t => t!.ToJsonString()), deltas.Select(t => t!.ToJsonString()));
        var done = events.Single(e => (string)e["type"]! == "response.output_text.done")["logprobs"]!;
        Assert.Equal(told.ToJsonString(), done.ToJsonString());
        Assert.Equal(told.ToJsonString(), events[^1]["response"]!["output"]![0]!["content"]![0]!["logprobs"]!.ToJsonString());
    }

    [Theory]
    [InlineData("\"include\":[\"reasoning.encrypted_content\"]", "include[0]")]
    [InlineData("\"top_logprobs\":1", "include")]
    [InlineData("\"logprobs\":true", "logprobs")]
    [InlineData("\"n\":2", "n")]
    public async Task Responses_NotSupported_RefusedByName(string member, string param)
    {
        await using var trio = await Trio.StartAsync();

        using var response = await trio.Http.PostAsync(
            new Uri(trio.Endpoints.Http!, "/v1/responses"), new StringContent($$"""{"input":"q",{{member}}}""", System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(param, (string?)(await response.Content.ReadFromJsonAsync<JsonNode>())!["error"]!["param"]);
    }

    [Fact]
    public void Tokens_EndOfAnAnswer_LeftOutUnlessItWasCutOff()
    {
        foreach (var (reason, expected) in new[] { (Wire.FinishReason.Stop, 0), (Wire.FinishReason.Length, 1) })
        {
            var tokens = new AnswerTokens();
            foreach (var text in new[] { "a", "", "é", "" })
            {
                tokens.Take(new Wire.AnswerResponse { SmallToken = new Wire.Token { Text = text, LogProbability = float.NegativeInfinity } });
            }

            var told = tokens.Told().Content;
            Assert.Equal(["a", "", "é"], told.Select(t => t.Token));
            Assert.Equal([0xC3, 0xA9], told[2].Bytes);
            Assert.All(told, t => Assert.Equal(-9999, t.Logprob));
            Assert.Equal(expected, tokens.Rest(new Wire.ModelRun { FinishReason = reason })?.Content.Count ?? 0);
        }
    }

    [Fact]
    public void Tokens_LargeModelBegins_TheSmallOnesAreForgotten()
    {
        var tokens = new AnswerTokens();
        tokens.Take(new Wire.AnswerResponse { SmallToken = new Wire.Token { Text = "small" } });
        tokens.Take(new Wire.AnswerResponse { LargeToken = new Wire.Token { Text = "large" } });

        Assert.Equal("large", Assert.Single(tokens.Told().Content).Token);
    }
}
