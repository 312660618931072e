using System.Buffers.Binary;
using Grpc.Core;
using Sgl.ModelServing;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>How the service sees pictures is part of its layout key and of digests; thin and abandoned pictures cost nothing.</summary>
[Collection(nameof(LargeServer))]
public sealed class PictureTests(LargeServer server)
{
    private const string What = "What shape is black?";

    [Fact]
    public async Task Generate_TurnedPhoto_IsLaidOutUpright()
    {
        var image = Assert.Single((await server.AnswerAsync(Ask(What, Picture("turned6.jpg")), Unpruned())).Layout!.Images);
        Assert.Equal((31, 45, 6, 1), (image.Width, image.Height, image.AppliedOrientation, image.PageCount));
    }

    [Fact]
    public async Task Generate_TiffWithPages_TellsTheirNumber()
    {
        var image = Assert.Single((await server.AnswerAsync(Ask(What, Picture("pages_g4.tif")), Unpruned())).Layout!.Images);
        Assert.Equal((45, 31, 1, 5), (image.Width, image.Height, image.AppliedOrientation, image.PageCount));
    }

    [Theory]
    [InlineData("ApplyExifOrientation", "false")]
    [InlineData("Alpha", "Drop")]
    public async Task Generate_ServicesThatSeePicturesDifferently_RefuseEachOthersGuidance(string setting, string value)
    {
        await using var other = await StartAsync(($"Requests:{setting}", value));
        var client = new Wire.LargeService.LargeServiceClient(other.Channel);
        var input = Ask(What, Picture("turned6.jpg"));
        var ours = (await server.AnswerAsync(input, Unpruned())).Layout!;
        var theirs = (await AnswerAsync(client, Asked(input, Unpruned()))).Layout!;

        Assert.NotEqual(ours.VisualLayoutKey, theirs.VisualLayoutKey);
        Assert.NotEqual(ours.Digest.VisualSha256, theirs.Digest.VisualSha256);
        Assert.Equal(ours.VisualLayoutKey, (await server.Client.GetModelInfoAsync(new Wire.LargeServiceGetModelInfoRequest())).Model.VisualLayoutKey);
        Assert.Equal(theirs.VisualLayoutKey, (await client.GetModelInfoAsync(new Wire.LargeServiceGetModelInfoRequest())).Model.VisualLayoutKey);
        if (setting == "ApplyExifOrientation")
        {
            Assert.Equal((45, 31, 1), (theirs.Images[0].Width, theirs.Images[0].Height, theirs.Images[0].AppliedOrientation));
        }

        var guidance = Unpruned();
        guidance.Digest = theirs.Digest;
        var failure = await Failure.OfAsync(() => server.AnswerAsync(input, guidance));
        Assert.Equal((StatusCode.InvalidArgument, "guidance.digest.visual_sha256"), (failure.Code, failure.Fields.Single()));
        guidance.Digest = ours.Digest;
        Assert.NotNull((await server.AnswerAsync(input, guidance)).Completed);
    }

    [Theory]
    [InlineData(1, 6_390_000)]
    [InlineData(1, 6_400_000)]
    [InlineData(20_000, 3)]
    public async Task Generate_ThinPicture_IsRefusedByField(int width, int height)
    {
        var bytes = TestImages.Png(8, 8).Data.ToByteArray();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
        var failure = await Failure.OfAsync(() => server.AnswerAsync(Ask(What, TestImages.Of(bytes)), Unpruned()));
        Assert.Equal((StatusCode.InvalidArgument, "input.images[0].data"), (failure.Code, failure.Fields.Single()));
    }

    /// <summary>One worker: while it is at a heavy picture whose client has gone, nobody else would be answered.</summary>
    [Fact]
    public async Task Generate_AbandonedHeavyPictures_GiveTheirWorkerBack()
    {
        await using var service = await StartAsync(("Requests:MaxConcurrentPreparations", "1"));
        var client = new Wire.LargeService.LargeServiceClient(service.Channel);
        var heavy = TestImages.Png(7000, 7000);
        for (var i = 0; i < 3; i++)
        {
            using var gone = new CancellationTokenSource();
            using var call = client.Generate(cancellationToken: gone.Token);
            await call.RequestStream.WriteAsync(Asked(Ask(What, heavy), Unpruned()));
            await Task.Delay(50);
            await gone.CancelAsync();
        }

        var answer = await AnswerAsync(client, Asked(Ask(What, Samples.Image("shapes.jpg")), Unpruned()));
        Assert.NotNull(answer.Completed);
        await service.IdleAsync();
    }

    /// <summary>More than a sequence holds is known from the header: nothing is decoded, nothing waits for memory.</summary>
    [Fact]
    public async Task Generate_MoreMemoryThanThereIs_IsRefusedByField()
    {
        await using var service = await StartAsync(("Requests:PreparationMemoryMiB", "64"));
        var client = new Wire.LargeService.LargeServiceClient(service.Channel);
        var bytes = TestImages.Png(8, 8).Data.ToByteArray();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), 6000);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), 5000);
        var failure = await Failure.OfAsync(() => AnswerAsync(client, Asked(Ask(What, TestImages.Of(bytes)), Unpruned())));
        Assert.Equal((StatusCode.InvalidArgument, "input.images"), (failure.Code, failure.Fields.Single()));
        Assert.Contains("64 MiB", failure.Violations.Single().Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_PictureSettings_NamesAllAtOnce()
    {
        var limits = new RequestLimits { MaxImageSide = 0, MaxImageAspectRatio = 0, PreparationMemoryMiB = 1, Alpha = (Sgl.Vision.AlphaHandling)9 };
        var failures = new RequestLimitsValidator().Validate(null, limits).Failures!.ToList();
        Assert.Equal(4, failures.Count);
        Assert.Contains(failures, f => f.Contains("Requests:Alpha", StringComparison.Ordinal) && f.Contains("White or Drop", StringComparison.Ordinal));
    }

    private static Wire.LargeServiceGenerateRequest Asked(Wire.LargeInput input, Wire.Guidance guidance) => new() { Input = input, Guidance = guidance };

    private static Wire.Image Picture(string name) =>
        TestImages.Of(File.ReadAllBytes(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Vision.Tests", "Data", "pictures", name)), name);
}
