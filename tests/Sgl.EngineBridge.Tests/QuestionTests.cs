using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>What the engine gets, and what comes back.</summary>
public sealed class QuestionTests : ScriptedBridge
{
    [Fact]
    public async Task Generate_PicturesAndTurns_ReachTheEngineInTheirPlaces()
    {
        var (first, second) = (TestImages.Png(20, 10), Samples.Image("shapes.jpg"));
        var input = new Wire.LargeInput { Images = { first, second } };
        input.Messages.Add(Chats.Turn(Wire.ChatRole.System, Chats.Words("Be brief.")));
        input.Messages.Add(Chats.Turn(Wire.ChatRole.User, Chats.Words("Before"), Chats.Picture(1), Chats.Words("after?")));
        input.Messages.Add(Chats.Turn(Wire.ChatRole.Assistant, Chats.Words("Yes.")));
        input.Messages.Add(Chats.User("And now?"));

        await AskAsync(input);

        var turns = Assert.Single(Engine.Questions)["messages"]!.AsArray();
        Assert.Equal(["system", "user", "assistant", "user"], turns.Select(t => (string)t!["role"]!));
        var parts = turns[1]!["content"]!.AsArray();
        Assert.Equal(["image_url", "text", "image_url", "text"], parts.Select(p => (string)p!["type"]!));
        Assert.Equal($"data:image/png;base64,{Convert.ToBase64String(first.Data.Span)}", (string)parts[0]!["image_url"]!["url"]!);
        Assert.Equal($"data:image/jpeg;base64,{Convert.ToBase64String(second.Data.Span)}", (string)parts[2]!["image_url"]!["url"]!);
        Assert.Equal("Before", (string)parts[1]!["text"]!);
    }

    [Fact]
    public async Task Generate_NoSampling_IsGreedyWithTheContractsLimit()
    {
        await AskAsync(Ask("Why?"));

        var question = Assert.Single(Engine.Questions);
        Assert.Equal((0, 128, true), ((double)question["temperature"]!, (int)question["max_tokens"]!, (bool)question["stream"]!));
        Assert.True((bool)question["stream_options"]!["include_usage"]!);
        Assert.Equal(ScriptedEngine.Model, (string)question["model"]!);
        Assert.All(["top_p", "top_k", "seed", "stop", "min_tokens", "logprobs", "max_completion_tokens", "response_format"], name => Assert.Null(question[name]));
    }

    [Fact]
    public async Task Generate_Sampling_ReachesTheEngine()
    {
        var input = Ask("Why?");
        input.Sampling = new Wire.Sampling { Temperature = 0.5f, TopP = 0.75f, TopK = 7, Seed = 11, MaxNewTokens = 9, MinNewTokens = 3, Stop = { "\n", "END" } };

        await AskAsync(input);

        var question = Assert.Single(Engine.Questions);
        Assert.Equal((0.5, 0.75, 7, 11, 9, 3), (
            (double)question["temperature"]!, (double)question["top_p"]!, (int)question["top_k"]!, (long)question["seed"]!, (int)question["max_tokens"]!, (int)question["min_tokens"]!));
        Assert.Equal(["\n", "END"], question["stop"]!.AsArray().Select(s => (string)s!));
    }

    [Fact]
    public async Task Generate_ResponseFormat_IsTheEnginesToEnforce()
    {
        const string schema = """{"type":"object","properties":{"code":{"type":"string"}},"required":["code"],"additionalProperties":false}""";
        var (of, any, refused) = (Ask("Why?"), Ask("Why?"), Ask("Why?"));
        (of.ResponseFormat, any.ResponseFormat, refused.ResponseFormat) = (new() { JsonSchema = schema }, new() { JsonObject = true }, new() { JsonSchema = """{"not":{}}""" });

        await AskAsync(of);
        await AskAsync(any);
        var error = await Assert.ThrowsAsync<RpcException>(() => AskAsync(refused));

        var formats = Engine.Questions.Select(q => q["response_format"]!).ToArray();
        Assert.Equal(2, formats.Length);
        Assert.Equal(("json_schema", true), ((string)formats[0]["type"]!, (bool)formats[0]["json_schema"]!["strict"]!));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(schema), formats[0]["json_schema"]!["schema"]));
        Assert.Equal("""{"type":"json_object"}""", formats[1].ToJsonString());
        Assert.StartsWith("input.response_format.json_schema.not: ", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_Answer_ComesTokenByTokenWithTheEnginesCounts()
    {
        var answer = await AskAsync(Ask("Why?"));

        Assert.Equal(["The", " answer", " is", " 42."], answer.Tokens.Select(t => t.Text));
        Assert.All(answer.Tokens, t => Assert.Equal(-1, t.Id));
        Assert.Equal(("The answer is 42.", Wire.FinishReason.Stop), (answer.Completed!.Answer, answer.Completed.FinishReason));
        Assert.Equal((345, 5), (answer.Completed.Usage.PromptTokenCount, answer.Completed.Usage.GeneratedTokenCount));
    }

    [Fact]
    public async Task Generate_TokenIsSent_ReachesTheClientBeforeTheNext()
    {
        Engine.Script.Enqueue(ScriptedEngine.HangAsync);
        using var call = new Wire.LargeService.LargeServiceClient(Bridge.Channel).Generate();
        await call.RequestStream.WriteAsync(new() { Input = Ask("Why?"), Guidance = Unpruned() });

        while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.Token is null)
        {
        }

        Assert.Equal("It", call.ResponseStream.Current.Token?.Text);
    }

    [Theory]
    [InlineData("stop", Wire.FinishReason.Stop)]
    [InlineData("length", Wire.FinishReason.Length)]
    [InlineData("content_filter", Wire.FinishReason.ContentFilter)]
    public async Task Generate_FinishReason_IsTheEngines(string told, Wire.FinishReason expected)
    {
        Engine.Script.Enqueue(ScriptedEngine.Raw(ScriptedEngine.Stream(["Yes"], told)));

        Assert.Equal(expected, (await AskAsync(Ask("Why?"))).Completed!.FinishReason);
    }

    [Fact]
    public async Task Generate_NoUsage_TokensAreCounted()
    {
        Engine.Script.Enqueue(ScriptedEngine.Raw(ScriptedEngine.Stream(["Yes", "!"], usage: false)));

        var usage = (await AskAsync(Ask("Why?"))).Completed!.Usage;

        Assert.Equal((0, 2), (usage.PromptTokenCount, usage.GeneratedTokenCount));
    }

    [Fact]
    public async Task Generate_LogProbabilities_AreTheEngines()
    {
        await using var bridge = await Engine.BridgeAsync(("Bridge:LogProbabilities", "true"));
        var chunk = ScriptedEngine.Chunk(new JsonObject { ["content"] = "Yes!" });
        chunk["choices"]![0]!["logprobs"] = JsonNode.Parse("""{"content":[{"token":"Yes","logprob":-0.25,"bytes":null,"top_logprobs":[]},{"token":"!","logprob":-1.5,"bytes":[33],"top_logprobs":[]}]}""");
        Engine.Script.Enqueue(ScriptedEngine.Raw($"data: {chunk.ToJsonString()}\n\ndata: {ScriptedEngine.Chunk([], "stop").ToJsonString()}\n\ndata: [DONE]\n\n"));

        var answer = await AskAsync(Ask("Why?"), bridge);

        Assert.Equal([("Yes", -0.25f), ("!", -1.5f)], answer.Tokens.Select(t => (t.Text, t.LogProbability)));
        Assert.True((bool)Assert.Single(Engine.Questions)["logprobs"]!);
    }

    [Fact]
    public async Task Generate_MaxCompletionTokens_IsCalledSo()
    {
        await using var bridge = await Engine.BridgeAsync(("Bridge:TokenLimit", "MaxCompletionTokens"));

        await AskAsync(Ask("Why?"), bridge);

        var question = Assert.Single(Engine.Questions);
        Assert.Equal((128, null), ((int)question["max_completion_tokens"]!, question["max_tokens"]));
    }

    [Fact]
    public async Task Generate_CancelMessage_ReachesTheEngine()
    {
        Engine.Script.Enqueue(ScriptedEngine.HangAsync);
        using var call = new Wire.LargeService.LargeServiceClient(Bridge.Channel).Generate();
        await call.RequestStream.WriteAsync(new() { Input = Ask("Why?"), Guidance = Unpruned() });
        while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.Token is null)
        {
        }

        await call.RequestStream.WriteAsync(new() { Cancel = new Wire.Cancel() });

        Assert.Null((await ReadAsync(call)).Completed);
        Assert.True(await Engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Generate_ClientLeavesBeforeAnyToken_ReachesTheEngine()
    {
        Engine.Script.Enqueue(ScriptedEngine.MuteAsync);
        using (var call = new Wire.LargeService.LargeServiceClient(Bridge.Channel).Generate())
        {
            await call.RequestStream.WriteAsync(new() { Input = Ask("Why?"), Guidance = Unpruned() });
            Assert.True(await Engine.Asked.WaitAsync(TimeSpan.FromMinutes(1)));
        }

        Assert.True(await Engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Generate_ImageLimitsAndTilesAndDrafts_AreRefusedByName()
    {
        var input = Ask("Why?", TestImages.Png(8, 8));
        input.ImageLimits = new Wire.ImageLimits { MaxTileCount = 4 };
        input.GuidedTiles = true;
        var guidance = new Wire.Guidance { Masks = new Wire.MaskGuidance(), Tiles = new Wire.GuidedTiles(), Draft = new Wire.Draft { TokenIds = { 1 } } };

        var failure = await Failure.OfAsync(() => AnswerAsync(new(Bridge.Channel), new Wire.LargeServiceGenerateRequest { Input = input, Guidance = guidance }));

        Assert.Equal(["guidance.draft", "guidance.masks", "guidance.tiles", "input.guided_tiles", "input.image_limits"], failure.Fields.Order(StringComparer.Ordinal));
        Assert.Empty(Engine.Questions);
    }

    [Fact]
    public async Task GetModelInfo_TellsWhatTheEngineTells()
    {
        var model = (await new Wire.LargeService.LargeServiceClient(Bridge.Channel).GetModelInfoAsync(new())).Model;

        Assert.Equal((ScriptedEngine.Model, 32768, true, 0), (model.Name, model.MaxSequenceTokenCount, model.GuidedByPictures, model.LayerCount));
    }

    private Task<LargeAnswer> AskAsync(Wire.LargeInput input, RunningService? bridge = null) =>
        AnswerAsync(new Wire.LargeService.LargeServiceClient((bridge ?? Bridge).Channel), new Wire.LargeServiceGenerateRequest { Input = input, Guidance = Unpruned() });
}
