using Google.Protobuf;
using Grpc.Core;
using Sgl.TestKit.Serving;
using static Sgl.SmallService.SmallServer;
using static Sgl.TestKit.Serving.Chats;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>Each bad input gives one clear error, and the service goes on serving.</summary>
[Collection(nameof(SmallServer))]
public sealed class BadRequestTests(SmallServer server)
{
    public static TheoryData<string, string> BadImages => new()
    {
        { "text", "not a PNG, JPEG" },
        { "truncated", "JPEG" },
        { "bomb", "64000000" },
        { "empty", "empty" },
    };

    // A router with several replicas takes silence for a dead one, so the headers must not wait for work.
    [Fact]
    public async Task Generate_RequestIsHere_HeadersLeaveBeforeAnyWork()
    {
        var request = new Wire.SmallServiceGenerateRequest { Messages = { Chats.User("What shape is black?") }, Images = { new Wire.Image { Data = ByteString.CopyFromUtf8("no image") } } };

        var (inHeaders, status) = await RawCall.StatusAsync(server.Service.Endpoints.Grpc, "/sgl.v1.SmallService/Generate", request);

        Assert.Equal((false, $"{(int)StatusCode.InvalidArgument}"), (inHeaders, status));
    }

    [Theory]
    [MemberData(nameof(BadImages))]
    public async Task Generate_BadImage_NamesItsDataAndGoesOnServing(string kind, string described)
    {
        var image = kind switch
        {
            "text" => TestImages.TextFile(),
            "truncated" => TestImages.TruncatedJpeg(),
            "bomb" => TestImages.Bomb(),
            _ => new Wire.Image(),
        };

        var failure = await FailAsync(Ask("What is this?", Samples.Image("shapes.jpg"), image));

        Assert.Equal((StatusCode.InvalidArgument, "BAD_IMAGE"), (failure.Code, failure.Reason));
        Assert.Equal(["images[1].data"], failure.Fields);
        Assert.Contains(described, failure.Violations[0].Description, StringComparison.Ordinal);
        await AssertServesAsync();
    }

    [Fact]
    public async Task Generate_MessageOf200Megabytes_IsRefusedWithTheLimit()
    {
        var request = Ask("What is this?", new Wire.Image { Data = UnsafeByteOperations.UnsafeWrap(new byte[200 << 20]) });

        var failure = await FailAsync(request);

        Assert.Equal((StatusCode.ResourceExhausted, "MESSAGE_TOO_LARGE"), (failure.Code, failure.Reason));
        Assert.Contains("67108864", failure.Message, StringComparison.Ordinal);
        await AssertServesAsync();
    }

    [Fact]
    public async Task Generate_EmptyQuestion_NamesTheParts()
    {
        var failure = await FailAsync(Ask(" ", Samples.Image("shapes.jpg")));

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal(["messages[0].parts"], failure.Fields);
    }

    [Fact]
    public async Task Generate_EverythingWrong_NamesAllAtOnce()
    {
        var request = new Wire.SmallServiceGenerateRequest
        {
            Images = { TestImages.TextFile("notes.png") },
            Messages = { Turn(Wire.ChatRole.User, Picture(3), Words("?")) },
            Sampling = new Wire.Sampling { Temperature = float.NaN, MaxNewTokens = 100_000 },
            ImageLimits = new Wire.ImageLimits { MaxTileCount = 0 },
            Importance = new Wire.ImportanceOptions { LayerFraction = double.NaN },
        };

        var failure = await FailAsync(request);

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal(
            [
                "images[0].data",
                "image_limits.max_tile_count",
                "importance.layer_fraction",
                "messages[0].parts[0].image_index",
                "sampling.max_new_tokens",
                "sampling.temperature",
            ],
            failure.Fields.Order(StringComparer.Ordinal).OrderBy(f => f.Length > 0 && f.StartsWith("images", StringComparison.Ordinal) ? 0 : 1));
        Assert.StartsWith("notes.png: ", failure.Violations.Single(v => v.Field == "images[0].data").Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_PromptBeyondTheModel_NamesTokensAndLimit()
    {
        var failure = await FailAsync(Ask(string.Concat(Enumerable.Repeat("what color is the tallest bar ", 800))));

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal(["messages"], failure.Fields);
        Assert.Contains("2048", failure.Violations[0].Description, StringComparison.Ordinal);
        await AssertServesAsync();
    }

    [Fact]
    public async Task Generate_AnswerBeyondTheModel_NamesTheLimitOfNewTokens()
    {
        var failure = await FailAsync(new Wire.SmallServiceGenerateRequest
        {
            Messages = { User(string.Concat(Enumerable.Repeat("what color is the tallest bar ", 100))) },
            Sampling = new Wire.Sampling { MaxNewTokens = 1024 },
            Images = { Samples.Image("large.png"), Samples.Image("large.png"), Samples.Image("large.png") },
        });

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Contains(failure.Fields.Single(), new[] { "messages", "sampling.max_new_tokens" });
    }

    private Task<Failure> FailAsync(Wire.SmallServiceGenerateRequest request) => Failure.OfAsync(() => server.AnswerAsync(request));

    private async Task AssertServesAsync() =>
        Assert.NotEmpty((await server.AnswerAsync(Ask("What shape is black?", Samples.Image("shapes.jpg")))).Completed.Answer);
}
