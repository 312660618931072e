using Grpc.Core;
using Sgl.Guidance;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class GuidedTilesTests
{
    [Fact]
    public async Task Answer_GuidedTiles_LargeGetsImportancePointsAndThreshold()
    {
        await using var trio = await StartAsync();

        var completed = await trio.AnswerAsync(Policy(p => (p.Tiles, p.TileThreshold) = (Wire.TileMode.Guided, 0.25)));

        var guidance = trio.Large.Guidances.Single();
        Assert.Equal(0.25, guidance.Tiles.Threshold);
        Assert.Equal(completed.Importance, guidance.Ranked.Importance);
        Assert.Equal(new Wire.PrunePoint { Layer = 2, KeepRatio = 0.2 }, Assert.Single(guidance.Ranked.Points));
        Assert.Equal("digest of the small model's input", guidance.Digest.VisualSha256.ToStringUtf8());
        Assert.Equal([(0, 10), (2, 4)], completed.Pruning.Steps.Select(s => s.Layer).Zip(completed.Pruning.KeptVisualTokenCounts));
        Assert.Equal((5, 2, 1), (completed.Large.Usage.TileCount, completed.Large.Usage.EncodedTileCount, completed.Large.Usage.CachedTileCount));
    }

    [Fact]
    public async Task Answer_NothingSaid_AllTilesAndMasksAsEver()
    {
        await using var trio = await StartAsync();
        await trio.AnswerAsync();
        var guidance = trio.Large.Guidances.Single();
        Assert.Null(guidance.Tiles);
        Assert.NotNull(guidance.Masks);
        Assert.False(trio.Large.Inputs.Single().GuidedTiles);
    }

    [Fact]
    public async Task Answer_GuidedByConfiguration_RequestMayTurnItOff()
    {
        await using var trio = await StartAsync(("Router:Policy:Tiles", "guided"), ("Router:Policy:TileThreshold", "0.3"));

        await trio.AnswerAsync();
        await trio.AnswerAsync(Policy(p => p.TileThreshold = 0.6));
        await trio.AnswerAsync(Policy(p => p.Tiles = Wire.TileMode.All));

        Assert.Equal([0.3, 0.6, null], trio.Large.Guidances.Select(g => g.Tiles?.Threshold));
        var policy = (await trio.Client.GetInfoAsync(new())).DefaultPolicy;
        Assert.Equal((Wire.TileMode.Guided, 0.3), (policy.Tiles, policy.TileThreshold));
    }

    [Fact]
    public async Task Answer_UnprunedWithGuidedTiles_SmallIsAskedAndNoLayerPrunes()
    {
        await using var trio = await StartAsync();

        var completed = await trio.AnswerAsync(Policy(p => (p.Tiles, p.Unpruned, p.Force) = (Wire.TileMode.Guided, true, Wire.Route.Large)));

        var guidance = trio.Large.Guidances.Single();
        Assert.Equal(new Wire.PrunePoint { LayerFraction = 1, KeepRatio = 1 }, Assert.Single(guidance.Ranked.Points));
        Assert.Equal(TileSelection.DefaultThreshold, guidance.Tiles.Threshold);
        Assert.Equal("forty two", completed.Small.Answer);
    }

    [Fact]
    public async Task Answer_GuidedTilesWithOverlap_InputSaysSoAhead()
    {
        await using var trio = await StartAsync(("Router:Policy:Overlap", "Always"), ("Router:Policy:Tiles", "guided"));
        await trio.AnswerAsync();
        Assert.True(trio.Large.Inputs.Single().GuidedTiles);
        Assert.NotNull(trio.Large.Guidances.Single().Tiles);
    }

    [Fact]
    public async Task Answer_NoImages_NothingToGuide()
    {
        await using var trio = await StartAsync(("Router:Policy:Tiles", "guided"));
        await trio.AnswerAsync(images: 0);
        Assert.NotNull(trio.Large.Guidances.Single().Unpruned);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(0)]
    public async Task Answer_LargePrunesElsewhere_IsBroken(int layer)
    {
        await using var trio = await StartAsync();
        trio.Large.PrunesAt = layer;
        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync(Policy(p => (p.Tiles, p.OnLargeFailure) = (Wire.TileMode.Guided, Wire.LargeFailurePolicy.Fail))));
        Assert.Equal(StatusCode.Internal, error.StatusCode);
    }

    [Fact]
    public async Task Answer_LargeDoesNotCutTiles_RefusedByNameWithWhatToUse()
    {
        await using var trio = await Trio.StartAsync((small, large) => (small.Scores, large.Info.CutsTiles) = (_ => SmallPeer.Decision(0.1), false));

        var failure = await Failure.OfAsync(() => trio.AnswerAsync(Policy(p => p.Tiles = Wire.TileMode.Guided)));

        Assert.Equal((StatusCode.InvalidArgument, "policy.tiles"), (failure.Code, failure.Fields.Single()));
        Assert.Contains("image_limits.max_pixels", failure.Violations.Single().Description, StringComparison.Ordinal);
        Assert.Equal(Wire.AnswerPath.Escalated, (await trio.AnswerAsync(Policy(p => p.Tiles = Wire.TileMode.All))).Path);
    }

    [Fact]
    public async Task Answer_ConfiguredForALargeModelThatDoesNotCutTiles_GivesWayAndIsTold()
    {
        await using var trio = await Trio.StartAsync(
            (small, large) => (small.Scores, large.Info.CutsTiles) = (_ => SmallPeer.Decision(0.1), false), ("Router:Policy:Tiles", "Guided"));

        Assert.Equal(Wire.AnswerPath.Escalated, (await trio.AnswerAsync()).Path);
        Assert.Null(trio.Large.Guidances.Single().Tiles);
        Assert.Equal(["policy.tile_threshold"], (await Failure.OfAsync(() => trio.AnswerAsync(Policy(p => p.TileThreshold = 0.5)))).Fields);
        Assert.Contains("guided tiles of policy default are not used", await trio.Http.GetStringAsync(new Uri(trio.Endpoints.Metrics!, "/readyz")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Wire.TileMode.Guided, -0.1, "policy.tile_threshold")]
    [InlineData(Wire.TileMode.Guided, 1.1, "policy.tile_threshold")]
    [InlineData(Wire.TileMode.Guided, double.NaN, "policy.tile_threshold")]
    [InlineData(Wire.TileMode.All, 0.5, "policy.tile_threshold")]
    [InlineData(Wire.TileMode.Unspecified, 0.5, "policy.tile_threshold")]
    [InlineData((Wire.TileMode)9, null, "policy.tiles")]
    public async Task Answer_BadTiles_NamesTheField(Wire.TileMode mode, double? threshold, string field)
    {
        await using var trio = await StartAsync();
        var failure = await Failure.OfAsync(() => trio.AnswerAsync(Policy(p =>
        {
            p.Tiles = mode;
            if (threshold is { } t)
            {
                p.TileThreshold = t;
            }
        })));
        Assert.Equal((StatusCode.InvalidArgument, field), (failure.Code, failure.Fields.Single()));
    }

    private static Wire.RoutingPolicy Policy(Action<Wire.RoutingPolicy> set)
    {
        var policy = new Wire.RoutingPolicy();
        set(policy);
        return policy;
    }

    private static Task<Trio> StartAsync(params (string Key, string Value)[] settings) =>
        Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.1), settings);
}
