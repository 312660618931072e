using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Json.Schema;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Sgl.TestKit;

namespace Sgl.Router.Tests;

/// <summary>The description of the HTTP API against the API itself.</summary>
public sealed class ApiDescriptionTests : IAsyncLifetime
{
    private static readonly string[] Nowhere = ["https://", "http://", "//"];
    private Trio _trio = null!;
    private JsonObject _document = null!;

    public async Task InitializeAsync()
    {
        _trio = await Trio.StartAsync((small, _) => small.Scores = r => SmallPeer.Decision(
            r.Messages[^1].Parts.Any(p => p.Text.Contains("sure", StringComparison.Ordinal)) ? 0.9 : 0.1));
        _document = (JsonObject)(await _trio.Http.GetFromJsonAsync<JsonNode>(At("/openapi.json")))!;
    }

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Fact]
    public void Document_Read_IsOpenApiWithoutErrors()
    {
        var read = OpenApiDocument.Parse(_document.ToJsonString(), "json");

        Assert.Empty(read.Diagnostic!.Errors);
        Assert.Empty(read.Diagnostic.Warnings);
        Assert.StartsWith("3.1", (string?)_document["openapi"], StringComparison.Ordinal);
    }

    [Fact]
    public void Document_EveryEndpointOfTheApi_IsInIt()
    {
        var served =
            from endpoint in _trio.Router.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            let path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/').Replace("**", "", StringComparison.Ordinal)
            where path.StartsWith("/v1/", StringComparison.Ordinal) || path == "/health"
            where path != "/v1/sgl/metrics" // the page's own, in the format of Prometheus
            from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
            select $"{method} {path}";
        var described =
            from path in _document["paths"]!.AsObject()
            from operation in path.Value!.AsObject()
            select $"{operation.Key.ToUpperInvariant()} {path.Key}";

        Assert.Equal(served.Order(), described.Order());
    }

    [Fact]
    public void Document_EveryReference_LeadsSomewhere()
    {
        var references = Descend(_document).OfType<JsonObject>().Select(o => (string?)(o["$ref"] as JsonValue)).OfType<string>().Distinct().ToList();

        Assert.NotEmpty(references);
        Assert.All(references, r => Assert.NotNull(r.Split('/')[1..].Aggregate((JsonNode?)_document, (node, name) => node?[name])));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"sure?"}]}""", 200, "ChatResponse")]
    [InlineData("""{"messages":[{"role":"user","content":"hm"}],"sgl":{"include":["importance","layout","pruning","runs"]}}""", 200, "ChatResponse")]
    [InlineData("""{"messages":[{"role":"user","content":"hm"}],"sgl":{"force":"large","unpruned":true}}""", 200, "ChatResponse")]
    [InlineData("""{"messages":[{"role":"user","content":"hm"}],"logprobs":true}""", 200, "ChatResponse")]
    [InlineData("""{"messages":[{"role":"user","content":"sure?"}],"logprobs":true,"top_logprobs":3}""", 200, "ChatResponse")]
    [InlineData("""{"messages":[{"role":"user","content":"hm"}],"n":2,"temperature":1}""", 200, "ChatResponse")]
    [InlineData("""{"messages":[{"role":"user","content":"hm"}],"n":"x"}""", 400, "ChatErrorBody")]
    [InlineData("""{"messages":[{"role":"user","content":"hm"}],"model":"x"}""", 404, "ChatErrorBody")]
    public async Task Answer_Whole_IsAsDescribed(string body, int status, string schema)
    {
        using var response = await PostAsync(body);

        Assert.Equal(status, (int)response.StatusCode);
        Check(schema, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("""{"input":"sure?","include":["message.output_text.logprobs"],"top_logprobs":2}""", 200, "ResponseObject")]
    [InlineData("""{"input":"sure?"}""", 200, "ResponseObject")]
    [InlineData("""{"input":[{"role":"user","content":"hm"}],"instructions":"Be brief.","max_output_tokens":5,"metadata":{"a":"b"},"sgl":{"include":["runs"]}}""", 200, "ResponseObject")]
    [InlineData("""{"input":7}""", 400, "ChatErrorBody")]
    public async Task Response_Whole_IsAsDescribed(string body, int status, string schema)
    {
        using var response = await PostAsync(body, "ResponseRequest");

        Assert.Equal(status, (int)response.StatusCode);
        Check(schema, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("sure?")]
    [InlineData("hm")]
    public async Task Response_Stream_EveryEventIsAsDescribed(string question)
    {
        using var response = await PostAsync($$"""{"input":"{{question}}","stream":true}""", "ResponseRequest");
        var events = (await response.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).ToList();

        Assert.True(events.Count > 6);
        Assert.All(events, e => Check("ResponseEvent", e["data: ".Length..]));
    }

    [Theory]
    [InlineData("sure?", "{}", "1")]
    [InlineData("sure?", "{}", "2,\"temperature\":1")]
    [InlineData("hm", """{"provisional":true,"include":["importance","layout","pruning","runs"]}""", "1")]
    public async Task Answer_Stream_EveryEventIsAsDescribed(string question, string sgl, string n)
    {
        using var response = await PostAsync(
            $$$"""{"messages":[{"role":"user","content":"{{{question}}}"}],"stream":true,"n":{{{n}}},"logprobs":true,"stream_options":{"include_usage":true},"sgl":{{{sgl}}}}""");
        var events = (await response.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).ToList();

        Assert.True(events.Count > 3);
        Assert.All(events, e => Check("ChatChunkWithUsage", e["data: ".Length..]));
    }

    [Theory]
    [InlineData("/v1/models", "ChatModelList")]
    [InlineData("/v1/models/sgl", "ChatModel")]
    [InlineData("/v1/policies", "PolicyList")]
    [InlineData("/v1/sgl/info", "InfoResponse")]
    [InlineData("/health", "ChatHealth")]
    [InlineData("/v1/models/x", "ChatErrorBody")]
    [InlineData("/v1/x", "ChatErrorBody")]
    public async Task Get_Always_IsAsDescribed(string path, string schema)
    {
        using var response = await _trio.Http.GetAsync(At(path));

        Check(schema, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Health_NotServing_Unavailable()
    {
        await _trio.Small.StopAsync();
        await _trio.UntilAsync(() => Task.FromResult(!_trio.Health.IsServing));
        using var response = await _trio.Http.GetAsync(At("/health"));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Check("ChatErrorBody", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("ChatCompletionRequest", "")]
    [InlineData("SglSettings", "sgl")]
    [InlineData("ResponseRequest", "")]
    public async Task Fields_OfARequest_AreReadAndBoundedAsDescribed(string schema, string inside)
    {
        var tried = 0;
        foreach (var (path, field) in Fields(_document["components"]!["schemas"]![schema]!, inside))
        {
            foreach (var (value, good) in Values(field))
            {
                // Needs a policy file, which this router has none of: LearntCriterionTests.
                if (path == "sgl.criterion" && value is JsonValue text && text.TryGetValue(out string? name) && name == "learnt")
                {
                    continue;
                }

                using var response = await PostAsync(With(path, value, schema), schema);
                var error = (await response.Content.ReadFromJsonAsync<JsonNode>())!["error"];
                var about = ((string?)error?["message"])?.Split("; ").Any(m => m.StartsWith(path + ":", StringComparison.Ordinal) || m.StartsWith(path + "[", StringComparison.Ordinal)) ?? false;
                Assert.True(good != about, $"{path} = {value?.ToJsonString() ?? "null"}: {error?.ToJsonString() ?? "accepted"}");
                tried++;
            }
        }

        Assert.True(tried > 20);
    }

    [Theory]
    [InlineData("ChatCompletionRequest")]
    [InlineData("ResponseRequest")]
    public async Task Fields_ThatAreRefused_AreListed(string schema)
    {
        var names = _document["components"]!["schemas"]![schema]!["x-refused"]!.AsArray().Select(n => (string)n!).ToList();

        Assert.NotEmpty(names);
        foreach (var name in names)
        {
            using var response = await PostAsync(With(name, JsonNode.Parse("[[7]]"), schema), schema);
            Assert.Equal(name, (string?)(await response.Content.ReadFromJsonAsync<JsonNode>())!["error"]!["param"]);
        }
    }

    [Fact]
    public void Docs_EveryField_IsNamed()
    {
        var page = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs/http-api.md"));
        string[] schemas = ["ChatCompletionRequest", "SglSettings", "ResponseRequest"];

        Assert.All(schemas.SelectMany(s => Fields(_document["components"]!["schemas"]![s]!, "").Select(f => f.Path)), path =>
            Assert.Matches($@"`[^`]*\b{Regex.Escape(path.Split('.', '[', ']')[^1])}\b[^`]*`", page));
    }

    [Fact]
    public async Task Reference_Opened_NeedsNothingFromElsewhere()
    {
        using var page = await _trio.Http.GetAsync(At("/reference"));
        var html = await page.Content.ReadAsStringAsync();
        var sources = Regex.Matches(html, "(?:src|href)=\"([^\"]+)\"").Select(m => m.Groups[1].Value).ToList();

        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.NotEmpty(sources);
        Assert.All(sources, s => Assert.DoesNotContain(Nowhere, n => s.StartsWith(n, StringComparison.Ordinal)));
        foreach (var source in sources)
        {
            using var part = await _trio.Http.GetAsync(new Uri(page.RequestMessage!.RequestUri!, source));
            Assert.Equal(HttpStatusCode.OK, part.StatusCode);
        }

        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reference_SwitchedOff_NotFound()
    {
        await using var trio = await Trio.StartAsync(("Router:Http:Reference", "false"));

        foreach (var path in new[] { "/openapi.json", "/reference" })
        {
            using var response = await trio.Http.GetAsync(new Uri(trio.Endpoints.Http!, path));
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        }
    }

    private Uri At(string path) => new(_trio.Endpoints.Http!, path);

    private Task<HttpResponseMessage> PostAsync(string body, string schema = "ChatCompletionRequest") =>
        _trio.Http.PostAsync(At(schema == "ResponseRequest" ? "/v1/responses" : "/v1/chat/completions"), new StringContent(body, Encoding.UTF8, "application/json"));

    /// <summary>Strictly: a member that the schema does not name is wrong.</summary>
    private void Check(string schema, string json)
    {
        var schemas = _document["components"]!["schemas"]!.DeepClone().AsObject();
        foreach (var request in schemas.Where(s => s.Value!["x-refused"] is not null).ToList())
        {
            schemas.Remove(request.Key); // a word that is ours alone
        }

        foreach (var described in Descend(schemas).OfType<JsonObject>().Where(o => o["properties"] is JsonObject && o["type"] is not null))
        {
            described["additionalProperties"] = false;
        }

        var text = new JsonObject { ["$defs"] = schemas, ["$ref"] = $"#/$defs/{schema}" }.ToJsonString().Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal);
        using var value = JsonDocument.Parse(json);
        var result = JsonSchema.FromText(text).Evaluate(value.RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(result.IsValid, json + string.Join('\n', (result.Details ?? []).Where(d => d.Errors is not null).Select(d => $"{d.InstanceLocation}: {string.Join(", ", d.Errors!.Values)}")));
    }

    /// <summary>The fields of a schema and of the objects in it, with their paths.</summary>
    private IEnumerable<(string Path, JsonObject Field)> Fields(JsonNode schema, string path)
    {
        foreach (var (name, value) in schema["properties"]?.AsObject() ?? [])
        {
            var (at, field) = (path.Length == 0 ? name : $"{path}.{name}", (JsonObject)value!);
            if (name is "messages" or "input" || field["oneOf"]?[0]?["$ref"] is not null)
            {
                continue;
            }

            yield return (at, field);
            foreach (var inner in Fields(field, at).Concat(field["items"] is { } items ? Fields(items, $"{at}[0]") : []))
            {
                yield return inner;
            }
        }
    }

    /// <summary>Values at and beyond the bounds of a field, and of no type that it has.</summary>
    private static IEnumerable<(JsonNode? Value, bool Good)> Values(JsonObject field)
    {
        var alternatives = field["oneOf"]?.AsArray().Select(a => (JsonObject)a!).ToList() ?? [field];
        var types = alternatives.SelectMany(a => a["type"] is JsonArray several ? several.Select(t => (string)t!) : [(string?)a["type"] ?? "const"]).ToHashSet();
        yield return (types.Contains("array") ? JsonNode.Parse("""{"x":1}""") : JsonNode.Parse("[[7]]"), false);
        if (types.Contains("null"))
        {
            yield return (null, true);
        }

        foreach (var of in alternatives)
        {
            foreach (var (value, good) in Bounds(of))
            {
                yield return (value, good);
            }
        }
    }

    private static IEnumerable<(JsonNode? Value, bool Good)> Bounds(JsonObject field)
    {
        foreach (var (bound, beyond) in new[] { ("minimum", -1), ("maximum", 1) })
        {
            if (field[bound] is { } limit)
            {
                yield return (limit.DeepClone(), true);
                yield return (JsonValue.Create(decimal.Parse(limit.ToJsonString(), CultureInfo.InvariantCulture) + beyond), false);
            }
        }

        foreach (var known in field["enum"]?.AsArray() ?? [])
        {
            yield return (known?.DeepClone(), true);
        }

        if (field["enum"] is not null)
        {
            yield return ("no such", false);
        }

        if (field["const"] is { } only)
        {
            yield return (only.DeepClone(), true);
        }

        if (field["maxLength"] is { } length && field["type"]?.ToString() == "string")
        {
            yield return (new string('x', (int)length), true);
            yield return (new string('x', (int)length + 1), false);
        }

        if (field["maxItems"] is { } most && field["items"]?["type"]?.ToString() == "string")
        {
            yield return (new JsonArray([.. Enumerable.Range(0, (int)most).Select(i => (JsonNode)$"{i}")]), true);
            yield return (new JsonArray([.. Enumerable.Range(0, (int)most + 1).Select(i => (JsonNode)$"{i}")]), false);
        }
    }

    /// <summary>A good request with one field set, and what the field needs beside it.</summary>
    private static string With(string path, JsonNode? value, string schema)
    {
        var body = (JsonObject)JsonNode.Parse(schema == "ResponseRequest" ? """{"input":"sure?"}""" : """{"messages":[{"role":"user","content":"sure?"}]}""")!;
        JsonNode at = body;
        var names = path.Split('.');
        foreach (var name in names[..^1])
        {
            if (name.EndsWith("[0]", StringComparison.Ordinal))
            {
                var element = new JsonObject();
                at[name[..^3]] = new JsonArray(element);
                at = element;
            }
            else
            {
                at = at[name] ??= new JsonObject();
            }
        }

        if (path.StartsWith("sgl.prune[0]", StringComparison.Ordinal))
        {
            at["keep_ratio"] = 0.5;
            at["layer"] = path.EndsWith("layer_fraction", StringComparison.Ordinal) ? null : 1;
        }
        else if (path == "sgl.tile_threshold")
        {
            at["tiles"] = "guided";
        }
        else if (path == "sgl.criterion")
        {
            at["threshold"] = 0.5;
        }

        at[names[^1]] = value;
        return body.ToJsonString();
    }

    private static IEnumerable<JsonNode?> Descend(JsonNode? node) => node switch
    {
        JsonObject o => o.SelectMany(m => Descend(m.Value)).Prepend(o),
        JsonArray a => a.SelectMany(Descend).Prepend(a),
        _ => [node],
    };
}
