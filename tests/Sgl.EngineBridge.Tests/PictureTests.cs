using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>What becomes of a request's images on their way to an engine that drops no visual tokens.</summary>
public sealed class PictureTests : ScriptedBridge
{
    private const int Side = 560;
    private const int Tokens = 20;

    private static readonly Wire.Image Square = TestImages.Png(Side, Side);

    [Fact]
    public async Task Crops_OneSpot_IsAnOverviewAndThatPartInFullResolution()
    {
        var answer = await AskAsync(Spots(Crops(), (5, 7)));

        var pictures = answer.Accepted!.Pictures;
        Assert.Equal((Wire.PictureStrategy.Crops, 1.0), (pictures.Strategy, pictures.CoveredShare));
        Assert.Equal([(Wire.PictureKind.Overview, 448, 448), (Wire.PictureKind.Part, 84, 84)], pictures.Pictures.Select(p => (p.Kind, p.Width, p.Height)));
        Assert.Equal(new Wire.Rectangle { Left = 6 * 28, Top = 4 * 28, Width = 84, Height = 84 }, pictures.Pictures[1].Area);
        var sent = Sent().Select(Decode).ToList();
        var whole = new ImageDecoder().Decode(Square.Data.Memory);
        Assert.Equal(PillowResampler.Resize(whole, 448, 448, ResampleFilter.Bicubic).Pixels, sent[0].Pixels);
        Assert.Equal(whole.Crop(6 * 28, 4 * 28, 84, 84).Pixels, sent[1].Pixels);
    }

    [Fact]
    public async Task Crops_Captions_SayWhatEachPictureIs()
    {
        await AskAsync(Spots(Crops(), (5, 7)));

        Assert.Equal(
            [
                "This is the image of 560 x 560 pixels as a whole, reduced to 448 x 448:", "<picture>",
                "This is a part of the image in full resolution, from pixel (168, 112) to (252, 196), counted from its upper left corner:", "<picture>", "Why?",
            ],
            Parts());
    }

    [Fact]
    public async Task Crops_WithoutOverviewAndCaptions_IsThePartAlone()
    {
        await AskAsync(Spots(Crops(c => (c.OverviewSide, c.OmitCaptions) = (0, true)), (5, 7)));

        Assert.Equal(["<picture>", "Why?"], Parts());
        Assert.Equal((84, 84), Sent().Select(Decode).Select(p => (p.Width, p.Height)).Single());
    }

    [Fact]
    public async Task Crops_NothingStandsOut_IsTheImageAsItCame()
    {
        var guidance = Spots(Crops());
        guidance.Pictures.Importance.Values.Clear();
        guidance.Pictures.Importance.Values.AddRange(Enumerable.Repeat(0.5f, Tokens * Tokens));

        var answer = await AskAsync(guidance);

        Assert.Equal(Wire.PictureKind.Whole, Assert.Single(answer.Accepted!.Pictures.Pictures).Kind);
        Assert.Equal(Square.Data.ToByteArray(), Sent().Single());
    }

    [Fact]
    public async Task Crops_ImageNoLargerThanTheOverview_IsTheImageAsItCame()
    {
        await AskAsync(Spots(Crops(c => c.OverviewSide = 560), (5, 7)));

        Assert.Equal(Square.Data.ToByteArray(), Sent().Single());
    }

    [Fact]
    public async Task Crops_TwoImages_EachIsNamedAndStaysInItsPlace()
    {
        var input = Ask("Why?", Square, Square);
        input.Messages[0] = Chats.Turn(Wire.ChatRole.User, Chats.Picture(1), Chats.Words("and"), Chats.Picture(0), Chats.Words("?"));
        var guidance = Spots(Crops(c => c.OverviewSide = 0), (0, 0));
        var second = Layout(1, Tokens * Tokens);
        guidance.Pictures.Images.Add(second);
        guidance.Pictures.Importance.Values.AddRange(Enumerable.Range(0, Tokens * Tokens).Select(i => i == Tokens * Tokens - 1 ? 1f : 0f));

        await AskAsync(guidance, input);

        Assert.Equal(
            [
                "This is a part of image 2 in full resolution, from pixel (504, 504) to (560, 560), counted from its upper left corner:", "<picture>", "and",
                "This is a part of image 1 in full resolution, from pixel (0, 0) to (56, 56), counted from its upper left corner:", "<picture>", "?",
            ],
            Parts());
    }

    [Fact]
    public async Task Budget_Limits_AreTold()
    {
        await AskAsync(Pictures(new Wire.PicturePolicy
        {
            Strategy = Wire.PictureStrategy.Budget,
            Budget = new Wire.BudgetPolicy { Detail = "low", MaxPixels = 100_352, MaxDynamicPatch = 4 },
        }));

        var question = Assert.Single(Engine.Questions);
        Assert.Equal("low", (string)question["messages"]![0]!["content"]![0]!["image_url"]!["detail"]!);
        Assert.Equal((100_352, 4), ((int)question["mm_processor_kwargs"]!["max_pixels"]!, (int)question["mm_processor_kwargs"]!["max_dynamic_patch"]!));
        Assert.Equal(Square.Data.ToByteArray(), Sent().Single());
    }

    [Fact]
    public async Task Budget_TilesOfEachPicture_AreToldBesideIt()
    {
        Engine.PromptTokens = q => 10 + Pictures(q).Count;
        await using var bridge = await Engine.BridgeAsync(("Bridge:TileLimit", "ImageUrl"), ("Bridge:MeasureVisualTokens", "true"));

        await AskAsync(
            Pictures(new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Budget, Budget = new Wire.BudgetPolicy { Detail = "low", MaxDynamicPatch = 4 } }), Ask("Why?", Square, Square), bridge);

        // The answer's, and what pictures cost under that limit and without.
        var told = Engine.Questions.Where(q => Pictures(q).Count > 0).Select(q => q["messages"]![0]!["content"]!.AsArray().Where(p => p!["image_url"] is not null)
            .Select(p => ((int?)p!["image_url"]!["max_dynamic_patch"], (string?)p["image_url"]!["detail"])).Distinct().Single()).Order().ToList();
        Assert.Equal([(null, null), (4, "low"), (4, "low")], told);
        Assert.All(Engine.Questions, q => Assert.Null(q["mm_processor_kwargs"]));
    }

    [Fact]
    public async Task Budget_Resize_IsDoneHere()
    {
        var answer = await AskAsync(Pictures(new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Budget, Budget = new Wire.BudgetPolicy { ResizePixels = 280 * 280 } }));

        Assert.Equal((Wire.PictureKind.Whole, 280, 280), answer.Accepted!.Pictures.Pictures.Select(p => (p.Kind, p.Width, p.Height)).Single());
        Assert.Equal((280, 280), Sent().Select(Decode).Select(p => (p.Width, p.Height)).Single());
        Assert.Null(Engine.Questions.Single()["mm_processor_kwargs"]);
    }

    [Theory]
    [InlineData("rgb.bmp")]
    [InlineData("exif6.jpg")]
    public async Task None_FormatThatEnginesDoNotTake_IsPng(string file)
    {
        var bytes = Files().Single(f => Path.GetFileName(f) == file);
        var image = TestImages.Of(File.ReadAllBytes(bytes), file);

        await AskAsync(Unpruned(), Ask("Why?", image));

        Assert.Equal(new ImageDecoder().Decode(image.Data.Memory).Pixels, Decode(Sent().Single()).Pixels);
    }

    [Fact]
    public async Task Crops_WhatIsMissing_IsNamed()
    {
        var guidance = Spots(Crops(), (5, 7));
        guidance.Pictures.Importance = null;
        Assert.Equal(["guidance.pictures.importance"], (await FailAsync(guidance)).Fields);

        guidance = Spots(Crops(), (5, 7));
        guidance.Pictures.Images.Clear();
        Assert.Equal(["guidance.pictures.images"], (await FailAsync(guidance)).Fields);

        guidance = Spots(Crops(), (5, 7));
        guidance.Pictures.Images[0].Width = 100;
        Assert.Equal(["guidance.pictures.images[0]"], (await FailAsync(guidance)).Fields);

        guidance = Spots(Crops(), (5, 7));
        guidance.Pictures.Images[0].Tiles[0].Area = null;
        Assert.Equal(["guidance.pictures.images[0].tiles[0].area"], (await FailAsync(guidance)).Fields);

        guidance = Spots(Crops(), (5, 7));
        guidance.Pictures.Importance.Values.RemoveAt(0);
        Assert.Equal(["guidance.pictures.images[0].tiles[0]"], (await FailAsync(guidance)).Fields);

        guidance = Spots(Crops(), (5, 7));
        guidance.Pictures.Importance.Values[3] = float.NaN;
        Assert.Equal(["guidance.pictures.importance.values[3]"], (await FailAsync(guidance)).Fields);
        Assert.Empty(Engine.Questions);
    }

    [Fact]
    public async Task Policy_AllWrong_IsToldTogether()
    {
        var failure = await FailAsync(Pictures(new Wire.PicturePolicy
        {
            Crops = new Wire.CropPolicy { Coverage = 2, MaxCrops = 0, Grid = 0, Margin = 99, OverviewSide = 7 },
            Budget = new Wire.BudgetPolicy { Detail = "fine", MaxPixels = 1, ResizePixels = -1, MaxDynamicPatch = 0 },
        }));

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.All(
            ["strategy", "crops.coverage", "crops.max_crops", "crops.grid", "crops.margin", "crops.overview_side", "budget.detail", "budget.max_pixels", "budget.resize_pixels", "budget.max_dynamic_patch"],
            name => Assert.Contains($"guidance.pictures.policy.{name}", failure.Fields));
    }

    [Fact]
    public async Task Budget_Empty_IsRefused() =>
        Assert.Equal(["guidance.pictures.policy.budget"], (await FailAsync(Pictures(new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Budget }))).Fields);

    [Fact]
    public async Task Usage_Measured_TellsWhatTheImagesWouldHaveCostAndWhatWasSent()
    {
        // One token for each square of 28 pixels, and ten for the text.
        Engine.PromptTokens = q => 10 + Pictures(q).Select(Decode).Sum(p => p.Width / 28 * (p.Height / 28));
        await using var bridge = await Engine.BridgeAsync(("Bridge:MeasureVisualTokens", "true"));

        var one = (await AskAsync(Spots(Crops(), (5, 7)), bridge: bridge)).Completed!.Usage;
        var asked = Engine.Questions.Count;
        var other = (await AskAsync(Spots(Crops(), (5, 7)), bridge: bridge)).Completed!.Usage;

        Assert.Equal((400, 256 + 9), (one.VisualTokenCount, one.KeptVisualTokenCount));
        Assert.Equal((400, 256 + 9), (other.VisualTokenCount, other.KeptVisualTokenCount));
        Assert.Equal((4, 5), (asked, Engine.Questions.Count));
    }

    [Fact]
    public async Task Usage_NotMeasured_IsNotGuessed()
    {
        var usage = (await AskAsync(Spots(Crops(), (5, 7)))).Completed!.Usage;

        Assert.Equal((0, 0), (usage.VisualTokenCount, usage.KeptVisualTokenCount));
        Assert.Single(Engine.Questions);
    }

    private static Wire.PicturePolicy Crops(Action<Wire.CropPolicy>? edit = null)
    {
        var policy = new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Crops, Crops = new Wire.CropPolicy() };
        edit?.Invoke(policy.Crops);
        return policy;
    }

    private static Wire.Guidance Pictures(Wire.PicturePolicy policy) => new() { Pictures = new Wire.PictureGuidance { Policy = policy } };

    /// <summary>Guidance for the square, one token for each 28 pixels, those at (row, column) important.</summary>
    private static Wire.Guidance Spots(Wire.PicturePolicy policy, params (int Row, int Column)[] spots)
    {
        var guidance = Pictures(policy);
        guidance.Pictures.Importance = new Wire.Importance();
        guidance.Pictures.Importance.Values.AddRange(Enumerable.Range(0, Tokens * Tokens).Select(i => spots.Contains((i / Tokens, i % Tokens)) ? 1f : 0f));
        guidance.Pictures.Images.Add(Layout(0, 0));
        return guidance;
    }

    private static Wire.VisualLayout Layout(int image, int firstToken) => new()
    {
        ImageIndex = image,
        Width = Side,
        Height = Side,
        FirstToken = firstToken,
        TokenCount = Tokens * Tokens,
        Tiles = { new Wire.VisualTile { Kind = Wire.TileKind.Image, FirstToken = firstToken, RowCount = Tokens, ColumnCount = Tokens, Area = new Wire.Rectangle { Width = Side, Height = Side } } },
    };

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Vision.Tests", "Data", "files"));

    private static RgbImage Decode(byte[] file) => new ImageDecoder().Decode(file);

    private List<string> Parts() => [.. Engine.Questions.Single()["messages"]![0]!["content"]!.AsArray().Select(p => (string?)p!["text"] ?? "<picture>")];

    private List<byte[]> Sent() => Pictures(Engine.Questions.Single());

    private static List<byte[]> Pictures(JsonNode question) =>
    [
        .. question["messages"]!.AsArray().SelectMany(m => m!["content"] as JsonArray ?? []).Where(p => p!["image_url"] is not null)
            .Select(p => Convert.FromBase64String(((string)p!["image_url"]!["url"]!).Split(',')[1])),
    ];

    private Task<LargeAnswer> AskAsync(Wire.Guidance guidance, Wire.LargeInput? input = null, RunningService? bridge = null) => AnswerAsync(
        new Wire.LargeService.LargeServiceClient((bridge ?? Bridge).Channel), new Wire.LargeServiceGenerateRequest { Input = input ?? Ask("Why?", Square), Guidance = guidance });

    private Task<Failure> FailAsync(Wire.Guidance guidance) => Failure.OfAsync(() => AskAsync(guidance));
}
