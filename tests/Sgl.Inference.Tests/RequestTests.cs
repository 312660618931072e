using Sgl.Guidance;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

/// <summary>What a request may ask for, and what it gets.</summary>
public sealed class RequestTests : IAsyncLifetime
{
    private static readonly PreparedPrompt Prompt = TestEngine.Prompt(1, 4, 6, 3);

    private static readonly Dictionary<string, (string Field, Func<GenerationOptions, GenerationOptions> Change)> Wrong = new()
    {
        ["no new tokens"] = ("sampling.max_new_tokens", o => o with { Sampling = o.Sampling with { MaxNewTokens = 0 } }),
        ["more than the engine allows"] = ("sampling.max_new_tokens", o => o with { Sampling = o.Sampling with { MaxNewTokens = 4001 } }),
        ["negative minimum"] = ("sampling.min_new_tokens", o => o with { Sampling = o.Sampling with { MinNewTokens = -1 } }),
        ["minimum above maximum"] = ("sampling.min_new_tokens", o => o with { Sampling = o.Sampling with { MinNewTokens = 11 } }),
        ["negative temperature"] = ("sampling.temperature", o => o with { Sampling = o.Sampling with { Temperature = -0.1f } }),
        ["temperature that is no number"] = ("sampling.temperature", o => o with { Sampling = o.Sampling with { Temperature = float.NaN } }),
        ["infinite temperature"] = ("sampling.temperature", o => o with { Sampling = o.Sampling with { Temperature = float.PositiveInfinity } }),
        ["no nucleus"] = ("sampling.top_p", o => o with { Sampling = o.Sampling with { TopP = 0 } }),
        ["nucleus that is no number"] = ("sampling.top_p", o => o with { Sampling = o.Sampling with { TopP = float.NaN } }),
        ["negative k"] = ("sampling.top_k", o => o with { Sampling = o.Sampling with { TopK = -1 } }),
        ["consistency without importance"] = ("consistency_ratio", o => o with { ConsistencyRatio = 0.05 }),
        ["ratio that is no number"] = ("consistency_ratio", o => o with { Importance = new ImportanceOptions(), ConsistencyRatio = double.NaN }),
        ["ratio above one"] = ("consistency_ratio", o => o with { Importance = new ImportanceOptions(), ConsistencyRatio = 1.01 }),
        ["layer fraction"] = ("importance.layer_fraction", o => o with { Importance = new ImportanceOptions { LayerFraction = 0 } }),
        ["layer that does not exist"] = ("importance.single_layer", o => o with { Importance = new ImportanceOptions { SingleLayer = 4 } }),
        ["prune layer that is not offered"] = ("guidance.prune_layer", o => o with { Plan = TestEngine.Plan(6, (3, _ => true)) }),
        ["mask of another length"] = ("guidance.mask", o => o with { Plan = TestEngine.Plan(7, (1, _ => true)) }),
        ["importance of a pruned prompt"] = ("importance", o => o with { Plan = TestEngine.Plan(6, (1, v => v > 2)), Importance = new ImportanceOptions() }),
        ["FastV in front of the first layer"] = ("fastv.layer", o => o with { FastV = new FastVPruning(0, 0.5) }),
        ["FastV ratio"] = ("fastv.ratio", o => o with { FastV = new FastVPruning(1, double.NaN) }),
        ["FastV beside a plan"] = ("fastv", o => o with { FastV = new FastVPruning(1, 0.5), Plan = TestEngine.Plan(6, (1, _ => true)) }),
    };

    private VlmEngine _engine = null!;

    public static TheoryData<string> WrongNames => [.. Wrong.Keys];

    public async Task InitializeAsync() => _engine = await TestEngine.LoadAsync(o =>
    {
        o.PruneLayers.Add(0);
        o.PruneLayers.Add(1);
    });

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Theory]
    [MemberData(nameof(WrongNames))]
    public async Task GenerateAsync_WrongOption_NamesTheField(string name)
    {
        var (field, change) = Wrong[name];
        var error = await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(_engine, Prompt, change(TestEngine.Tokens(10))));
        Assert.Equal(field, error.Field);
        Assert.Equal(0, _engine.Load.Waiting);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(96)]
    public async Task GenerateAsync_IdOutsideTheVocabulary_IsRefused(int id)
    {
        var error = await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(_engine, new PreparedPrompt([5, id], [], []), TestEngine.Tokens(1)));
        Assert.Contains(id.ToString(System.Globalization.CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GenerateAsync_EmptyPrompt_IsRefused() =>
        await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(_engine, new PreparedPrompt([], [], []), TestEngine.Tokens(1)));

    [Fact]
    public async Task GenerateAsync_LongerThanTheModel_IsRefused()
    {
        var prompt = TestEngine.Prompt(2, TestEngine.Shape.MaxPositions - 10, 0, 0);
        Assert.Equal("sampling.max_new_tokens", (await Assert.ThrowsAsync<EngineRequestException>(() => TestEngine.RunAsync(_engine, prompt, TestEngine.Tokens(11)))).Field);
    }

    [Fact]
    public async Task GenerateAsync_StopId_EndsTheAnswerWithIt()
    {
        var ids = (await TestEngine.RunAsync(_engine, Prompt, TestEngine.Tokens(30))).TokenIds;
        var stop = ids[7];
        var first = ids.ToList().IndexOf(stop);
        var result = await TestEngine.RunAsync(_engine, Prompt, Sampling(new SamplingOptions { MaxNewTokens = 30, MinNewTokens = 0, StopTokenIds = [stop] }));
        Assert.Equal(ids.Take(first + 1), result.TokenIds);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
        Assert.Equal(FinishReason.Length, (await TestEngine.RunAsync(_engine, Prompt, TestEngine.Tokens(3))).FinishReason);
    }

    [Fact]
    public async Task GenerateAsync_StopIdBelowTheMinimum_IsNotChosenBefore()
    {
        var ids = (await TestEngine.RunAsync(_engine, Prompt, TestEngine.Tokens(30))).TokenIds;
        var result = await TestEngine.RunAsync(_engine, Prompt, Sampling(new SamplingOptions { MaxNewTokens = 12, MinNewTokens = 5, StopTokenIds = [ids[0]] }));
        Assert.DoesNotContain(ids[0], result.TokenIds.Take(5));
        Assert.NotEqual(ids[0], result.TokenIds[0]);
    }

    [Fact]
    public async Task GenerateAsync_Seed_ReproducesTheAnswerWhateverRunsBeside()
    {
        GenerationOptions Seeded(ulong seed) => Sampling(new SamplingOptions { MaxNewTokens = 40, MinNewTokens = 0, StopTokenIds = [], Temperature = 1.3f, TopK = 20, TopP = 0.9f, Seed = seed });
        var expected = await TestEngine.RunAsync(_engine, Prompt, Seeded(5));
        var together = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => TestEngine.RunAsync(_engine, Prompt, Seeded(i % 2 == 0 ? 5ul : 6ul)))));
        for (var i = 0; i < together.Length; i += 2)
        {
            Assert.Equal(expected.TokenIds, together[i].TokenIds);
            Assert.NotEqual(expected.TokenIds, together[i + 1].TokenIds);
        }
    }

    [Fact]
    public async Task GenerateAsync_Events_AreOneTokenEachThenTheResult()
    {
        var events = new List<GenerationEvent>();
        await foreach (var generated in _engine.GenerateAsync(Prompt, TestEngine.Tokens(9) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.2 }, CancellationToken.None))
        {
            events.Add(generated);
        }

        var tokens = events[..^1].Cast<GenerationEvent.Token>().ToList();
        var result = ((GenerationEvent.Completed)events[^1]).Result;
        Assert.Equal(Enumerable.Range(0, 9), tokens.Select(t => t.Index));
        Assert.Equal(result.TokenIds, tokens.Select(t => t.Id));
        Assert.Equal(Math.Exp(tokens.Average(t => (double)t.LogProbability)), result.Scores!.Confidence, 1e-5);
        Assert.Equal((result.Scores.Confidence + result.Scores.Consistency) / 2, result.Scores.Decision, 1e-6);
        Assert.Equal(6, result.Importance!.Length);
        Assert.Equal((13, 6, 6, 9), (result.Usage.PromptTokens, result.Usage.VisualTokens, result.Usage.KeptVisualTokens, result.Usage.GeneratedTokens));
        Assert.All(result.Usage.KvLengths, l => Assert.Equal(13 + 9 - 1, l));
        Assert.True(result.Timings.Total >= result.Timings.Prefill + result.Timings.Decode);
    }

    [Fact]
    public async Task GenerateAsync_ConsistencyOfEverything_IsTheAnswersOwnProbability()
    {
        // Keeping all visual tokens repeats the generation in one pass.
        var options = TestEngine.Tokens(10) with { Importance = new ImportanceOptions(), ConsistencyRatio = 1 };
        var scores = (await TestEngine.RunAsync(_engine, Prompt, options)).Scores!;
        Assert.Equal(Math.Pow(scores.Confidence, 10), scores.Consistency, scores.Consistency * 1e-3);
    }

    [Fact]
    public async Task GenerateAsync_FastV_EqualsAPlanOfTheSameTokens()
    {
        var prompt = TestEngine.Prompt(9, 5, 30, 8);
        var ranking = await TestEngine.RunAsync(_engine, prompt, TestEngine.Tokens(1) with { Importance = new ImportanceOptions { Source = ImportanceSource.LastPrompt, SingleLayer = 0 } });
        var plan = PrunePlan.Create([new PruneStep(1, KeepMask.FromImportance(ranking.Importance, 0.3))], TestEngine.Shape.Layers, 30);
        var expected = await TestEngine.RunAsync(_engine, prompt, TestEngine.Tokens(12) with { Plan = plan });
        var actual = await TestEngine.RunAsync(_engine, prompt, TestEngine.Tokens(12) with { FastV = new FastVPruning(1, 0.3) });
        Assert.Equal(expected.TokenIds, actual.TokenIds);
        Assert.Equal(expected.Usage.KvLengths, actual.Usage.KvLengths);
        Assert.Equal(9, actual.Usage.KeptVisualTokens);
    }

    private static GenerationOptions Sampling(SamplingOptions sampling) => new() { Sampling = sampling };
}
