using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Text before picture, the usual order of OpenAI clients, asked of a family that was trained with pictures first.</summary>
[Collection(nameof(DemoTrio))]
public sealed class PictureOrderTests(DemoTrio trio)
{
    private static readonly string Folder = Path.Combine(SharedData.RepositoryRoot, "samples");

    [Fact]
    public async Task Post_TextBeforePicture_AnswersOfPictureBeforeTextAndMostAreRight()
    {
        using var http = new HttpClient();
        var (right, rightInOrderGiven) = (0, 0);
        foreach (var line in await File.ReadAllLinesAsync(Path.Combine(Folder, "questions.jsonl")))
        {
            var sample = JsonNode.Parse(line)!;
            var url = "data:image/png;base64," + Convert.ToBase64String(await File.ReadAllBytesAsync(Path.Combine(Folder, (string)sample["image"]!)));
            var (text, picture) = (Part("text", (JsonNode)(string)sample["question"]!), Part("image_url", new JsonObject { ["url"] = url }));

            var textFirst = await AskAsync(http, [text, picture], keep: false);
            var pictureFirst = await AskAsync(http, [picture.DeepClone(), text.DeepClone()], keep: true);
            var orderGiven = await AskAsync(http, [text.DeepClone(), picture.DeepClone()], keep: true);

            Assert.Equal(pictureFirst, textFirst);
            right += Matches(textFirst, sample) ? 1 : 0;
            rightInOrderGiven += Matches(orderGiven, sample) ? 1 : 0;
        }

        Assert.InRange(right, 12, 16);
        Assert.InRange(rightInOrderGiven, 0, 4);
    }

    [Fact]
    public async Task Answer_TextBeforePicture_OneLayoutOneMaskOneAnswer()
    {
        var request = DemoTrio.Ask("What is the code in the orange box?", Samples.Image("codes.png"));
        request.Policy = new Wire.RoutingPolicy { Threshold = 2 };
        var pictureFirst = (await trio.AskAsync(request))[^1].Completed;
        request.Messages[0].Parts.Add(Chats.Picture(0));

        var textFirst = (await trio.AskAsync(request))[^1].Completed;

        Assert.Equal(pictureFirst.Answer, textFirst.Answer);
        Assert.Equal(pictureFirst.Pruning, textFirst.Pruning);
        Assert.Equal(pictureFirst.Importance, textFirst.Importance);
    }

    [Fact]
    public async Task Answer_PictureAloneEmptyAnswerAndLateInstructions_Answered()
    {
        var request = DemoTrio.Ask("What is the code in the orange box?", Samples.Image("codes.png"));
        request.Messages.Add(Chats.Turn(Wire.ChatRole.Assistant));
        request.Messages.Add(Chats.Turn(Wire.ChatRole.System, Chats.Words("Be brief.")));
        request.Messages.Add(Chats.Turn(Wire.ChatRole.User, Chats.Picture(0)));
        request.Messages.Add(Chats.Turn(Wire.ChatRole.System, Chats.Words("One word.")));
        foreach (var threshold in new[] { 0, 2 })
        {
            request.Policy = new Wire.RoutingPolicy { Threshold = threshold };
            Assert.NotNull((await trio.AskAsync(request))[^1].Completed);
        }
    }

    [Fact]
    public async Task Answer_MoreTokensThanThereIsRoomFor_FewerAndToldSo()
    {
        var request = DemoTrio.Ask("What is the code in the orange box?", Samples.Image("codes.png"));
        request.Sampling = new Wire.Sampling { MaxNewTokens = int.MaxValue, ClampMaxNewTokens = true };
        foreach (var threshold in new[] { 0, 2 })
        {
            request.Policy = new Wire.RoutingPolicy { Threshold = threshold };
            Assert.Equal(Wire.FinishReason.Stop, ((await trio.AskAsync(request))[^1].Completed is var c ? c.Large ?? c.Small : null)!.FinishReason);
        }

        request.Sampling.ClampMaxNewTokens = false;
        Assert.Equal(["sampling.max_new_tokens"], (await Failure.OfAsync(() => trio.AskAsync(request))).Fields);
    }

    private static JsonObject Part(string type, JsonNode content) => new() { ["type"] = type, [type] = content };

    private static bool Matches(string answer, JsonNode sample) => string.Equals(answer.Trim(), (string)sample["answer"]!, StringComparison.OrdinalIgnoreCase);

    private async Task<string> AskAsync(HttpClient http, JsonNode[] parts, bool keep)
    {
        var body = new JsonObject
        {
            ["model"] = "sgl-demo-large",
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = new JsonArray(parts) }),
            ["sgl"] = new JsonObject { ["unpruned"] = true, ["keep_part_order"] = keep },
        };
        using var response = await http.PostAsJsonAsync(new Uri(trio.Http, "/v1/chat/completions"), body);
        var answer = (await response.Content.ReadFromJsonAsync<JsonNode>())!;
        Assert.True(response.IsSuccessStatusCode, answer.ToJsonString());
        return (string)answer["choices"]![0]!["message"]!["content"]!;
    }
}
