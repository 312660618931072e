using Microsoft.Extensions.AI;

namespace Sgl.Client.Tests;

/// <summary>The chat client against the real router.</summary>
[Collection(nameof(DemoRouter))]
public sealed class ChatClientTests(DemoRouter router)
{
    private static ChatMessage Question => new(ChatRole.User, [new TextContent("What word is in the orange box?"), new DataContent(DemoRouter.Picture(), "image/png")]);

    private IChatClient Chat => router.Client.AsIChatClient();

    [Fact]
    public async Task GetResponse_Escalates_TellsModelDecisionUsageAndKeptTokens()
    {
        var response = await Chat.GetResponseAsync([Question], new ChatOptions { ModelId = "sgl:careful" });

        Assert.Equal(("CUP", "sgl-demo-large", ChatFinishReason.Stop), (response.Text, response.ModelId, response.FinishReason));
        var properties = response.AdditionalProperties!;
        Assert.Equal(("escalate", "escalated", "SCORE_BELOW", "DECISION", "sgl-demo-large"),
            (properties[SglPropertyNames.Decision], properties[SglPropertyNames.Path], properties[SglPropertyNames.Reason], properties[SglPropertyNames.Criterion], properties[SglPropertyNames.Model]));
        Assert.Equal(2.0, properties[SglPropertyNames.Threshold]);
        Assert.InRange(Assert.IsType<double>(properties[SglPropertyNames.Score]), 0, 1);
        Assert.InRange(Assert.IsType<int>(properties[SglPropertyNames.KeptVisualTokens]), 1, (int)properties[SglPropertyNames.VisualTokens]! - 1);
        var answer = Assert.IsType<SglAnswer>(response.RawRepresentation);
        Assert.Null(answer.Completed.Importance);
        var usage = response.Usage!;
        Assert.Equal((answer.Usage.PromptTokenCount, answer.Usage.GeneratedTokenCount), (usage.InputTokenCount, usage.OutputTokenCount));
        Assert.Equal(usage.InputTokenCount + usage.OutputTokenCount, usage.TotalTokenCount);
        Assert.Equal(answer.Completed.Small.Usage.PromptTokenCount, usage.AdditionalCounts![SglPropertyNames.SmallInputTokens]);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task GetStreamingResponse_EitherModel_TextsAreTheAnswer(double threshold, bool provisional)
    {
        var options = Policy(new() { Threshold = threshold });
        var whole = await Chat.GetResponseAsync([Question], options);

        var updates = await router.Client.AsIChatClient(provisional).GetStreamingResponseAsync([Question], options).ToListAsync();

        Assert.Equal(whole.Text, string.Concat(updates.Select(u => u.Text)));
        Assert.Equal(provisional, updates.SelectMany(u => u.Contents).OfType<SglProvisionalContent>().Any());
        var response = updates.ToChatResponse();
        Assert.Equal((whole.Text, whole.ModelId, whole.FinishReason), (response.Text, response.ModelId, response.FinishReason));
        Assert.Equal((whole.Usage!.InputTokenCount, whole.Usage.OutputTokenCount), (response.Usage!.InputTokenCount, response.Usage.OutputTokenCount));
        Assert.Equal(threshold == 0 ? "exit" : "escalate", response.AdditionalProperties![SglPropertyNames.Decision]);
        Assert.Equal(whole.AdditionalProperties![SglPropertyNames.KeptVisualTokens], response.AdditionalProperties[SglPropertyNames.KeptVisualTokens]);
        var decision = updates.FindIndex(u => u.RawRepresentation is SglDecisionEvent);
        Assert.All(updates.Take(decision), u => Assert.Empty(u.Text));
    }

    [Fact]
    public async Task GetStreamingResponse_SmallModelAsked_ComesTokenByToken()
    {
        var options = Policy(new() { Force = Wire.Route.Small });
        options.MaxOutputTokens = 20;

        var updates = await Chat.GetStreamingResponseAsync([Question], options).ToListAsync();

        var decision = updates.FindIndex(u => u.RawRepresentation is SglDecisionEvent);
        Assert.Contains(updates.Take(decision), u => u.Text.Length > 0);
        Assert.Equal((await Chat.GetResponseAsync([Question], options)).Text, string.Concat(updates.Select(u => u.Text)));
    }

    [Fact]
    public async Task GetResponse_Limit_CutsTheAnswer()
    {
        var response = await Chat.GetResponseAsync([Question], new ChatOptions { MaxOutputTokens = 1 });

        Assert.Equal((ChatFinishReason.Length, 1L), (response.FinishReason, response.Usage!.OutputTokenCount));
    }

    [Fact]
    public async Task GetResponse_Conversation_IsContinued()
    {
        var first = await Chat.GetResponseAsync([Question]);

        var second = await Chat.GetResponseAsync([Question, .. first.Messages, new ChatMessage(ChatRole.User, "What is the code in the orange box?")]);

        Assert.NotEmpty(second.Text);
    }

    [Fact]
    public async Task GetStreamingResponse_CallerCancels_IsCancelled()
    {
        using var cancel = new CancellationTokenSource();
        var options = Policy(new() { Force = Wire.Route.Small });
        options.RawRepresentationFactory = _ => new Wire.AnswerRequest { Policy = new() { Force = Wire.Route.Small }, Sampling = new() { MaxNewTokens = 512, MinNewTokens = 512 } };

        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in Chat.GetStreamingResponseAsync([Question], options, cancel.Token))
            {
                await cancel.CancelAsync();
            }
        });
    }

    [Fact]
    public void GetService_WhatItIs_IsTold()
    {
        var metadata = Assert.IsType<ChatClientMetadata>(Chat.GetService(typeof(ChatClientMetadata)));

        Assert.Equal(("sgl", router.Client.Address, "sgl"), (metadata.ProviderName, metadata.ProviderUri, metadata.DefaultModelId));
        Assert.Same(router.Client, Chat.GetService(typeof(SglClient)));
        Assert.IsAssignableFrom<IChatClient>(Chat.GetService(typeof(IChatClient)));
        Assert.Null(Chat.GetService(typeof(IChatClient), "key"));
        Assert.Null(Chat.GetService(typeof(string)));
    }

    private static ChatOptions Policy(Wire.RoutingPolicy policy) => new() { RawRepresentationFactory = _ => new Wire.AnswerRequest { Policy = policy, OmitImportance = true } };
}
