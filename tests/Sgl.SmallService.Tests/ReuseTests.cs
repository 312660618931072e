using Sgl.TestKit.Serving;
using static Sgl.SmallService.SmallServer;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>What a client that asks on, and the one who watches, see of what is kept.</summary>
public sealed class ReuseTests : IAsyncLifetime
{
    private RunningService _warm = null!;
    private RunningService _cold = null!;

    public async Task InitializeAsync()
    {
        _warm = await StartAsync();
        _cold = await StartAsync(("Engine:PrefixCacheMiB", "0"), ("Engine:VisionCacheMiB", "0"));
    }

    public async Task DisposeAsync()
    {
        await _warm.DisposeAsync();
        await _cold.DisposeAsync();
    }

    [Fact]
    public async Task Generate_ChatGoesOn_OnlyTheNewTurnRuns()
    {
        var request = Ask("What is the code in the orange box?", Samples.Image("codes.png"));
        var known = 0;
        foreach (var next in new[] { "What is the code in the blue box?", "Which box is left?" })
        {
            var answer = await SameAsync(request, known);
            known = answer.Layout.PromptTokenCount + answer.Tokens.Count - 1;
            request.Messages.Add(Chats.Turn(Wire.ChatRole.Assistant, Chats.Words(answer.Completed.Answer)));
            request.Messages.Add(Chats.User(next));
        }

        await SameAsync(request, known);
    }

    [Fact]
    public async Task Generate_SecondQuestion_TheMetricsTell()
    {
        var first = await AnswerAsync(new(_warm.Channel), Ask("What is the code in the orange box?", Samples.Image("codes.png")));
        Assert.Equal((0, 1), (await _warm.MetricAsync("sgl_prefix_cache_hits_total"), await _warm.MetricAsync("sgl_prefix_cache_misses_total")));
        var second = await AnswerAsync(new(_warm.Channel), Ask("Which box is left?", Samples.Image("codes.png")));

        Assert.Equal(0, first.Completed.Usage.CachedPromptTokenCount);
        Assert.Equal((1, 1), (await _warm.MetricAsync("sgl_prefix_cache_hits_total"), await _warm.MetricAsync("sgl_prefix_cache_misses_total")));
        Assert.Equal(second.Completed.Usage.CachedPromptTokenCount, await _warm.MetricAsync("sgl_cached_prompt_tokens_total"));
        Assert.InRange(await _warm.MetricAsync("sgl_prefix_cache_bytes"), 1, await _warm.MetricAsync("sgl_prefix_cache_budget_bytes"));
        Assert.True(await _warm.MetricAsync("sgl_vision_cache_bytes") > 0);
        Assert.Equal(0, await _cold.MetricAsync("sgl_prefix_cache_budget_bytes"));
        Assert.Equal(0, await _cold.MetricAsync("sgl_recalled_pictures_total"));
        string[] off = ["", "Engine:PrefixCacheMiB is 0"];
        Assert.Equal(off, new[] { _warm, _cold }.Select(s => new Wire.SmallService.SmallServiceClient(s.Channel).GetModelInfo(new()).Model.PrefixCacheOff));
    }

    [Fact]
    public async Task Generate_OtherImageLimits_AreAnotherPicture()
    {
        var request = Ask("What is the code in the orange box?", Samples.Image("codes.png"));
        var first = await SameAsync(request, 0);
        request.ImageLimits = new Wire.ImageLimits { MaxTileCount = 1 };
        var fewer = await AnswerAsync(new(_warm.Channel), request);

        Assert.True(fewer.Layout.VisualTokenCount < first.Layout.VisualTokenCount);
        Assert.InRange(fewer.Completed.Usage.CachedPromptTokenCount, 1, first.Layout.PromptTokenCount - first.Layout.VisualTokenCount);
        Assert.Equal((await AnswerAsync(new(_cold.Channel), request)).Completed.Answer, fewer.Completed.Answer);
    }

    [Fact]
    public async Task Generate_PictureSeenBefore_IsNeitherDecodedNorResized()
    {
        var (code, other) = (Samples.Image("codes.png"), Samples.Image("shapes.jpg"));
        await AskAsync(0, Ask("What is the code in the orange box?", code));
        await AskAsync(1, Ask("Which box is left?", code));
        await AskAsync(0, Ask("Which box is left?", code, other));
        await AskAsync(2, Ask("What shape is black?", other, code));

        // Under other limits, or where it is the only one of those that are cut otherwise then, it is another picture.
        var fewer = Ask("Which box is left?", code);
        fewer.ImageLimits = new Wire.ImageLimits { MaxTileCount = 1 };
        await AskAsync(0, fewer);
        await AskAsync(1, fewer);

        var changed = code.Clone();
        var bytes = changed.Data.ToByteArray();
        changed.Data = Google.Protobuf.ByteString.CopyFrom([.. bytes, 0]);
        await AskAsync(0, Ask("Which box is left?", changed));

        async Task AskAsync(int recalled, Wire.SmallServiceGenerateRequest request)
        {
            var before = await _warm.MetricAsync("sgl_recalled_pictures_total");
            var (warm, cold) = (await AnswerAsync(new(_warm.Channel), request), await AnswerAsync(new(_cold.Channel), request));
            Assert.Equal(recalled, await _warm.MetricAsync("sgl_recalled_pictures_total") - before);
            Assert.Equal(cold.Layout, warm.Layout);
            Assert.Equal(cold.Tokens.Select(t => t.Id), warm.Tokens.Select(t => t.Id));
            Assert.Equal(cold.Completed.Scores.Decision, warm.Completed.Scores.Decision, 1e-4);
        }
    }

    private async Task<SmallAnswer> SameAsync(Wire.SmallServiceGenerateRequest request, int cached)
    {
        var (warm, cold) = (await AnswerAsync(new(_warm.Channel), request), await AnswerAsync(new(_cold.Channel), request));
        Assert.Equal(cold.Tokens.Select(t => t.Id), warm.Tokens.Select(t => t.Id));
        Assert.Equal(cold.Completed.Scores.Decision, warm.Completed.Scores.Decision, 1e-4);
        Assert.All(cold.Completed.Importance.Values.Zip(warm.Completed.Importance.Values), p => Assert.Equal(p.First, p.Second, 1e-4 * (1 + p.First)));
        Assert.Equal((0, cached), (cold.Completed.Usage.CachedPromptTokenCount, warm.Completed.Usage.CachedPromptTokenCount));
        return warm;
    }
}
