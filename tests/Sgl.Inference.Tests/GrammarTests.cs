using System.Text.Json;
using Sgl.Grammar;
using Sgl.Guidance;
using Sgl.Inference.Tests.Support;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference.Tests;

/// <summary>Answers under a grammar, with the committed demo model.</summary>
public sealed class GrammarTests : IAsyncLifetime
{
    private static readonly JsonGrammar Schema = JsonGrammar.OfSchema(
        """{"type":"object","properties":{"word":{"type":"string","maxLength":12},"count":{"type":"integer","minimum":0,"maximum":99},"sure":{"type":"boolean"}},"required":["word","count","sure"]}""");

    private VlmEngine _engine = null!;
    private PreparedPrompt _prompt = null!;

    public async Task InitializeAsync()
    {
        _engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = Repository.Path("models", "sgl-demo-small"), KvBudgetMiB = 256, MaxNewTokens = 400 });
        _prompt = await _engine.PrepareAsync(
            new PromptInput
            {
                Images = [new RgbImage(120, 120, new byte[120 * 120 * 3])],
                Messages = [new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("How many boxes are there?")])],
            },
            CancellationToken.None);
    }

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task GenerateAsync_Greedy_AnswerIsOfTheSchemaAndEndsByItself()
    {
        var (result, tokens) = await RunAsync(new() { Sampling = new() { MaxNewTokens = 200 }, Grammar = Schema });

        AssertIsOfTheSchema(result);
        Assert.Equal(result.Text, string.Concat(tokens.Select(t => t.Text)).Trim());
    }

    [Fact]
    public async Task GenerateAsync_Sampled_EveryAnswerIsOfTheSchema()
    {
        var runs = Enumerable.Range(1, 12).Select(seed => RunAsync(new()
        {
            Sampling = new() { MaxNewTokens = 200, Temperature = 3, TopK = seed % 3 * 5, TopP = seed % 2 == 0 ? 0.9f : 1, Seed = (ulong)seed },
            Grammar = seed % 4 == 0 ? null : Schema,
        })).ToList();

        var answers = (await Task.WhenAll(runs)).Where((_, i) => (i + 1) % 4 != 0).ToList();

        Assert.All(answers, a => AssertIsOfTheSchema(a.Result));
        Assert.True(answers.Select(a => a.Result.Text).Distinct().Count() > 3);
    }

    [Fact]
    public async Task GenerateAsync_NoGrammar_AsBefore()
    {
        var options = new GenerationOptions { Sampling = new() { MaxNewTokens = 24 } };
        var before = await RunAsync(options);
        await RunAsync(options with { Grammar = Schema });

        Assert.Equal(before.Result.TokenIds, (await RunAsync(options)).Result.TokenIds);
    }

    [Fact]
    public async Task GenerateAsync_DraftsUnderAGrammar_SameAnswer()
    {
        var options = new GenerationOptions { Sampling = new() { MaxNewTokens = 200 }, Grammar = Schema };
        var plain = (await RunAsync(options)).Result;
        var free = (await RunAsync(options with { Grammar = null })).Result;

        foreach (var draft in new[] { plain.TokenIds, [.. plain.TokenIds.Take(5), plain.TokenIds[0]], free.TokenIds, [.. plain.TokenIds, .. plain.TokenIds] })
        {
            var drafted = (await RunAsync(options with { Draft = draft })).Result;
            Assert.Equal(plain.TokenIds, drafted.TokenIds);
            Assert.Equal(plain.Text, drafted.Text);
        }

        Assert.True((await RunAsync(options with { Draft = plain.TokenIds })).Result.Usage.AcceptedDraftTokens >= plain.TokenIds.Count - 1);
    }

    [Fact]
    public async Task GenerateAsync_LimitOfTokens_CutsTheAnswerOff()
    {
        var (result, _) = await RunAsync(new() { Sampling = new() { MaxNewTokens = 3 }, Grammar = Schema });

        Assert.Equal(FinishReason.Length, result.FinishReason);
        Assert.StartsWith("{", result.Text, StringComparison.Ordinal);
        Assert.Equal(3, result.TokenIds.Count);
    }

    [Fact]
    public async Task GenerateAsync_Probabilities_AreTheModelsOwn()
    {
        var trace = new GenerationTrace();
        var (result, tokens) = await RunAsync(new()
        {
            Sampling = new() { MaxNewTokens = 200, MinNewTokens = 0, TopLogProbabilities = 3 },
            Grammar = Schema,
            Importance = new ImportanceOptions(),
            ConsistencyRatio = 0.5,
            Trace = trace,
        });

        for (var i = 0; i < tokens.Count; i++)
        {
            var logits = trace.StepLogits[i];
            var total = logits.Sum(l => Math.Exp(l - logits.Max()));
            Assert.Equal(logits[tokens[i].Id] - logits.Max() - Math.Log(total), tokens[i].LogProbability, 1e-3);
            // What is told beside it could have been chosen, and it is the best of that.
            Assert.Equal(tokens[i].Id, tokens[i].Alternatives[0].Id);
        }

        Assert.Equal(Math.Exp(tokens.Average(t => t.LogProbability)), result.Scores!.Confidence, 1e-3);
        Assert.Contains(tokens, t => trace.StepLogits[t.Index].Max() > trace.StepLogits[t.Index][t.Id]);
    }

    [Fact]
    public async Task GenerateAsync_MinimumBeyondTheGrammarsEnd_EndsAtTheGrammarsEnd()
    {
        var (result, _) = await RunAsync(new() { Sampling = new() { MaxNewTokens = 50, MinNewTokens = 50 }, Grammar = JsonGrammar.OfSchema("""{"const":{"a":1}}""") });

        Assert.Equal(("""{"a":1}""", FinishReason.Stop), (result.Text.Replace(" ", "", StringComparison.Ordinal), result.FinishReason));
    }

    [Fact]
    public async Task GenerateAsync_EndTokenWhereTheGrammarMayEnd_IsTheModelsChoice()
    {
        var (result, _) = await RunAsync(new() { Sampling = new() { MaxNewTokens = 60 }, Grammar = JsonGrammar.OfSchema("""{"type":"integer"}""") });

        Assert.Equal(FinishReason.Stop, result.FinishReason);
        Assert.Equal(JsonValueKind.Number, JsonDocument.Parse(result.Text).RootElement.ValueKind);
    }

    [Fact]
    public async Task GenerateAsync_MoreGrammarsThanAreKept_EachAnswerIsOfItsOwn()
    {
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 10; i++)
            {
                var (result, _) = await RunAsync(new() { Sampling = new() { MaxNewTokens = 60 }, Grammar = JsonGrammar.OfSchema($$"""{"enum":["x{{i}}"]}""") });
                Assert.Equal($"\"x{i}\"", result.Text);
            }
        }
    }

    [Fact]
    public async Task GenerateAsync_NoTokenizer_Refused()
    {
        await using var engine = await TestEngine.LoadAsync();

        var error = await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(engine, TestEngine.Prompt(1, 3, 4, 3), TestEngine.Tokens(4) with { Grammar = Schema }));

        Assert.Equal("response_format", error.Field);
    }

    private static void AssertIsOfTheSchema(GenerationResult result)
    {
        Assert.Equal(FinishReason.Stop, result.FinishReason);
        using var document = JsonDocument.Parse(result.Text);
        Assert.Equal(["word", "count", "sure"], document.RootElement.EnumerateObject().Select(m => m.Name));
        Assert.InRange(document.RootElement.GetProperty("word").GetString()!.EnumerateRunes().Count(), 0, 12);
        Assert.InRange(document.RootElement.GetProperty("count").GetInt32(), 0, 99);
        _ = document.RootElement.GetProperty("sure").GetBoolean();
    }

    private async Task<(GenerationResult Result, List<GenerationEvent.Token> Tokens)> RunAsync(GenerationOptions options)
    {
        var tokens = new List<GenerationEvent.Token>();
        await foreach (var generated in _engine.GenerateAsync(_prompt.Again(), options, CancellationToken.None))
        {
            switch (generated)
            {
                case GenerationEvent.Token token:
                    tokens.Add(token);
                    break;
                case GenerationEvent.Completed completed:
                    return (completed.Result, tokens);
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }
}
