using Grpc.Core;
using Sgl.Guidance;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

[Collection(nameof(LargeServer))]
public sealed class GuidedTilesTests(LargeServer server)
{
    private static Wire.LargeInput Question => Ask("What is the code in the orange box?", Samples.Image("large.png"));

    [Fact]
    public async Task Generate_GuidedTiles_EncodesOnlyTheseAndAnswersAsUnderTheSameMasks()
    {
        await using var large = await StartAsync(("Engine:VisionCacheMiB", "0"));
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);
        var image = (await WithAsync(client, Unpruned())).Layout!.Images.Single();

        var answer = await WithAsync(client, Guided(Peaks(image, 1), 0.9, At(1, 0.3)));

        var usage = answer.Completed!.Usage;
        Assert.Equal((image.Tiles.Count, 2, 0), (usage.TileCount, usage.EncodedTileCount, usage.CachedTileCount));
        Assert.Equal([0, 1], answer.Accepted!.Steps.Select(s => s.Layer));
        int[] present = [.. Tokens(image.Tiles[1]), .. Tokens(image.Tiles[^1])];
        Assert.Equal(present, Kept(answer.Accepted.Steps[0]));
        Assert.Equal(Math.Min(present.Length, KeepCount.Of(image.TokenCount, 0.3)), answer.Accepted.KeptVisualTokenCounts[1]);
        Assert.Equal(answer.Layout!.PromptTokenCount - image.TokenCount + present.Length + answer.Tokens.Count - 1, usage.KvLengths[0]);

        var masks = new Wire.Guidance { Masks = new Wire.MaskGuidance { Steps = { answer.Accepted.Steps } } };
        var masked = await WithAsync(client, masks);
        Assert.Equal(answer.Tokens, masked.Tokens);
        Assert.Equal(2, masked.Completed!.Usage.EncodedTileCount);
    }

    [Fact]
    public async Task Generate_ThresholdZero_IsTheAnswerWithoutIt()
    {
        var image = (await server.AnswerAsync(Question, Unpruned())).Layout!.Images.Single();
        var importance = Peaks(image, 2);

        var guided = await server.AnswerAsync(Question, Guided(importance, 0, At(1, 0.3)));
        var plain = await server.AnswerAsync(Question, Ranked(importance, At(1, 0.3)));

        Assert.Equal(plain.Tokens, guided.Tokens);
        Assert.Equal(plain.Accepted, guided.Accepted);
    }

    [Fact]
    public async Task Generate_InputAheadSaysGuidedTiles_OnlyTheThumbnailIsEncodedBeforeTheGuidance()
    {
        await using var large = await StartAsync(("Engine:VisionCacheMiB", "0"));
        using var call = new Wire.LargeService.LargeServiceClient(large.Channel).Generate();
        var input = Question;
        input.GuidedTiles = true;
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = input });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        var image = call.ResponseStream.Current.Layout.Images.Single();
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Guidance = Guided(Peaks(image, 0, 3), 0.9, At(1, 0.3)) });

        var usage = (await ReadAsync(call)).Completed!.Usage;

        Assert.Equal((image.Tiles.Count, 3), (usage.TileCount, usage.EncodedTileCount));
    }

    [Fact]
    public async Task Generate_OtherTilesLater_OnlyTheMissingOnesAreEncoded()
    {
        await using var large = await StartAsync();
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);
        var image = (await server.AnswerAsync(Question, Unpruned())).Layout!.Images.Single();
        var counts = new List<(int, int)>();
        foreach (var tiles in new int[][] { [0], [0, 2], [4] })
        {
            var usage = (await WithAsync(client, Guided(Peaks(image, tiles), 0.9, At(1, 0.3)))).Completed!.Usage;
            counts.Add((usage.EncodedTileCount, usage.CachedTileCount));
        }

        Assert.Equal([(2, 0), (1, 2), (1, 1)], counts);
        Assert.Equal(4, await large.MetricAsync("sgl_tiles_total{outcome=\"encoded\""));
        Assert.Equal(3, await large.MetricAsync("sgl_tiles_total{outcome=\"cached\""));
    }

    [Fact]
    public async Task Generate_LayerZeroIsNoPruneLayer_GuidedTilesAllTheSame()
    {
        await using var large = await StartAsync(("Engine:PruneLayers:0", "2"));
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);
        var image = (await WithAsync(client, Unpruned())).Layout!.Images.Single();
        Assert.Equal([0, 2], (await WithAsync(client, Guided(Peaks(image, 1), 0.9, At(2, 0.1)))).Accepted!.Steps.Select(s => s.Layer));
    }

    [Theory]
    [InlineData(1.5, "guidance.tiles.threshold")]
    [InlineData(-1, "guidance.tiles.threshold")]
    [InlineData(double.NaN, "guidance.tiles.threshold")]
    public async Task Generate_BadThreshold_NamesIt(double threshold, string field)
    {
        var failure = await Failure.OfAsync(() => server.AnswerAsync(Question, Guided(new float[1], threshold, At(1, 0.3))));
        Assert.Equal((StatusCode.InvalidArgument, field), (failure.Code, failure.Fields.Single()));
    }

    [Fact]
    public async Task Generate_GuidedTilesWithoutImportance_NamesWhatIsMissing()
    {
        var order = new Wire.Guidance { Ranked = new Wire.RankedGuidance { Order = new Wire.TokenOrder(), Points = { At(1, 0.3) } }, Tiles = new Wire.GuidedTiles() };
        var unpruned = new Wire.Guidance { Unpruned = new Wire.Unpruned(), Tiles = new Wire.GuidedTiles() };
        foreach (var guidance in new[] { order, unpruned })
        {
            var failure = await Failure.OfAsync(() => server.AnswerAsync(Question, guidance));
            Assert.Equal((StatusCode.InvalidArgument, "guidance.tiles"), (failure.Code, failure.Fields.Single()));
            Assert.Contains("ranked.importance", failure.Violations.Single().Description, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void CheckShape_ModelThatEncodesImagesAsAWhole_RefusedByNameWithWhatToUse()
    {
        var violations = new ViolationList();
        GuidanceReader.CheckShape(Guided([1], 0.5, At(1, 0.5)), server.Service.Engine.Model with { CutsTiles = false, Family = "qwen2_vl" }, violations);
        var (field, description) = (violations.All.Single().Field, violations.All.Single().Description);
        Assert.Equal("guidance.tiles", field);
        Assert.Contains("qwen2_vl", description, StringComparison.Ordinal);
        Assert.Contains("image_limits.max_pixels", description, StringComparison.Ordinal);
    }

    private static Task<LargeAnswer> WithAsync(Wire.LargeService.LargeServiceClient client, Wire.Guidance guidance) =>
        AnswerAsync(client, new Wire.LargeServiceGenerateRequest { Input = Question, Guidance = guidance });

    private static Wire.Guidance Guided(IEnumerable<float> importance, double threshold, params Wire.PrunePoint[] points)
    {
        var guidance = Ranked(importance, points);
        guidance.Tiles = new Wire.GuidedTiles { Threshold = threshold };
        return guidance;
    }

    /// <summary>Importance that stands out in some tiles.</summary>
    private static float[] Peaks(Wire.VisualLayout image, params int[] tiles)
    {
        var importance = new float[image.TokenCount];
        for (var i = 0; i < importance.Length; i++)
        {
            importance[i] = 0.1f + (0.001f * i);
        }

        foreach (var tile in tiles)
        {
            importance[image.Tiles[tile].FirstToken + 3] = 10;
        }

        return importance;
    }

    private static IEnumerable<int> Tokens(Wire.VisualTile tile) => Enumerable.Range(tile.FirstToken, tile.RowCount * (tile.ColumnCount + tile.NewlineColumnCount));

    private static int[] Kept(Wire.PruneStep step) => KeepMask.FromBytes(step.Mask.Bits.Span, step.Mask.VisualTokenCount).Indices();
}
