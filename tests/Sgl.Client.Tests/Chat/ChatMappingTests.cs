using System.Text.Json;
using CsCheck;
using Grpc.Core;
using Microsoft.Extensions.AI;
using Sgl.Client.Internal.Chat;

namespace Sgl.Client.Tests;

/// <summary>Messages, options and events, one by one.</summary>
public sealed class ChatMappingTests
{
    private static readonly Wire.AnswerResponse[] Yes = [new() { Completed = new() { Answer = "yes", Path = Wire.AnswerPath.Exit, Small = new() { Model = "s", Usage = new() } } }];

    [Fact]
    public async Task Options_All_ReachTheRouter()
    {
        var asked = await AskAsync(
            new ChatOptions
            {
                Instructions = "Be brief.",
                MaxOutputTokens = 7,
                Temperature = 0.5f,
                TopP = 0.9f,
                TopK = 40,
                Seed = -1,
                StopSequences = ["\n"],
                ModelId = "sgl:fast",
                ResponseFormat = ChatResponseFormat.Text,
                RawRepresentationFactory = _ => new Wire.AnswerRequest { Policy = new() { Threshold = 0.7 } },
            },
            new ChatMessage(ChatRole.System, "You read pages."),
            new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1, 2 }, "image/png") { Name = "a.png" }, new TextContent("And?"), new DataContent("data:image/webp;base64,Aw==")]),
            new ChatMessage(ChatRole.Assistant, [new TextContent("42"), new UsageContent(new()), new TextReasoningContent("hm"), new SglProvisionalContent("41")]),
            new ChatMessage(ChatRole.User, "Sure?"));

        var sampling = asked.Sampling;
        Assert.Equal((7, true, 0.5f, 0.9f, 40, ulong.MaxValue), (sampling.MaxNewTokens, sampling.ClampMaxNewTokens, sampling.Temperature, sampling.TopP, sampling.TopK, sampling.Seed));
        Assert.Equal(["\n"], sampling.Stop);
        Assert.Equal(("fast", 0.7), (asked.Policy.Name, asked.Policy.Threshold));
        Assert.Equal([Wire.ChatRole.System, Wire.ChatRole.System, Wire.ChatRole.User, Wire.ChatRole.Assistant, Wire.ChatRole.User], asked.Messages.Select(m => m.Role));
        Assert.Equal(["Be brief.", "You read pages.", "[0]", "And?", "[1]", "42", "Sure?"],
            asked.Messages.SelectMany(m => m.Parts).Select(p => p.ContentCase == Wire.ChatPart.ContentOneofCase.Text ? p.Text : $"[{p.ImageIndex}]"));
        Assert.Equal([("a.png", "AQI="), ("", "Aw==")], asked.Images.Select(i => (i.Name, i.Data.ToBase64())));
    }

    [Fact]
    public async Task Options_None_AreTheRoutersOwn()
    {
        var asked = await AskAsync(null, new ChatMessage(ChatRole.User, "Why?"));

        Assert.Null(asked.Sampling);
        Assert.Null(asked.Policy);
        Assert.True(asked.OmitImportance);
    }

    [Fact]
    public async Task ResponseFormat_Json_IsHeldTo()
    {
        using var schema = JsonDocument.Parse("""{"type":"object","properties":{"total":{"type":"integer"}}}""");

        var held = await AskAsync(new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema.RootElement) }, new ChatMessage(ChatRole.User, "Why?"));
        var any = await AskAsync(new ChatOptions { ResponseFormat = ChatResponseFormat.Json }, new ChatMessage(ChatRole.User, "Why?"));

        Assert.Equal(schema.RootElement.GetRawText(), held.ResponseFormat.JsonSchema);
        Assert.True(any.ResponseFormat.JsonObject);
    }

    public static TheoryData<string, ChatOptions> Refused => new()
    {
        { "Tools", new() { Tools = [AIFunctionFactory.Create(() => 1, "one")] } },
        { "FrequencyPenalty", new() { FrequencyPenalty = 1 } },
        { "PresencePenalty", new() { PresencePenalty = 1 } },
        { "ConversationId", new() { ConversationId = "1" } },
        { "ModelId", new() { ModelId = "gpt" } },
        { "ModelId", new() { ModelId = "sgl:" } },
        { "RawRepresentationFactory", new() { RawRepresentationFactory = _ => "text" } },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Options_CannotBeHad_AreRefusedByName(string option, ChatOptions options) =>
        Assert.Contains($"ChatOptions.{option}", (await Assert.ThrowsAsync<NotSupportedException>(() => AskAsync(options, new ChatMessage(ChatRole.User, "Why?")))).Message, StringComparison.Ordinal);

    public static TheoryData<string, ChatMessage> Unknown => new()
    {
        { "role \"tool\"", new(ChatRole.Tool, "1") },
        { "not fetched", new(ChatRole.User, [new UriContent("https://pictures.example/a.png?secret", "image/png")]) },
        { "audio/wav", new(ChatRole.User, [new DataContent(new byte[] { 1 }, "audio/wav")]) },
        { "FunctionCallContent", new(ChatRole.Assistant, [new FunctionCallContent("1", "one")]) },
    };

    [Theory]
    [MemberData(nameof(Unknown))]
    public async Task Messages_CannotBeAsked_AreRefused(string why, ChatMessage message)
    {
        var error = await Assert.ThrowsAsync<NotSupportedException>(() => AskAsync(null, message));

        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_LargeBreaksOffInTheMiddle_IsAnErrorThatKeepsTheSmallAnswer()
    {
        await using var router = await new ScriptedRouter
        {
            Script =
            [
                new() { SmallToken = new() { Text = "small" } },
                new() { Decision = new() { Action = Wire.DecisionAction.Escalate, Reason = Wire.RoutingReason.ScoreBelow } },
                new() { LargeToken = new() { Text = "lar" } },
                new() { Completed = new() { Answer = "small", Path = Wire.AnswerPath.Degraded, Reason = Wire.RoutingReason.LargeUnavailable, Explanation = "gone", Small = new() { Model = "s", Answer = "small" } } },
            ],
        }.StartAsync();
        using var client = new SglClient(router.Options);
        var updates = new List<ChatResponseUpdate>();

        var error = await Assert.ThrowsAsync<SglException>(async () =>
        {
            await foreach (var update in client.AsIChatClient().GetStreamingResponseAsync([new(ChatRole.User, "Why?")]))
            {
                updates.Add(update);
            }
        });

        Assert.Equal((StatusCode.Unavailable, "LARGE_UNAVAILABLE"), (error.StatusCode, error.Reason));
        Assert.Equal("lar", string.Concat(updates.Select(u => u.Text)));
        Assert.Equal("small", updates[^1].AdditionalProperties![SglPropertyNames.SmallAnswer]);
    }

    [Fact]
    public async Task Stream_LargeFailsBeforeItsFirstToken_IsTheSmallAnswer()
    {
        await using var router = await new ScriptedRouter
        {
            Script =
            [
                new() { SmallToken = new() { Text = "small" } },
                new() { Decision = new() { Action = Wire.DecisionAction.Escalate, Reason = Wire.RoutingReason.ScoreBelow } },
                new() { Completed = new() { Answer = "small", Path = Wire.AnswerPath.Degraded, Reason = Wire.RoutingReason.LargeTimeout, Small = new() { Model = "s", Answer = "small" } } },
            ],
        }.StartAsync();
        using var client = new SglClient(router.Options);

        var response = await client.AsIChatClient().GetStreamingResponseAsync([new(ChatRole.User, "Why?")]).ToChatResponseAsync();

        Assert.Equal(("small", "s", "degraded", "LARGE_TIMEOUT"), (response.Text, response.ModelId, response.AdditionalProperties![SglPropertyNames.Path], response.AdditionalProperties[SglPropertyNames.Reason]));
    }

    [Fact]
    public void AnswerText_AnyTokens_AddUpToTheTrimmedText() => Gen.String[Gen.Char[" \n\tab"], 0, 4].Array[0, 12].Sample(tokens =>
    {
        var text = new AnswerText();
        Assert.Equal(string.Concat(tokens).Trim(), string.Concat(tokens.Select(text.Take)));
    });

    [Theory]
    [InlineData(Wire.RoutingReason.LargeOverloaded, "LARGE_OVERLOADED")]
    [InlineData(Wire.ExitCriterion.QuantileQ1, "QUANTILE_Q1")]
    [InlineData((Wire.ExitCriterion)99, "99")]
    public void Name_OfAValue_IsTheContracts(Enum value, string name) => Assert.Equal(name, ChatTerms.Name(value));

    private static async Task<Wire.AnswerRequest> AskAsync(ChatOptions? options, params ChatMessage[] messages)
    {
        await using var router = await new ScriptedRouter { Script = Yes }.StartAsync();
        using var client = new SglClient(router.Options);
        Assert.Equal("yes", (await client.AsIChatClient().GetResponseAsync(messages, options)).Text);
        return router.Asked!;
    }
}
