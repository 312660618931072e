using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Sgl.Router.Tests;

/// <summary>What the HTTP port says beside answers: other routes and methods, types and encodings of bodies, CORS, streams in time.</summary>
public sealed class ChatProtocolTests : IAsyncLifetime
{
    private const string Question = """{"messages":[{"role":"user","content":"q"}]}""";
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync(("Listen:MaxReceiveMessageBytes", "30000"), ("Router:Http:Heartbeat", "00:00:00.100"), ("Router:Page", "false"));

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Theory]
    [InlineData("GET", "/", 404, "unknown_url")]
    [InlineData("GET", "/v1", 404, "unknown_url")]
    [InlineData("POST", "/v1/completions", 404, "unknown_url")]
    [InlineData("POST", "/v2/chat/completions", 404, "unknown_url")]
    [InlineData("GET", "/v1/chat/completions", 405, "method_not_supported")]
    [InlineData("PUT", "/v1/chat/completions", 405, "method_not_supported")]
    [InlineData("OPTIONS", "/v1/chat/completions", 405, "method_not_supported")]
    [InlineData("POST", "/v1/models", 405, "method_not_supported")]
    [InlineData("DELETE", "/v1/models/sgl", 405, "method_not_supported")]
    [InlineData("GET", "/v1/models/gpt", 404, "model_not_found")]
    [InlineData("GET", "/v1/models/a/b", 404, "model_not_found")]
    public async Task Request_NothingThere_ErrorOfTheProtocol(string method, string path, int status, string code)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(_trio.Endpoints.Http!, path));
        using var response = await _trio.Http.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
        await AssertErrorAsync(response, "invalid_request_error", code);
        Assert.Equal(status == 405, response.Content.Headers.Allow.Count > 0);
        Assert.True(response.Headers.Contains("x-request-id"));
    }

    // As the fuzzer found them: names that are no text.
    [Theory]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"\u00ff\u00fe\":1}", "is not UTF-8")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"\u00ed\u00a0\u0080\"}]}", "is not UTF-8")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"\\ud800\":1}", "no Unicode text")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\",\"\\udc00x\":{}}]}]}", "no Unicode text")]
    public async Task Post_NamesOrBytesThatAreNoText_BadRequest(string latin1, string told)
    {
        var content = new ByteArrayContent(Encoding.Latin1.GetBytes(latin1)) { Headers = { ContentType = new("application/json") } };

        using var response = await PostAsync(content);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(told, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_UnknownModel_NotFound()
    {
        using var response = await PostAsync(Json("""{"model":"gpt-4o","messages":[{"role":"user","content":"q"}],"stream":true}"""));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        var error = await AssertErrorAsync(response, "invalid_request_error", "model_not_found");
        Assert.Equal("model", (string?)error["param"]);
        Assert.Contains("'gpt-4o'", (string?)error["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetModel_Served_AsInTheList()
    {
        var list = (await _trio.Http.GetFromJsonAsync<JsonNode>(new Uri(_trio.Endpoints.Http!, "/v1/models")))!["data"]!.AsArray();
        foreach (var model in list)
        {
            Assert.Equal(("model", "sgl"), ((string?)model!["object"], (string?)model["owned_by"]));
            Assert.InRange((long)model["created"]!, DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeSeconds(), DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            var one = await _trio.Http.GetFromJsonAsync<JsonNode>(new Uri(_trio.Endpoints.Http!, $"/v1/models/{model["id"]}"));
            Assert.Equal(model.ToJsonString(), one!.ToJsonString());
        }
    }

    [Fact]
    public async Task GetModel_NameWithAnEncodedSlash_IsReadDecoded()
    {
        using var response = await _trio.Http.GetAsync(new Uri(_trio.Endpoints.Http!, "/v1/models/org%2Fname"));

        var error = await AssertErrorAsync(response, "invalid_request_error", "model_not_found");
        Assert.Contains("'org/name'", (string?)error["message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public async Task Post_AnotherContentType_Refused(string? type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Question));
        if (type is not null)
        {
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using var response = await PostAsync(content);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        await AssertErrorAsync(response, "invalid_request_error", "unsupported_media_type");
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=\"UTF-8\"")]
    [InlineData("application/vnd.api+json")]
    public async Task Post_JsonByItsType_Answered(string type)
    {
        var content = new ByteArrayContent([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Question)]);
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var response = await PostAsync(content);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("x-gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("identity")]
    public async Task Post_Compressed_Answered(string encoding)
    {
        using var response = await PostAsync(Compressed(Encoding.UTF8.GetBytes(Question), encoding));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task Post_CompressedBomb_RefusedAtTheLimit(string encoding)
    {
        using var response = await PostAsync(Compressed(Encoding.UTF8.GetBytes(Question.PadLeft(20_000_000)), encoding));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        await AssertErrorAsync(response, "invalid_request_error", "message_too_large");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task Post_NotWhatTheEncodingSays_BadRequest(string encoding)
    {
        foreach (var bytes in new[] { Encoding.UTF8.GetBytes(Question), (await Compressed(Encoding.UTF8.GetBytes(Question), encoding).ReadAsByteArrayAsync())[..^12] })
        {
            var content = new ByteArrayContent(bytes) { Headers = { ContentType = new("application/json"), ContentEncoding = { encoding } } };

            using var response = await PostAsync(content);

            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            await AssertErrorAsync(response, "invalid_request_error", "invalid_request");
        }
    }

    [Fact]
    public async Task Post_UnknownEncoding_RefusedWithTheKnownOnes()
    {
        var content = Json(Question);
        content.Headers.ContentEncoding.Add("zstd");

        using var response = await PostAsync(content);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Equal("gzip, deflate, br", string.Join(", ", response.Headers.GetValues("Accept-Encoding")));
    }

    [Fact]
    public async Task Preflight_NotConfigured_NoHeaders()
    {
        using var response = await PreflightAsync(_trio, "https://chat.example.org");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("https://chat.example.org", true)]
    [InlineData("https://a.example.com", true)]
    [InlineData("https://evil.org", false)]
    [InlineData("http://chat.example.org", false)]
    public async Task Preflight_Configured_AnsweredForThoseOrigins(string origin, bool allowed)
    {
        await using var trio = await Trio.StartAsync(("Router:Http:AllowedOrigins:0", "https://chat.example.org"), ("Router:Http:AllowedOrigins:1", "https://*.example.com"));

        using var preflight = await PreflightAsync(trio, origin);
        using var request = new HttpRequestMessage(HttpMethod.Post, Url(trio)) { Content = Json("{}"), Headers = { { "Origin", origin } } };
        using var response = await trio.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        foreach (var answer in new[] { preflight, response })
        {
            Assert.Equal(allowed ? [origin] : [], answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var values) ? values : []);
        }

        if (allowed)
        {
            Assert.Equal("authorization,content-type", preflight.Headers.GetValues("Access-Control-Allow-Headers").Single());
            Assert.Contains("POST", preflight.Headers.GetValues("Access-Control-Allow-Methods").Single(), StringComparison.Ordinal);
            Assert.Equal(
                "x-request-id,retry-after,grpc-status,grpc-message,grpc-status-details-bin,grpc-encoding,grpc-accept-encoding,www-authenticate,x-ratelimit-limit-requests,"
                + "x-ratelimit-remaining-requests,x-ratelimit-reset-requests,x-ratelimit-limit-tokens,x-ratelimit-remaining-tokens,x-ratelimit-reset-tokens", response.Headers.GetValues("Access-Control-Expose-Headers").Single());
        }
    }

    [Fact]
    public async Task PostStream_ForcedSmall_TokenByTokenBeforeItEnds()
    {
        _trio.Small.Tokens = [" for", "ty", " ", "two\n"];
        _trio.Small.AfterTokens = TimeSpan.FromMinutes(2);
        foreach (var body in new[]
        {
            """{"model":"small-peer","stream":true,"messages":[{"role":"user","content":"q"}]}""",
            """{"stream":true,"sgl":{"force":"small"},"messages":[{"role":"user","content":"q"}]}""",
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Url(_trio)) { Content = Json(body) };
            using var response = await _trio.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            var contents = new List<string>();
            while (contents.Count < 3 && await reader.ReadLineAsync() is { } line)
            {
                if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    contents.Add((string)JsonNode.Parse(line["data: ".Length..])!["choices"]![0]!["delta"]!["content"]!);
                }
            }

            // The peer is still busy for minutes: this came before the decision.
            Assert.Equal(["for", "ty", " two"], contents);
        }
    }

    [Fact]
    public async Task PostStream_ForcedSmall_WholeStreamAddsUpToTheAnswer()
    {
        _trio.Small.Tokens = [" \n", " for", "ty ", " two \n", "\n"];
        var chunks = await StreamAsync("""{"model":"small-peer","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"q"}]}""");

        Assert.Equal("forty  two", string.Concat(chunks.SelectMany(c => c["choices"]!.AsArray()).Select(c => (string?)c!["delta"]!["content"])));
        AssertShape(chunks, "small-peer", usage: true);
    }

    [Theory]
    [InlineData(0.9, null, "sgl")]
    [InlineData(0.1, null, "sgl")]
    [InlineData(0.1, "sgl", "sgl")]
    [InlineData(0.9, "large-peer", "large-peer")]
    public async Task PostStream_AnyPath_ChunksAsTheProtocolHasThem(double score, string? asked, string model)
    {
        _trio.Small.Scores = _ => SmallPeer.Decision(score);
        var name = asked is null ? "" : $"\"model\":\"{asked}\",";

        AssertShape(await StreamAsync($$"""{{{name}}"stream":true,"sgl":{"provisional":true},"messages":[{"role":"user","content":"q"}]}"""), model, usage: false);
    }

    [Fact]
    public async Task PostStream_LongSilence_HeartbeatsBeforeTheDecision()
    {
        _trio.Small.BeforeTokens = TimeSpan.FromMilliseconds(700);
        using var request = new HttpRequestMessage(HttpMethod.Post, Url(_trio)) { Content = Json("""{"stream":true,"messages":[{"role":"user","content":"q"}]}""") };
        using var response = await _trio.Http.SendAsync(request);

        var lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(": waiting", lines[0]);
        Assert.Equal("data: [DONE]", lines[^1]);
        Assert.All(lines.SkipWhile(l => l == ": waiting").Where(l => l != ": waiting"), l => Assert.StartsWith("data: ", l, StringComparison.Ordinal));
    }

    [Fact]
    public async Task PostStream_ErrorAfterAHeartbeat_EventOfTheStream()
    {
        _trio.Small.BeforeTokens = TimeSpan.FromMilliseconds(700);
        _trio.Small.FailAfter = (0, new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.DataLoss, "broken")));

        var events = await StreamAsync("""{"stream":true,"messages":[{"role":"user","content":"q"}]}""");

        Assert.Equal("server_error", (string?)Assert.Single(events)["error"]!["type"]);
    }

    [Fact]
    public async Task PostStream_ErrorBeforeAnythingWasSent_StatusOfTheResponse()
    {
        using var response = await PostAsync(Json("""{"stream":true,"messages":[]}"""));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        await AssertErrorAsync(response, "invalid_request_error", "invalid_request");
    }

    private static Uri Url(Trio trio) => new(trio.Endpoints.Http!, "/v1/chat/completions");

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static ByteArrayContent Compressed(byte[] bytes, string encoding)
    {
        using var memory = new MemoryStream();
        using (Stream stream = encoding switch
        {
            "deflate" => new ZLibStream(memory, CompressionLevel.Fastest, leaveOpen: true),
            "br" => new BrotliStream(memory, CompressionLevel.Fastest, leaveOpen: true),
            "identity" => new BufferedStream(new MemoryStream()),
            _ => new GZipStream(memory, CompressionLevel.Fastest, leaveOpen: true),
        })
        {
            stream.Write(bytes);
        }

        var content = new ByteArrayContent(encoding == "identity" ? bytes : memory.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add(encoding);
        return content;
    }

    private static async Task<JsonNode> AssertErrorAsync(HttpResponseMessage response, string type, string code)
    {
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var error = (await response.Content.ReadFromJsonAsync<JsonObject>())!["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(p => p.Key));
        Assert.Equal((type, code), ((string?)error["type"], (string?)error["code"]));
        Assert.NotEmpty((string)error["message"]!);
        return error;
    }

    private static void AssertShape(List<JsonNode> chunks, string model, bool usage)
    {
        Assert.All(chunks, c => Assert.Equal((model, "chat.completion.chunk"), ((string?)c["model"], (string?)c["object"])));
        Assert.Single(chunks.Select(c => (long)c["created"]!).Distinct());
        Assert.Single(chunks.Select(c => (string)c["id"]!).Distinct());
        Assert.Equal("assistant", (string?)chunks[0]["choices"]![0]!["delta"]!["role"]);
        var choices = chunks.Select(c => c["choices"]!.AsArray()).Where(c => c.Count > 0).Select(c => c[0]!.AsObject()).ToList();
        Assert.All(choices, c => Assert.True(c.ContainsKey("finish_reason") && c.ContainsKey("logprobs") && c.ContainsKey("delta")));
        Assert.All(choices[..^1], c => Assert.Null(c["finish_reason"]));
        Assert.Equal("stop", (string?)choices[^1]["finish_reason"]);
        Assert.Single(choices, c => c["delta"]!["role"] is not null);
        Assert.All(chunks, c => Assert.Equal(usage, c.AsObject().ContainsKey("usage")));
        Assert.Equal(usage ? 1 : 0, chunks.Count(c => c["usage"] is not null));
    }

    private static async Task<HttpResponseMessage> PreflightAsync(Trio trio, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, Url(trio))
        {
            Headers = { { "Origin", origin }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "authorization,content-type" } },
        };
        return await trio.Http.SendAsync(request);
    }

    private Task<HttpResponseMessage> PostAsync(HttpContent content) => _trio.Http.PostAsync(Url(_trio), content);

    private async Task<List<JsonNode>> StreamAsync(string body)
    {
        using var response = await PostAsync(Json(body));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Where(e => e[0] != ':').ToList();
        Assert.Equal("data: [DONE]", events[^1]);
        return [.. events[..^1].Select(e => JsonNode.Parse(e["data: ".Length..])!)];
    }
}
