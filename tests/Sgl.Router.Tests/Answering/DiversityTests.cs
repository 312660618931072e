using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class DiversityTests
{
    [Fact]
    public async Task Answer_DiversityWeight_LargeGetsImportancePointsAndWeight()
    {
        await using var trio = await StartAsync();

        var completed = await trio.AnswerAsync(new Wire.RoutingPolicy { DiversityWeight = 1.5 });

        var guidance = trio.Large.Guidances.Single();
        Assert.Equal(1.5, guidance.Ranked.DiversityWeight);
        Assert.Equal(completed.Importance, guidance.Ranked.Importance);
        Assert.Equal(new Wire.PrunePoint { Layer = 2, KeepRatio = 0.2 }, Assert.Single(guidance.Ranked.Points));
        Assert.Null(guidance.Tiles);
        Assert.Equal("digest of the small model's input", guidance.Digest.VisualSha256.ToStringUtf8());
        Assert.Equal([4], completed.Pruning.KeptVisualTokenCounts);
    }

    [Fact]
    public async Task Answer_Configured_HoldsUnlessTheRequestHasItsOwnAndGivesWayToGuidedTiles()
    {
        await using var trio = await StartAsync(("Router:Policy:DiversityWeight", "2"), ("Router:Policies:0:Name", "thorough"), ("Router:Policies:0:DiversityWeight", "0.5"));
        await trio.AnswerAsync();
        await trio.AnswerAsync(new Wire.RoutingPolicy { Name = "thorough" });
        await trio.AnswerAsync(new Wire.RoutingPolicy { DiversityWeight = 0 });
        await trio.AnswerAsync(new Wire.RoutingPolicy { Tiles = Wire.TileMode.Guided });
        await trio.AnswerAsync(new Wire.RoutingPolicy { Unpruned = true });

        Assert.Equal([2, 0.5, 0, null, null], trio.Large.Guidances.Select(g => g.Ranked is { HasDiversityWeight: true } ranked ? ranked.DiversityWeight : (double?)null));
        Assert.Equal([2, 0.5], (await trio.Client.ListPoliciesAsync(new())).Policies.Select(p => p.Policy.DiversityWeight));
    }

    [Theory]
    [InlineData(-1, false)]
    [InlineData(101, false)]
    [InlineData(double.NaN, false)]
    [InlineData(1, true)]
    public async Task Answer_WeightThatCannotBe_NamesTheField(double weight, bool guided)
    {
        await using var trio = await StartAsync();
        var policy = new Wire.RoutingPolicy { DiversityWeight = weight, Tiles = guided ? Wire.TileMode.Guided : Wire.TileMode.Unspecified };
        var failure = await Failure.OfAsync(() => trio.AnswerAsync(policy));
        Assert.Equal((StatusCode.InvalidArgument, "policy.diversity_weight"), (failure.Code, failure.Fields.Single()));
    }

    [Theory]
    [InlineData("diversity_weight")]
    [InlineData("importance_share")]
    public async Task Answer_NothingIsPruned_RefusesWhatWouldChangeThePruning(string field)
    {
        await using var trio = await StartAsync(("Router:Policies:0:Name", "whole"), ("Router:Policies:0:Unpruned", "true"));

        await RefusedAsync(new Wire.RoutingPolicy { Unpruned = true });
        await RefusedAsync(new Wire.RoutingPolicy { Name = "whole" });

        async Task RefusedAsync(Wire.RoutingPolicy policy)
        {
            _ = field == "importance_share" ? policy.ImportanceShare = 0.5 : policy.DiversityWeight = 1;
            var failure = await Failure.OfAsync(() => trio.AnswerAsync(policy));
            Assert.Equal((StatusCode.InvalidArgument, $"policy.{field}"), (failure.Code, failure.Fields.Single()));
        }
    }

    [Fact]
    public async Task Answer_ServiceKeepsMoreThanItWasTold_IsNotBelieved()
    {
        await using var trio = await StartAsync();
        trio.Large.KeepsMore = true;
        var failure = await Failure.OfAsync(() => trio.AnswerAsync(new Wire.RoutingPolicy { DiversityWeight = 1, OnLargeFailure = Wire.LargeFailurePolicy.Fail }));
        Assert.Equal(StatusCode.Internal, failure.Code);
    }

    private static Task<Trio> StartAsync(params (string, string)[] settings) => Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.1), settings);
}
