using Google.Protobuf;
using Grpc.Core;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>Each bad input gives one clear error, and the service goes on serving.</summary>
[Collection(nameof(LargeServer))]
public sealed class BadRequestTests(LargeServer server)
{
    private static Wire.LargeInput Question => Ask("What shape is black?", Samples.Image("shapes.jpg"));

    // A router with several replicas takes silence for a dead one, so the headers must not wait for work.
    [Fact]
    public async Task Generate_InputIsHere_HeadersLeaveBeforeAnyWork()
    {
        var input = Ask("What shape is black?", new Wire.Image { Data = ByteString.CopyFromUtf8("no image") });

        var (inHeaders, status) = await RawCall.StatusAsync(
            server.Service.Endpoints.Grpc, "/sgl.v1.LargeService/Generate", new Wire.LargeServiceGenerateRequest { Input = input, Guidance = Unpruned() });

        Assert.Equal((false, $"{(int)StatusCode.InvalidArgument}"), (inHeaders, status));
    }

    [Fact]
    public async Task Generate_UnknownPruneLayer_ListsTheAllowedOnes()
    {
        var failure = await FailAsync(Question, Ranked(new float[1], At(7, 0.5)));

        Assert.Equal((StatusCode.InvalidArgument, "PRUNE_LAYER_UNAVAILABLE"), (failure.Code, failure.Reason));
        Assert.Equal(["guidance.ranked.points[0].layer"], failure.Fields);
        Assert.EndsWith(string.Join(", ", server.Service.Engine.Model.PruneLayers), failure.Violations[0].Description, StringComparison.Ordinal);
        await AssertServesAsync();
    }

    [Fact]
    public async Task Generate_MaskOfTheWrongLength_NamesExpectedAndFound()
    {
        var mask = new Wire.KeepMask { VisualTokenCount = 8, Bits = ByteString.CopyFrom(255) };
        var guidance = new Wire.Guidance { Masks = new Wire.MaskGuidance { Steps = { new Wire.PruneStep { Layer = 0, Mask = mask } } } };
        var expected = (await server.AnswerAsync(Question, Unpruned())).Layout!.VisualTokenCount;

        var failure = await FailAsync(Question, guidance);

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal(
            ("guidance.masks.steps[0].mask.visual_token_count", $"the prompt has {expected} visual tokens, the mask speaks about 8"), failure.Violations.Single());
        await AssertServesAsync();
    }

    [Fact]
    public async Task Generate_NaNRatio_NamesIt()
    {
        var failure = await FailAsync(Question, Ranked(new float[1], At(0, double.NaN)));

        Assert.Equal((StatusCode.InvalidArgument, "guidance.ranked.points[0].keep_ratio"), (failure.Code, failure.Fields.Single()));
    }

    [Fact]
    public async Task Generate_GuidanceOfAnotherImage_IsRefused()
    {
        var other = await server.AnswerAsync(Ask("What shape is black?", Samples.Image("tall.jpg")), Unpruned());
        var guidance = Unpruned();
        guidance.Digest = other.Layout!.Digest;

        var failure = await FailAsync(Question, guidance);

        Assert.Equal((StatusCode.InvalidArgument, "guidance.digest.visual_sha256"), (failure.Code, failure.Fields.Single()));
        Assert.Equal("DIGEST_MISMATCH", failure.Reason);
    }

    [Fact]
    public async Task Generate_InputAndGuidanceWrong_NamesAllAtOnce()
    {
        var failure = await FailAsync(Ask("", TestImages.TextFile(), TestImages.Bomb()), new Wire.Guidance());

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal(["guidance", "input.images[0].data", "input.images[1].data", "input.messages[0].parts"], failure.Fields.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Generate_TooLongForTheModel_NamesTheInputsField()
    {
        var input = Ask(string.Concat(Enumerable.Repeat("what color is the tallest bar ", 800)));

        var failure = await FailAsync(input, Unpruned());

        Assert.Equal((StatusCode.InvalidArgument, "input.messages"), (failure.Code, failure.Fields.Single()));
    }

    [Fact]
    public async Task Generate_AnswerTooLongForTheModel_NamesTheInputsField()
    {
        var prompt = (await server.AnswerAsync(Question, Unpruned())).Layout!.PromptTokenCount;
        await using var large = await StartAsync(("Engine:MaxPromptTokens", $"{prompt + 10}"));
        var input = Question;
        input.Sampling = new Wire.Sampling { MaxNewTokens = 11 };

        var failure = await Failure.OfAsync(() => AnswerAsync(
            new Wire.LargeService.LargeServiceClient(large.Channel), new Wire.LargeServiceGenerateRequest { Input = input, Guidance = Unpruned() }));

        Assert.Equal((StatusCode.InvalidArgument, "input.sampling.max_new_tokens"), (failure.Code, failure.Fields.Single()));
    }

    [Fact]
    public async Task Generate_MessagesOutOfOrder_AreRefused()
    {
        var (input, guidance) = (new Wire.LargeServiceGenerateRequest { Input = Question }, new Wire.LargeServiceGenerateRequest { Guidance = Unpruned() });

        Assert.Equal(["input"], (await FailAsync()).Fields);
        Assert.Equal(["input"], (await FailAsync(guidance)).Fields);
        Assert.Equal(["guidance"], (await FailAsync(input)).Fields);
        Assert.Equal(["input"], (await FailAsync(input, input)).Fields);
        Assert.Equal(["guidance"], (await FailAsync(input, new Wire.LargeServiceGenerateRequest())).Fields);
        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task Generate_GuidanceTwice_IsRefused()
    {
        var request = new Wire.LargeServiceGenerateRequest { Input = AskForLong(), Guidance = Unpruned() };

        var failure = await FailAsync(request, new Wire.LargeServiceGenerateRequest { Guidance = Unpruned() });

        Assert.Equal((StatusCode.InvalidArgument, "guidance"), (failure.Code, failure.Fields.Single()));
        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task Generate_NoGuidanceInTime_IsEnded()
    {
        await using var large = await StartAsync(("Guidance:Timeout", "00:00:00.2"));
        using var call = new Wire.LargeService.LargeServiceClient(large.Channel).Generate();
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = Question });

        var failure = await Failure.OfAsync(() => ReadAsync(call));

        Assert.Equal((StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED"), (failure.Code, failure.Reason));
        Assert.Contains("guidance", failure.Message, StringComparison.OrdinalIgnoreCase);
        await large.IdleAsync();
    }

    private Task<Failure> FailAsync(Wire.LargeInput input, Wire.Guidance guidance) => Failure.OfAsync(() => server.AnswerAsync(input, guidance));

    private Task<Failure> FailAsync(params Wire.LargeServiceGenerateRequest[] messages) => Failure.OfAsync(() => AnswerAsync(server.Client, messages));

    private async Task AssertServesAsync() => Assert.NotEmpty((await server.AnswerAsync(Question, Unpruned())).Completed!.Answer);
}
