using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Nobody learns what another tenant asked about: over the router, over HTTP, and at the services themselves.</summary>
public sealed class TenantTests : IAsyncLifetime
{
    private readonly DemoTrio _trio = new() { More = new Dictionary<string, string?> { ["Tenants:Header"] = "x-team" } };

    public Task InitializeAsync() => _trio.InitializeAsync();

    public Task DisposeAsync() => _trio.DisposeAsync();

    [Fact]
    public async Task Answer_SamePictureOfSeveralTenants_EachFindsItsOwnOnly()
    {
        Assert.Equal((0, 0), await AskAsync("a"));
        Assert.Equal((0, 0), await AskAsync("b"));
        var (small, large) = await AskAsync("a");
        Assert.True(small > 0);
        Assert.Equal(small, large);
        Assert.Equal((0, 0), await AskAsync(null));
        Assert.Equal((0, 0), await AskAsync(null));
        Assert.Equal((small, large), await AskAsync("b"));
        Assert.Equal((0, 0), await AskAsync("A"));

        // Over HTTP the same header tells the same tenant.
        Assert.Equal(0, await AskOverHttpAsync("e"));
        Assert.True(await AskOverHttpAsync("e") > small);
        Assert.Equal(0, await AskOverHttpAsync(null));
        Assert.Equal(small, await AskSmallAsync("e"));
        Assert.Equal(0, await AskSmallAsync("f"));

        // The services believe it too, and what the router forwarded is theirs to find.
        Assert.Equal(small, await AskSmallAsync("a"));
        Assert.Equal(0, await AskSmallAsync("d"));
    }

    [Fact]
    public async Task Answer_TwoTenants_Refused()
    {
        var options = new CallOptions(new Metadata { { "x-team", "a" }, { "x-team", "b" } });
        var error = await Assert.ThrowsAsync<RpcException>(() => _trio.AskAsync(Question(), options));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains("x-team", error.Status.Detail, StringComparison.Ordinal);
    }

    private static Wire.AnswerRequest Question()
    {
        var request = DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"));
        request.Policy = new Wire.RoutingPolicy { Threshold = 2 };
        return request;
    }

    private static CallOptions As(string? tenant) => new(tenant is null ? [] : new Metadata { { "x-team", tenant } });

    private async Task<(int Small, int Large)> AskAsync(string? tenant)
    {
        var completed = (await _trio.AskAsync(Question(), As(tenant)))[^1].Completed;
        return (Cached(completed.Small.Usage), Cached(completed.Large.Usage));
    }

    private async Task<int> AskSmallAsync(string tenant)
    {
        var request = new Wire.SmallServiceGenerateRequest { Images = { Samples.Image("shapes.jpg") }, Messages = { Chats.User("What shape is black?") } };
        using var call = new Wire.SmallService.SmallServiceClient(_trio.Small.Channel).Generate(request, As(tenant));
        var last = await call.ResponseStream.ReadAllAsync().LastAsync();
        return Cached(last.Completed.Usage);
    }

    /// <summary>Visual tokens that were known, of which at most the last one ran again.</summary>
    private static int Cached(Wire.Usage usage)
    {
        Assert.Equal(usage.CachedVisualTokenCount > 0, usage.CachedPromptTokenCount > 0);
        Assert.True(usage.CachedVisualTokenCount == 0 || usage.CachedPromptTokenCount >= usage.CachedVisualTokenCount, usage.ToString());
        return usage.CachedVisualTokenCount;
    }

    /// <summary>Returns how many tokens the answer says were cached.</summary>
    private async Task<int> AskOverHttpAsync(string? tenant)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_trio.Http, "/v1/chat/completions"))
        {
            Content = JsonContent.Create(new
            {
                model = "sgl",
                messages = new[]
                {
                    new
                    {
                        role = "user",
                        content = new object[]
                        {
                            new { type = "image_url", image_url = new { url = $"data:image/jpeg;base64,{Convert.ToBase64String(Samples.Image("shapes.jpg").Data.Span)}" } },
                            new { type = "text", text = "What shape is black?" },
                        },
                    },
                },
            }),
        };
        if (tenant is not null)
        {
            request.Headers.Add("x-team", tenant);
        }

        using var response = await http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return (int)JsonNode.Parse(body)!["usage"]!["prompt_tokens_details"]!["cached_tokens"]!;
    }
}
