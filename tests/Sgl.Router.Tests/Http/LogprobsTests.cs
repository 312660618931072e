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
