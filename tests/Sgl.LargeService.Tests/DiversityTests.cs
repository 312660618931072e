using Grpc.Core;
using Sgl.Guidance;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

[Collection(nameof(LargeServer))]
public sealed class DiversityTests(LargeServer server)
{
    private static readonly Wire.LargeInput Twice = Ask("What color is the star?", Samples.Image("shapes.jpg"), Samples.Image("shapes.jpg"));

    [Fact]
    public async Task Generate_PictureThatIsThereTwice_NoTokenIsKeptBesideItsCopy()
    {
        var tokens = await TokensAsync(Twice);
        // The first picture is as important as its copy; by importance alone the ties would go to the first one and its copies would follow.
        var importance = Enumerable.Repeat(new[] { 3f, 2f, 1f }, tokens).SelectMany(x => x).Take(tokens / 2).ToArray();
        float[] both = [.. importance, .. importance];

        var diverse = await server.AnswerAsync(Twice, Diverse(both, 1, At(1, 0.3)));
        var plain = await server.AnswerAsync(Twice, Ranked(both, At(1, 0.3)));

        Assert.Equal(KeepCount.Of(tokens, 0.3), diverse.Accepted!.KeptVisualTokenCounts.Single());
        Assert.NotEmpty(Pairs(plain, tokens));
        Assert.Empty(Pairs(diverse, tokens));
        Assert.NotNull(diverse.Completed);
    }

    [Fact]
    public async Task Generate_SeveralPoints_EachKeepsSomeOfTheOneBefore()
    {
        var tokens = await TokensAsync(Twice);
        var answer = await server.AnswerAsync(Twice, Diverse([.. Enumerable.Range(1, tokens).Select(i => (float)i)], 1, At(1, 0.4), At(3, 0.1)));

        var kept = answer.Accepted!.Steps.Select(s => Kept(s, tokens)).ToArray();
        Assert.Equal([KeepCount.Of(tokens, 0.4), KeepCount.Of(tokens, 0.1)], kept.Select(k => k.Length));
        Assert.Subset(kept[0].ToHashSet(), kept[1].ToHashSet());
    }

    [Fact]
    public async Task Generate_LargestWeight_IsTheRankingByImportance()
    {
        var tokens = await TokensAsync(Twice);
        float[] importance = [.. Enumerable.Range(0, tokens).Select(i => 1000f / (1 + i))];

        Assert.Equal(
            (await server.AnswerAsync(Twice, Ranked(importance, At(1, 0.02)))).Accepted, (await server.AnswerAsync(Twice, Diverse(importance, 100, At(1, 0.02)))).Accepted);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(100.5)]
    [InlineData(double.NaN)]
    public async Task Generate_WeightOutOfRange_NamesIt(double weight) => await RefusedAsync(Diverse([1], weight, At(1, 0.3)), "must be from 0");

    [Fact]
    public async Task Generate_OrderOrTiles_NamesWhatDoesNotGoTogether()
    {
        await RefusedAsync(
            new Wire.Guidance { Ranked = new Wire.RankedGuidance { Order = new Wire.TokenOrder(), Points = { At(1, 0.3) }, DiversityWeight = 1 } }, "ranked.importance");
        var guided = Diverse([1], 1, At(1, 0.3));
        guided.Tiles = new Wire.GuidedTiles();
        await RefusedAsync(guided, "excludes tiles");
    }

    [Fact]
    public async Task Generate_ImportanceOfAnotherLength_IsRefusedBeforeThePictureIsEncoded()
    {
        await using var large = await StartAsync();
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);

        var failure = await Failure.OfAsync(() => AnswerAsync(client, new Wire.LargeServiceGenerateRequest { Input = Twice, Guidance = Diverse([1, 2], 1, At(1, 0.3)) }));

        Assert.Equal((StatusCode.InvalidArgument, "guidance.ranked.importance.values"), (failure.Code, failure.Fields.Single()));
        Assert.Equal(0, await large.MetricAsync("sgl_tiles_total{outcome=\"encoded\""));
    }

    private async Task RefusedAsync(Wire.Guidance guidance, string text)
    {
        var failure = await Failure.OfAsync(() => server.AnswerAsync(Twice, guidance));
        Assert.Equal((StatusCode.InvalidArgument, "guidance.ranked.diversity_weight"), (failure.Code, failure.Fields.Single()));
        Assert.Contains(text, failure.Violations.Single().Description, StringComparison.Ordinal);
    }

    private async Task<int> TokensAsync(Wire.LargeInput input) => (await server.AnswerAsync(input, Unpruned())).Layout!.VisualTokenCount;

    private static Wire.Guidance Diverse(float[] importance, double weight, params Wire.PrunePoint[] points)
    {
        var guidance = Ranked(importance, points);
        guidance.Ranked.DiversityWeight = weight;
        return guidance;
    }

    private static int[] Pairs(LargeAnswer answer, int tokens)
    {
        var kept = Kept(answer.Accepted!.Steps.Single(), tokens).ToHashSet();
        return [.. kept.Where(t => kept.Contains(t + (tokens / 2)))];
    }

    private static int[] Kept(Wire.PruneStep step, int tokens) => KeepMask.FromBytes(step.Mask.Bits.Span, tokens).Indices();
}
