using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Bodies as ordinary clients write them, which is not always as the protocol's documents do.</summary>
public sealed class ChatVariantsTests : IAsyncLifetime
{
    private const string Pixel = "\u0089PNG?>~\u00ff";
    private static readonly byte[] PixelBytes = [.. Pixel.Select(c => (byte)c)];
    private static readonly string Base64 = Convert.ToBase64String(PixelBytes);

    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync();

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Theory]
    [InlineData("max_tokens")]
    [InlineData("max_completion_tokens")]
    [InlineData("temperature")]
    [InlineData("top_p")]
    [InlineData("top_k")]
    [InlineData("seed")]
    [InlineData("stop")]
    [InlineData("stream")]
    [InlineData("stream_options")]
    [InlineData("model")]
    [InlineData("sgl")]
    [InlineData("n")]
    [InlineData("tools")]
    [InlineData("tool_choice")]
    [InlineData("functions")]
    [InlineData("response_format")]
    [InlineData("logprobs")]
    [InlineData("top_logprobs")]
    [InlineData("frequency_penalty")]
    [InlineData("presence_penalty")]
    [InlineData("logit_bias")]
    [InlineData("modalities")]
    [InlineData("audio")]
    [InlineData("user")]
    [InlineData("metadata")]
    [InlineData("reasoning_effort")]
    [InlineData("something_of_next_year")]
    public async Task Post_NullField_LikeAbsent(string field)
    {
        var (status, body) = await PostAsync($$"""{"messages":[{"role":"user","content":"q"}],"{{field}}":null}""");

        Assert.True(status == HttpStatusCode.OK, body.ToJsonString());
        Assert.Equal("chat.completion", (string?)body["object"]);
    }

    [Theory]
    [InlineData("\"n\":1")]
    [InlineData("\"n\":1.0")]
    [InlineData("\"tools\":[],\"tool_choice\":\"none\",\"parallel_tool_calls\":true")]
    [InlineData("\"response_format\":{\"type\":\"text\"}")]
    [InlineData("\"logprobs\":false,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0.0,\"logit_bias\":{}")]
    [InlineData("\"modalities\":[\"text\"],\"store\":false,\"service_tier\":\"auto\",\"metadata\":{\"a\":\"b\"},\"user\":\"me\"")]
    [InlineData("\"stop\":\"\"")]
    [InlineData("\"stop\":[]")]
    [InlineData("\"top_k\":-1,\"top_p\":0")]
    [InlineData("\"stream_options\":{\"include_usage\":null}")]
    [InlineData("\"chat_template_kwargs\":{\"enable_thinking\":false},\"thinking\":{\"type\":\"disabled\"},\"enable_thinking\":false")]
    [InlineData("\"typical_p\":1.0,\"include_stop_str_in_output\":false,\"mm_processor_kwargs\":{},\"skip_special_tokens\":true")]
    [InlineData("\"sgl\":{\"threshold\":null,\"prune\":null,\"force\":null,\"unpruned\":null,\"image_limits\":null,\"large_timeout_ms\":null,\"provisional\":null}")]
    [InlineData("\"sgl\":{\"prune\":[{\"layer\":null,\"layer_fraction\":0.2,\"keep_ratio\":0.5}]}")]
    [InlineData("\"sgl\":{\"threshold\":\"Infinity\"}")]
    public async Task Post_ValueThatChangesNothing_Accepted(string members)
    {
        var (status, body) = await PostAsync($$"""{"messages":[{"role":"user","content":"q"}],{{members}}}""");

        Assert.True(status == HttpStatusCode.OK, body.ToJsonString());
    }

    [Theory]
    [InlineData("16", 16)]
    [InlineData("16.0", 16)]
    [InlineData("1.6e1", 16)]
    [InlineData("160E-1", 16)]
    [InlineData("5000", 200)]
    [InlineData("99999999999", 200)]
    [InlineData("1e300", 200)]
    public async Task Post_WholeNumberHoweverWritten_TakenAndClamped(string max, int expected)
    {
        Assert.Equal(HttpStatusCode.OK, (await PostAsync($$"""{"messages":[{"role":"user","content":"q"}],"max_tokens":{{max}}}""")).Status);

        var sampling = Asked().Sampling;
        Assert.Equal(expected, sampling.MaxNewTokens);
        Assert.True(sampling.ClampMaxNewTokens);
    }

    [Theory]
    [InlineData("-1", ulong.MaxValue)]
    [InlineData("42.0", 42UL)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    [InlineData("-9223372036854775808", 1UL << 63)]
    public async Task Post_AnySeed_Taken(string seed, ulong expected)
    {
        Assert.Equal(HttpStatusCode.OK, (await PostAsync($$"""{"messages":[{"role":"user","content":"q"}],"seed":{{seed}}}""")).Status);

        Assert.Equal(expected, Asked().Sampling.Seed);
    }

    public static TheoryData<string> Urls() =>
    [
        "data:image/png;base64," + Base64,
        "DATA:image/png;BASE64," + Base64,
        "data:;base64," + Base64,
        "data:image/png;charset=utf-8;base64," + Base64,
        " data:image/png;base64," + Base64 + "\n",
        "data:image/png;base64," + Base64.TrimEnd('='),
        "data:image/png;base64," + Base64.Replace('+', '-').Replace('/', '_'),
        "data:image/png;base64," + Base64.TrimEnd('=').Replace('+', '-').Replace('/', '_'),
        "data:image/png;base64," + Base64[..4] + "\r\n" + Base64[4..8] + " " + Base64[8..],
        "data:image/png;base64," + Uri.EscapeDataString(Base64),
        "data:image/png;base64," + string.Concat(Base64.Select(c => string.Create(CultureInfo.InvariantCulture, $"%{(int)c:x2}"))),
        "data:image/png," + string.Concat(PixelBytes.Select(b => string.Create(CultureInfo.InvariantCulture, $"%{b:X2}"))),
    ];

    [Theory]
    [MemberData(nameof(Urls))]
    public async Task Post_DataUrlHoweverWritten_TheSameBytes(string url)
    {
        var body = new JsonObject
        {
            ["messages"] = new JsonArray(new JsonObject
            {
                ["role"] = "user",
                ["content"] = new JsonArray(
                    new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = url, ["detail"] = "auto" } },
                    new JsonObject { ["type"] = "text", ["text"] = "q" }),
            }),
        };
        foreach (var json in new[] { body.ToJsonString(), body.ToJsonString().Replace("/", "\\/", StringComparison.Ordinal) })
        {
            var (status, answer) = await PostAsync(json);

            Assert.True(status == HttpStatusCode.OK, answer.ToJsonString());
            Assert.Equal(PixelBytes, Asked().Images.Single().Data.ToByteArray());
        }
    }

    [Theory]
    [InlineData("data:image/png;base64,!!!!", "is not base64")]
    [InlineData("data:image/png;base64,QUJD%zz", "is not base64")]
    [InlineData("data:image/png;base64,QQ==QUJD", "is not base64")]
    [InlineData("data:image/png;base64,QUJDQ", "is not base64")]
    [InlineData("data:image/png;base64,QUJD#page", "is not base64")]
    [InlineData("data:image/png;base64,", "is empty")]
    [InlineData("data:image/png;base64", "no comma")]
    [InlineData("file:///etc/passwd", "must be a data: URL")]
    public async Task Post_DataUrlThatIsNone_SaysWhy(string url, string reason)
    {
        var (status, body) = await PostAsync("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"URL"}}]}]}""".Replace("URL", url, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("messages[0].content[0].image_url.url", (string?)body["error"]!["param"]);
        Assert.Contains(reason, (string?)body["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_ImageUrlAsPlainString_Taken()
    {
        await PostAsync("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"URL"}]}]}""".Replace("URL", $"data:image/png;base64,{Base64}", StringComparison.Ordinal));

        Assert.Equal(PixelBytes, Asked().Images.Single().Data.ToByteArray());
    }

    [Fact]
    public async Task Post_WholeConversation_EveryTurnInItsPlace()
    {
        var (status, body) = await PostAsync($$$$"""
            {"messages":[
              {"role":"system","content":[{"type":"text","text":"be brief"}]},
              {"role":"user","name":"ann","content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"data:,x","detail":null}}]},
              {"role":"assistant","content":null},
              {"role":"assistant","content":null,"refusal":"no","tool_calls":[],"function_call":null,"audio":null},
              {"role":"assistant","content":[{"type":"refusal","refusal":"never"}]},
              {"role":"developer","content":"be kind"},
              {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{{Base64}}}}"}}]},
              {"role":"system","content":"one word"}
            ],"sgl":{"keep_part_order":true,"image_limits":{"max_tile_count":2.0},"omit_draft":true}}
            """);

        Assert.True(status == HttpStatusCode.OK, body.ToJsonString());
        var asked = Asked();
        Assert.Equal("S:be brief U:one,0 A: A:no A:never S:be kind U:1 S:one word", string.Join(' ', asked.Messages.Select(m =>
            m.Role.ToString()[0] + ":" + string.Join(',', m.Parts.Select(p => p.HasText ? p.Text : p.ImageIndex.ToString(CultureInfo.InvariantCulture))))));
        Assert.Equal(["x"u8.ToArray(), PixelBytes], asked.Images.Select(i => i.Data.ToByteArray()));
        Assert.True(asked.KeepPartOrder);
        Assert.Equal(2, asked.ImageLimits.MaxTileCount);
    }

    [Fact]
    public async Task Post_FaultsThatTheModelTells_InTheNamesOfTheBody()
    {
        var expected = new[]
        {
            ("images[1].data", "messages[2].content[1].image_url.url"),
            ("images[1]", "messages[2].content[1].image_url.url"),
            ("messages[2].parts[1].image_index", "messages[2].content[1]"),
            ("messages[0].parts[0]", "messages[0].content"),
            ("messages[2].parts", "messages[2].content"),
            ("messages", "messages"),
            ("images", "messages"),
            ("sampling.max_new_tokens", "max_completion_tokens"),
            ("sampling.top_p", "top_p"),
            ("image_limits.max_tile_count", "sgl.image_limits.max_tile_count"),
            ("keep_part_order", "sgl.keep_part_order"),
        };
        foreach (var (field, param) in expected)
        {
            _trio.Small.Failures.Enqueue(Hosting.Faults.InvalidArgument(field, "is wrong").ToRpcException());

            var (status, body) = await PostAsync("""
                {"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null},
                {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}},{"type":"image_url","image_url":{"url":"data:,y"}},{"type":"text","text":"q"}]}],
                "max_completion_tokens":7}
                """);

            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.Equal((param, $"{param}: is wrong"), ((string?)body["error"]!["param"], (string?)body["error"]!["message"]));
        }
    }

    [Fact]
    public async Task Post_SeveralMistakes_AllAtOnceInTheNamesOfTheBody()
    {
        var (_, body) = await PostAsync("""
            {"messages":[{"role":"user","content":5}],"max_tokens":true,"temperature":-1,"top_p":2,"min_tokens":500,"n":300,"sgl":{"image_limits":{"max_tile_count":100}}}
            """);

        Assert.Equal(
            ["messages[0].content", "max_tokens", "n", "min_tokens", "temperature", "top_p", "sgl.image_limits.max_tile_count"],
            ((string)body["error"]!["message"]!).Split("; ").Select(m => m.Split(':')[0]));
    }

    [Fact]
    public async Task Post_FieldMisspelled_TheRightOneIsNamed()
    {
        var (_, body) = await PostAsync("""{"messages":[{"role":"user","content":"q"}],"sgl":{"treshold":0.5,"keepPartOrder":true,"foo":1}}""");

        var message = (string)body["error"]!["message"]!;
        Assert.Contains("sgl.treshold: is not a field; did you mean threshold?", message, StringComparison.Ordinal);
        Assert.Contains("did you mean keep_part_order?", message, StringComparison.Ordinal);
        Assert.Contains("sgl.foo: is not a field; the fields are policy, threshold, criterion", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_TooManyImages_ToldOnceWithItsPlace()
    {
        var parts = string.Join(',', Enumerable.Repeat("""{"type":"image_url","image_url":{"url":"data:,x"}}""", 3000));

        var (status, body) = await PostAsync($$"""{"messages":[{"role":"user","content":[{{parts}}]}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("messages[0].content[4]: is one image too many: at most 4 are accepted", (string?)body["error"]!["message"]);
    }

    [Theory]
    [InlineData("{\"messages\":[", "{},", "{}]}", "messages")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[", "0,", "0]}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"stop\":[", "\"a\",", "\"a\"]}", "stop")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"sgl\":{\"prune\":[", "{},", "{}]}}", "sgl.prune")]
    [InlineData("{\"messages\":[[", "[],", "[]]]}", "messages[0]")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"", ",\"x\":0", "}]}", "body")]
    public async Task Post_MillionsOfElements_RefusedByTheList(string head, string unit, string tail, string param)
    {
        var (status, body) = await PostAsync(head + new StringBuilder().Insert(0, unit, 1_000_000) + tail);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(param, (string?)body["error"]!["param"]);
        Assert.InRange(((string)body["error"]!["message"]!).Length, 10, 200);
    }

    [Fact]
    public async Task Post_ThousandsOfMistakes_TwelveAreTold()
    {
        var turns = string.Join(',', Enumerable.Repeat("""{"role":"user","content":7}""", 1000));

        var (status, body) = await PostAsync($$"""{"messages":[{{turns}}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(12, ((string)body["error"]!["message"]!).Split("; ").Length);
    }

    private Wire.SmallServiceGenerateRequest Asked()
    {
        Assert.True(_trio.Small.Requests.TryDequeue(out var asked));
        return asked;
    }

    private async Task<(HttpStatusCode Status, JsonNode Body)> PostAsync(string json)
    {
        using var response = await _trio.Http.PostAsync(new Uri(_trio.Endpoints.Http!, "/v1/chat/completions"), new StringContent(json, Encoding.UTF8, "application/json"));
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonNode>())!);
    }
}
