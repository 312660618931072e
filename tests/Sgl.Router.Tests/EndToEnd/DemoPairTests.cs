using Google.Protobuf;
using Grpc.Core;
using Sgl.Guidance;
using Sgl.TestKit.Serving;
using Event = Sgl.V1.AnswerResponse.EventOneofCase;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>The real services, the demo pair, the sample images.</summary>
[Collection(nameof(DemoTrio))]
public sealed class DemoPairTests(DemoTrio trio)
{
    [Fact]
    public async Task Answer_AllSampleQuestions_EachPathGivesWhatItsModelGivesAlone()
    {
        foreach (var (image, question) in Samples.Questions)
        {
            var request = DemoTrio.Ask(question, Samples.Image(image));
            var alone = await SmallAloneAsync(request);

            // One threshold above and one at the score, so that every question takes both paths.
            var exit = await trio.AskAsync(With(request, alone.Scores.Decision));
            var escalated = await trio.AskAsync(With(request, Math.BitIncrement(alone.Scores.Decision)));

            Assert.Equal(Wire.AnswerPath.Exit, exit[^1].Completed.Path);
            Assert.Equal(alone.Answer, exit[^1].Completed.Answer);
            Assert.Equal(alone.Importance, exit[^1].Completed.Importance);
            Assert.Equal(alone.Scores, exit.Single(e => e.EventCase == Event.Decision).Decision.Scores);
            var completed = escalated[^1].Completed;
            Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
            Assert.Equal(await trio.LargeAloneAsync(request, completed.Pruning), completed.Answer);
            AssertMaskIsTheImportanceRanking(completed);
            Assert.Equal(completed.Answer, string.Concat(escalated.Where(e => e.EventCase == Event.LargeToken).Select(e => e.LargeToken.Text)).Trim());
            Assert.True(completed.Large.Usage.KeptVisualTokenCount < completed.Large.Usage.VisualTokenCount);
        }
    }

    [Fact]
    public async Task Answer_GuidedTiles_AllSampleQuestionsAnsweredAsByTheLargeModelUnderTheSameMasks()
    {
        // Services that have not seen the pictures yet: of a known one no tile is encoded, nor left out.
        var unseen = new DemoTrio();
        await unseen.InitializeAsync();
        int tiles = 0, leftOut = 0;
        foreach (var (image, question) in Samples.Questions)
        {
            var request = DemoTrio.Ask(question, Samples.Image(image));
            request.Policy = new Wire.RoutingPolicy { Threshold = 2, Tiles = Wire.TileMode.Guided, TileThreshold = 0.6 };

            var completed = (await unseen.AskAsync(request))[^1].Completed;

            Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
            Assert.Equal(await unseen.LargeAloneAsync(request, completed.Pruning), completed.Answer);
            tiles += completed.Large.Usage.TileCount;
            leftOut += completed.Large.Usage.TileCount - completed.Large.Usage.EncodedTileCount - completed.Large.Usage.CachedTileCount;
        }

        await unseen.DisposeAsync();
        Assert.InRange(leftOut, 1, tiles - Samples.Questions.Count);
    }

    [Theory]
    [InlineData(Wire.Route.Large, true)]
    [InlineData(Wire.Route.Large, false)]
    [InlineData(Wire.Route.Small, false)]
    [InlineData(Wire.Route.Unspecified, false)]
    [InlineData(Wire.Route.Unspecified, true)]
    public async Task Answer_AnyRoute_LayoutThenDecisionBeforeTheLargeModel(Wire.Route force, bool unpruned)
    {
        var request = DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"));
        request.Policy = new Wire.RoutingPolicy { Force = force, Unpruned = unpruned, Threshold = 2 };

        var events = (await trio.AskAsync(request)).Select(e => e.EventCase).ToList();

        Assert.Equal(Event.Layout, events[0]);
        Assert.Equal(Event.Completed, events[^1]);
        Assert.Single(events, e => e == Event.Layout);
        Assert.Single(events, e => e == Event.Decision);
        Assert.DoesNotContain(Event.LargeToken, events.Take(events.IndexOf(Event.Decision)));
        Assert.DoesNotContain(Event.SmallToken, events.Skip(events.IndexOf(Event.Decision)));
    }

    [Theory]
    [InlineData("min_pixels")]
    [InlineData("max_pixels")]
    public async Task Answer_LimitThatTheFamilyDoesNotKnow_Refused(string field)
    {
        var request = DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"));
        request.ImageLimits = field == "min_pixels" ? new Wire.ImageLimits { MinPixels = 3136 } : new Wire.ImageLimits { MaxPixels = 3136 };

        var error = await Assert.ThrowsAsync<RpcException>(() => trio.AskAsync(request));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.StartsWith($"image_limits.{field}: means nothing to this model's family, which has min_tile_count and max_tile_count", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_RefusedForDifferentReasons_EachIsNamed()
    {
        var badImage = DemoTrio.Ask("What?", new Wire.Image { Data = ByteString.CopyFromUtf8("no picture") });
        var tooLong = DemoTrio.Ask(string.Concat(Enumerable.Repeat("What is the code? ", 20_000)));
        var both = DemoTrio.Ask("What?", new Wire.Image { Data = ByteString.CopyFromUtf8("no picture") });
        both.ImageLimits = new Wire.ImageLimits { MinPixels = 1 };
        var layer = DemoTrio.Ask("What?");
        layer.Policy = new Wire.RoutingPolicy { Prune = { new Wire.PrunePoint { Layer = 999, KeepRatio = 0.5 } } };

        Assert.Equal("BAD_IMAGE", await ReasonAsync(badImage));
        Assert.Equal("PROMPT_TOO_LONG", await ReasonAsync(tooLong));
        Assert.Equal("INVALID_REQUEST", await ReasonAsync(both));
        Assert.Equal("PRUNE_LAYER_UNAVAILABLE", await ReasonAsync(layer));

        async Task<string> ReasonAsync(Wire.AnswerRequest request)
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => trio.AskAsync(request));
            return error.GetRpcStatus()!.GetDetail<Google.Rpc.ErrorInfo>()!.Reason;
        }
    }

    [Fact]
    public async Task Answer_SeveralImagesAndNone_Answered()
    {
        var two = DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"), Samples.Image("codes.png"));
        two.Policy = new Wire.RoutingPolicy { Force = Wire.Route.Large };
        var none = DemoTrio.Ask("What is the code in the blue box?");
        none.Policy = new Wire.RoutingPolicy { Threshold = 2 };

        var first = (await trio.AskAsync(two))[^1].Completed;
        var second = (await trio.AskAsync(none))[^1].Completed;

        Assert.Equal(Wire.AnswerPath.Escalated, first.Path);
        Assert.Equal(first.Importance.Values.Count, first.Large.Usage.VisualTokenCount);
        Assert.Equal(Wire.AnswerPath.Escalated, second.Path);
        Assert.Empty(second.Pruning.Steps);
        Assert.Null(second.Importance);
    }

    [Fact]
    public async Task Answer_WithAndWithoutDraft_SameAnswersAndSomeStepsSaved()
    {
        var (tried, accepted) = (0, 0);
        foreach (var (image, question) in Samples.Questions)
        {
            var request = DemoTrio.Ask(question, Samples.Image(image));
            request.Policy = new Wire.RoutingPolicy { Force = Wire.Route.Large };
            var drafted = (await trio.AskAsync(request))[^1].Completed;
            request.Policy.OmitDraft = true;
            var plain = (await trio.AskAsync(request))[^1].Completed;

            Assert.Equal(plain.Answer, drafted.Answer);
            Assert.Equal(0, plain.Large.Usage.DraftTokenCount);
            tried += drafted.Large.Usage.DraftTokenCount;
            accepted += drafted.Large.Usage.AcceptedDraftTokenCount;
        }

        Assert.InRange(accepted, 1, tried);
    }

    [Fact]
    public async Task Answer_ManyAtOnce_SameAsOneByOne()
    {
        var requests = Samples.Questions.Select((q, i) =>
        {
            var request = DemoTrio.Ask(q.Question, Samples.Image(q.Image));
            request.Policy = new Wire.RoutingPolicy { Force = i % 2 == 0 ? Wire.Route.Small : Wire.Route.Large };
            return request;
        }).ToList();
        var alone = new List<string>();
        foreach (var request in requests)
        {
            alone.Add((await trio.AskAsync(request))[^1].Completed.Answer);
        }

        var together = await Task.WhenAll(requests.Select(async r => (await trio.AskAsync(r))[^1].Completed.Answer));

        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("truncated")]
    [InlineData("bomb")]
    public async Task Answer_BadImage_RefusedByFieldAndServingGoesOn(string kind)
    {
        var image = kind switch { "text" => TestImages.TextFile(), "truncated" => TestImages.TruncatedJpeg(), _ => TestImages.Bomb() };

        var failure = await Failure.OfAsync(() => trio.AskAsync(DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"), image)));

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal(["images[1].data"], failure.Fields);
        Assert.NotEmpty((await trio.AskAsync(DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"))))[^1].Completed.Answer);
    }

    [Fact]
    public async Task Answer_TwoHundredMegabytes_RefusedWithTheLimitAndServingGoesOn()
    {
        var image = new Wire.Image { Data = UnsafeByteOperations.UnsafeWrap(new byte[200_000_000]) };

        var failure = await Failure.OfAsync(() => trio.AskAsync(DemoTrio.Ask("What shape is black?", image)));

        Assert.Equal((StatusCode.ResourceExhausted, "MESSAGE_TOO_LARGE"), (failure.Code, failure.Reason));
        Assert.NotEmpty((await trio.AskAsync(DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"))))[^1].Completed.Answer);
    }

    [Theory]
    [InlineData(Wire.Route.Small)]
    [InlineData(Wire.Route.Large)]
    public async Task Answer_ClientCancelsInTheMiddle_EngineIsFreed(Wire.Route route)
    {
        var request = DemoTrio.Ask("What shape is black?", Samples.Image("shapes.jpg"));
        request.Policy = new Wire.RoutingPolicy { Force = route };
        request.Sampling = new Wire.Sampling { MaxNewTokens = 600, MinNewTokens = 600 };
        using (var call = trio.Client.Answer(request))
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                if (call.ResponseStream.Current.EventCase == (route == Wire.Route.Small ? Event.SmallToken : Event.LargeToken))
                {
                    break;
                }
            }
        }

        await trio.Small.IdleAsync();
        await trio.Large.IdleAsync();
    }

    [Fact]
    public async Task GetInfo_DemoPair_CanBePaired()
    {
        var info = await trio.Client.GetInfoAsync(new());

        Assert.Equal("", info.PairingProblem);
        Assert.Equal(info.Small.VisualLayoutKey, info.Large.VisualLayoutKey);
    }

    private static Wire.AnswerRequest With(Wire.AnswerRequest request, double threshold)
    {
        var with = request.Clone();
        with.Policy = new Wire.RoutingPolicy { Threshold = threshold };
        return with;
    }

    private static void AssertMaskIsTheImportanceRanking(Wire.AnswerCompleted completed)
    {
        var step = Assert.Single(completed.Pruning.Steps);
        var mask = KeepMask.FromBytes(step.Mask.Bits.Span, step.Mask.VisualTokenCount);
        Assert.Equal(KeepMask.FromImportance([.. completed.Importance.Values], 0.2), mask);
        Assert.Equal(mask.Count, completed.Large.Usage.KeptVisualTokenCount);
    }

    private async Task<Wire.SmallCompleted> SmallAloneAsync(Wire.AnswerRequest request)
    {
        var question = new Wire.SmallServiceGenerateRequest { Messages = { request.Messages }, Images = { request.Images } };
        using var call = new Wire.SmallService.SmallServiceClient(trio.Small.Channel).Generate(question);
        Wire.SmallCompleted? completed = null;
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            completed = response.Completed ?? completed;
        }

        return completed!;
    }
}
