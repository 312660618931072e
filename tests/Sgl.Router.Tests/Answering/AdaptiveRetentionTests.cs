using System.Numerics;
using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class AdaptiveRetentionTests
{
    // Of 20 tokens; keep ratio 0.2 keeps 4 of them, and adaptive retention 1 to 12.
    private static readonly float[] Little = [.. Enumerable.Range(0, 20).Select(i => i == 7 ? 100f : 1f)];
    private static readonly float[] Much = [.. Enumerable.Repeat(1f, 20)];

    [Theory]
    [InlineData(null, true, 4)]
    [InlineData(0.5, true, 1)]
    [InlineData(0.5, false, 10)]
    [InlineData(1.0, false, 12)]
    [InlineData(0.0, false, 1)]
    public async Task Answer_ImportanceShare_LittleThatMattersKeepsFewAndMuchKeepsMany(double? share, bool little, int kept)
    {
        await using var trio = await StartAsync(little ? Little : Much);
        await trio.AnswerAsync(Policy(share));
        Assert.Equal(kept, trio.Large.Guidances.Single().Masks.Steps.Single().Mask.Bits.Sum(b => BitOperations.PopCount(b)));
    }

    [Fact]
    public async Task Answer_ShareConfigured_HoldsUnlessTheRequestHasItsOwn()
    {
        await using var trio = await StartAsync(Much, ("Router:Policy:ImportanceShare", "0.5"), ("Router:Policies:0:Name", "thorough"), ("Router:Policies:0:ImportanceShare", "1"));
        await trio.AnswerAsync();
        await trio.AnswerAsync(new Wire.RoutingPolicy { Name = "thorough" });
        await trio.AnswerAsync(Policy(0.25));

        Assert.Equal([10, 12, 5], trio.Large.Guidances.Select(g => g.Masks.Steps.Single().Mask.Bits.Sum(b => BitOperations.PopCount(b))));
        Assert.Equal([0.5, 1], (await trio.Client.ListPoliciesAsync(new())).Policies.Select(p => p.Policy.ImportanceShare));
    }

    [Fact]
    public async Task Answer_ShareAndGuidedTiles_PointsAreAdapted()
    {
        await using var trio = await StartAsync(Much);
        var policy = Policy(0.5);
        policy.Tiles = Wire.TileMode.Guided;

        Assert.Equal(Wire.AnswerPath.Escalated, (await trio.AnswerAsync(policy)).Path);

        Assert.Equal(10, Guidance.KeepCount.Of(20, trio.Large.Guidances.Single().Ranked.Points.Single().KeepRatio));
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public async Task Answer_ShareOutOfRange_NamesTheField(double share)
    {
        await using var trio = await StartAsync(Much);
        var failure = await Failure.OfAsync(() => trio.AnswerAsync(Policy(share)));
        Assert.Equal((StatusCode.InvalidArgument, "policy.importance_share"), (failure.Code, failure.Fields.Single()));
    }

    private static Wire.RoutingPolicy Policy(double? share)
    {
        var policy = new Wire.RoutingPolicy();
        if (share is { } s)
        {
            policy.ImportanceShare = s;
        }

        return policy;
    }

    private static Task<Trio> StartAsync(float[] importance, params (string, string)[] settings) =>
        Trio.StartAsync((small, _) => (small.Scores, small.Importance) = (_ => SmallPeer.Decision(0.1), importance), settings);
}
