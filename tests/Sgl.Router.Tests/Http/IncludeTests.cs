using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Sgl.Router.Tests;

public sealed class IncludeTests : IAsyncLifetime
{
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.1));

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Fact]
    public async Task Post_EverythingIncluded_AllOfItBesideTheAnswer()
    {
        var sgl = (await PostAsync("""{"include":["importance","layout","pruning","runs"],"prune":[{"layer":1,"keep_ratio":0.25}]}"""))["sgl"]!;

        Assert.Equal(20, sgl["importance"]!.AsArray().Count);
        Assert.Equal((20, 29), ((int)sgl["layout"]!["visual_token_count"]!, (int)sgl["layout"]!["prompt_token_count"]!));
        var step = Assert.Single(sgl["pruning"]!["steps"]!.AsArray())!;
        Assert.Equal((1, 5), ((int)step["layer"]!, (int)step["kept_visual_token_count"]!));
        Assert.Equal([0x00, 0x80, 0x0F], Convert.FromBase64String((string)step["mask"]!)); // importance rises: the last five of twenty
        Assert.Equal(("forty two", "stop", 3), ((string)sgl["small"]!["answer"]!, (string)sgl["small"]!["finish_reason"]!, (int)sgl["small"]!["generated_token_count"]!));
        Assert.Equal(1.0, (double)sgl["small"]!["times_ms"]!["total"]!);
        Assert.Null(sgl["small"]!["times_ms"]!["vision"]);
        Assert.Equal("large-peer", (string)sgl["large"]!["model"]!);
    }

    [Theory]
    [InlineData("importance")]
    [InlineData("layout")]
    [InlineData("pruning")]
    public async Task Post_OneIncluded_OnlyThat(string name)
    {
        var sgl = (await PostAsync($$"""{"include":["{{name}}"]}"""))["sgl"]!.AsObject();

        Assert.Equal([name], new[] { "importance", "layout", "pruning", "small", "large" }.Where(sgl.ContainsKey));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"include":null}""")]
    [InlineData("""{"include":[]}""")]
    public async Task Post_NothingIncluded_NothingOfIt(string sgl) =>
        Assert.DoesNotContain((await PostAsync(sgl))["sgl"]!.AsObject(), p => p.Key is "importance" or "layout" or "pruning" or "small" or "large");

    [Fact]
    public async Task Post_GuidedTiles_SaysHowManyWereEncodedAndLeftOut()
    {
        var sgl = (await PostAsync("""{"tiles":"guided","tile_threshold":0.5,"include":["runs"]}"""))["sgl"]!;

        Assert.Equal((5, 2, 2), ((int)sgl["tiles"]!, (int)sgl["encoded_tiles"]!, (int)sgl["left_out_tiles"]!));
        Assert.Equal((5, 2, 1), ((int)sgl["large"]!["tile_count"]!, (int)sgl["large"]!["encoded_tile_count"]!, (int)sgl["large"]!["cached_tile_count"]!));
        Assert.Equal(0.5, _trio.Large.Guidances.Single().Tiles.Threshold);
    }

    [Theory]
    [InlineData("""{"tiles":"some"}""", "sgl.tiles")]
    [InlineData("""{"tiles":true}""", "sgl.tiles")]
    [InlineData("""{"tiles":"guided","tile_threshold":"0.5"}""", "sgl.tile_threshold")]
    [InlineData("""{"tiles":"guided","tile_threshold":2}""", "sgl.tile_threshold")]
    [InlineData("""{"tile_threshold":0.5}""", "sgl.tile_threshold")]
    [InlineData("""{"include":"layout"}""", "sgl.include")]
    [InlineData("""{"include":[7]}""", "sgl.include[0]")]
    [InlineData("""{"include":[null]}""", "sgl.include[0]")]
    [InlineData("""{"include":["layout","masks"]}""", "sgl.include[1]")]
    public async Task Post_IncludeWrong_NamedWithItsPlace(string sgl, string param)
    {
        using var response = await SendAsync(sgl);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(param, (string?)(await response.Content.ReadFromJsonAsync<JsonNode>())!["error"]!["param"]);
    }

    [Fact]
    public async Task PostStream_LayoutIncluded_ComesFirst()
    {
        using var response = await SendAsync("""{"include":["layout"],"provisional":true}""", stream: true);
        var chunks = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).Select(l => JsonNode.Parse(l[6..])!).ToList();

        Assert.Equal(20, (int)chunks[0]["sgl"]!["layout"]!["visual_token_count"]!);
        Assert.Equal("assistant", (string?)chunks[0]["choices"]![0]!["delta"]!["role"]);
        Assert.Single(chunks, c => c["sgl"]?["layout"] is not null);
        Assert.Null(chunks[1]["choices"]![0]!["delta"]!["role"]);
    }

    [Fact]
    public async Task GetInfo_Always_BothModelsAndThePolicy()
    {
        var info = (await _trio.Http.GetFromJsonAsync<JsonNode>(new Uri(_trio.Endpoints.Http!, "/v1/sgl/info")))!;

        Assert.Equal(("small-peer", "large-peer"), ((string)info["small"]!["name"]!, (string)info["large"]!["name"]!));
        Assert.Equal((0.7, "decision"), ((double)info["default_policy"]!["threshold"]!, (string)info["default_policy"]!["criterion"]!));
        Assert.Equal([0, 1, 2, 4], info["large"]!["prune_layers"]!.AsArray().Select(n => (int)n!));
        Assert.True((double)info["default_policy"]!["prune"]![0]!["keep_ratio"]! is > 0 and < 1);
        Assert.True((long)info["max_body_bytes"]! > 1 << 20);
    }

    private async Task<JsonNode> PostAsync(string sgl)
    {
        using var response = await SendAsync(sgl);
        return (await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>())!;
    }

    private Task<HttpResponseMessage> SendAsync(string sgl, bool stream = false)
    {
        var image = "data:image/png;base64," + Convert.ToBase64String("image bytes"u8);
        var body = $$$"""
            {"stream":{{{(stream ? "true" : "false")}}},"sgl":{{{sgl}}},"messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"image_url","image_url":{"url":"{{{image}}}"}}]}]}
            """;
        return _trio.Http.PostAsync(new Uri(_trio.Endpoints.Http!, "/v1/chat/completions"), new StringContent(body, Encoding.UTF8, "application/json"));
    }
}
