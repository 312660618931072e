using Sgl.TestKit.Serving;
using static Sgl.SmallService.SmallServer;
using static Sgl.TestKit.Serving.Chats;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

[Collection(nameof(SmallServer))]
public sealed class GenerateTests(SmallServer server)
{
    [Fact]
    public async Task Generate_QuestionOnAnImage_StreamsLayoutThenTokensThenTheEnd()
    {
        var answer = await server.AnswerAsync(Ask("What is the code in the orange box?", Samples.Image("codes.png")));

        Assert.Equal(Wire.SmallServiceGenerateResponse.EventOneofCase.Layout, answer.Events[0].EventCase);
        Assert.Equal(Wire.SmallServiceGenerateResponse.EventOneofCase.Completed, answer.Events[^1].EventCase);
        Assert.All(answer.Events.Skip(1).SkipLast(1), e => Assert.Equal(Wire.SmallServiceGenerateResponse.EventOneofCase.Token, e.EventCase));
        Assert.Equal(Enumerable.Range(0, answer.Tokens.Count), answer.Tokens.Select(t => t.Index));
        Assert.Equal(answer.Completed.Answer, string.Concat(answer.Tokens.Select(t => t.Text)).Trim());
        Assert.NotEmpty(answer.Completed.Answer);
        Assert.All(answer.Tokens, t => Assert.InRange(t.LogProbability, -100, 0));
    }

    [Fact]
    public async Task Generate_QuestionOnAnImage_YieldsImportanceScoresUsageAndTimings()
    {
        var answer = await server.AnswerAsync(Ask("What is the code in the orange box?", Samples.Image("codes.png")));
        var (layout, completed) = (answer.Layout, answer.Completed);

        Assert.Equal(layout.VisualTokenCount, completed.Importance.Values.Count);
        Assert.All(completed.Importance.Values, v => Assert.True(float.IsFinite(v) && v >= 0, $"importance {v}"));
        Assert.Contains(completed.Importance.Values, v => v > 0);

        var scores = completed.Scores;
        Assert.All([scores.Confidence, scores.Consistency, scores.Entropy, scores.QuantileQ1, scores.LengthNormalisedConsistency], s => Assert.InRange(s, 0, 1));
        Assert.Equal((scores.Confidence + scores.Consistency) / 2, scores.Decision, 9);
        Assert.Equal(Math.Exp(answer.Tokens.Average(t => t.LogProbability)), scores.Confidence, 4);
        Assert.True(scores.QuantileQ1 <= scores.QuantileQ2 && scores.QuantileQ2 <= scores.QuantileQ3);

        var usage = completed.Usage;
        Assert.Equal(
            (layout.PromptTokenCount, layout.VisualTokenCount, layout.VisualTokenCount, answer.Tokens.Count),
            (usage.PromptTokenCount, usage.VisualTokenCount, usage.KeptVisualTokenCount, usage.GeneratedTokenCount));
        Assert.Equal(server.Service.Engine.Model.Layers, usage.KvLengths.Count);
        Assert.All(usage.KvLengths, n => Assert.Equal(layout.PromptTokenCount + answer.Tokens.Count - 1, n));
        Assert.True(usage.KvCacheBytes > 0);

        var timings = completed.Timings;
        var phases = new[] { timings.Preprocess, timings.Vision, timings.Prefill, timings.Consistency };
        Assert.All(phases, p => Assert.True(p.ToTimeSpan() > TimeSpan.Zero));
        Assert.True(phases.Sum(p => p.ToTimeSpan().TotalSeconds) <= timings.Total.ToTimeSpan().TotalSeconds);
        Assert.True(timings.TimeToFirstToken.ToTimeSpan() <= timings.Total.ToTimeSpan());
    }

    [Theory]
    [InlineData("codes.png")]
    [InlineData("shapes.jpg")]
    [InlineData("chart.webp")]
    public async Task Generate_AnyFormat_LaysOutEveryVisualTokenOnce(string name)
    {
        var layout = (await server.AnswerAsync(Ask("How many shapes are there?", Samples.Image(name)))).Layout;

        var image = Assert.Single(layout.Images);
        Assert.Equal((0, 0, layout.VisualTokenCount), (image.ImageIndex, image.FirstToken, image.TokenCount));
        var next = 0;
        foreach (var tile in image.Tiles)
        {
            Assert.Equal(next, tile.FirstToken);
            next += tile.RowCount * (tile.ColumnCount + tile.NewlineColumnCount);
            Assert.InRange(tile.Area.Left + tile.Area.Width, 1e-6, image.Width + 1e-6);
            Assert.InRange(tile.Area.Top + tile.Area.Height, 1e-6, image.Height + 1e-6);
        }

        Assert.Equal(layout.VisualTokenCount, next);
        Assert.Equal(32, layout.Digest.VisualSha256.Length);
    }

    [Fact]
    public async Task Generate_TwoImages_CountsTokensInPromptOrder()
    {
        var request = new Wire.SmallServiceGenerateRequest
        {
            Images = { Samples.Image("shapes.jpg"), Samples.Image("wide.png") },
            Messages = { Turn(Wire.ChatRole.User, Picture(1), Words("and"), Picture(0), Words("What word is in the blue box?")) },
        };

        var answer = await server.AnswerAsync(request);

        Assert.Equal([1, 0], answer.Layout.Images.Select(i => i.ImageIndex));
        Assert.Equal(answer.Layout.Images[0].TokenCount, answer.Layout.Images[1].FirstToken);
        Assert.Equal(answer.Layout.VisualTokenCount, answer.Completed.Importance.Values.Count);
        Assert.Equal(
            answer.Layout.Images[1].FirstToken, answer.Layout.Images[1].Tiles[0].FirstToken);
    }

    [Fact]
    public async Task Generate_NoImage_AnswersWithoutImportance()
    {
        var answer = await server.AnswerAsync(Ask("What color is the sky?"));

        Assert.Equal(0, answer.Layout.VisualTokenCount);
        Assert.Null(answer.Completed.Importance);
        Assert.Null(answer.Completed.Timings.Vision);
        Assert.InRange(answer.Completed.Scores.Decision, 0, 1);
    }

    [Fact]
    public async Task Generate_SkipGuidance_GivesTheSameAnswerAlone()
    {
        var request = Ask("What shape is black?", Samples.Image("shapes.jpg"));
        var guided = await server.AnswerAsync(request);
        request.SkipGuidance = true;
        var plain = await server.AnswerAsync(request);

        Assert.Equal(guided.Tokens.Select(t => t.Id), plain.Tokens.Select(t => t.Id));
        Assert.Null(plain.Completed.Importance);
        Assert.Null(plain.Completed.Scores);
        Assert.Null(plain.Completed.Timings.Consistency);
    }

    [Fact]
    public async Task Generate_OmitImportanceAndSkipConsistency_LeavesOnlyThoseOut()
    {
        var request = Ask("What shape is black?", Samples.Image("shapes.jpg"));
        request.OmitImportance = true;
        request.Importance = new Wire.ImportanceOptions { SkipConsistency = true };

        var completed = (await server.AnswerAsync(request)).Completed;

        Assert.Null(completed.Importance);
        Assert.True(completed.Scores.HasConfidence);
        Assert.False(completed.Scores.HasConsistency || completed.Scores.HasDecision);
    }

    [Fact]
    public async Task Generate_ImageLimits_ChangeTheTiles()
    {
        var request = Ask("What shape is black?", Samples.Image("shapes.jpg"));
        request.ImageLimits = new Wire.ImageLimits { MaxTileCount = 1 };

        var layout = (await server.AnswerAsync(request)).Layout;

        Assert.Single(layout.Images[0].Tiles);
        Assert.NotEqual(layout.Digest.VisualSha256, (await server.AnswerAsync(Ask("What shape is black?", Samples.Image("shapes.jpg")))).Layout.Digest.VisualSha256);
    }

    [Fact]
    public async Task Generate_ImportanceOptions_ChangeTheImportance()
    {
        var request = Ask("What shape is black?", Samples.Image("shapes.jpg"));
        var all = (await server.AnswerAsync(request)).Completed.Importance.Values;
        request.Importance = new Wire.ImportanceOptions { LayerFraction = 0.5, Source = Wire.ImportanceSource.Prompt, Variant = Wire.ImportanceVariant.Paper };
        var part = (await server.AnswerAsync(request)).Completed.Importance.Values;

        Assert.True(part.Sum() < all.Sum());
        Assert.All(part.Zip(all), p => Assert.True(p.First <= p.Second + 1e-4f));
    }

    [Fact]
    public async Task Generate_LengthLimit_IsTheFinishReason()
    {
        var completed = (await server.AnswerAsync(AskForLong(5))).Completed;

        Assert.Equal((Wire.FinishReason.Length, 5), (completed.FinishReason, completed.Usage.GeneratedTokenCount));
    }

    [Fact]
    public async Task Generate_ManyAtOnce_AnswerAsOneByOne()
    {
        var requests = Samples.Questions.Select(q => Ask(q.Question, Samples.Image(q.Image))).ToList();
        var alone = new List<SmallAnswer>();
        foreach (var request in requests)
        {
            alone.Add(await server.AnswerAsync(request));
        }

        // Answers of different lengths end in different steps of the same batch; several rounds make them meet in several ways.
        for (var round = 0; round < 5; round++)
        {
            var together = await Task.WhenAll(requests.Select(server.AnswerAsync));

            Assert.Equal(alone.Select(a => a.Completed.Answer), together.Select(a => a.Completed.Answer));
            Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First.Tokens.Select(t => t.Id), pair.Second.Tokens.Select(t => t.Id)));
            Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First.Completed.Scores.Decision, pair.Second.Completed.Scores.Decision, 3));
        }

        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task GetModelInfo_DemoModel_DescribesIt()
    {
        var model = (await server.Client.GetModelInfoAsync(new Wire.SmallServiceGetModelInfoRequest())).Model;

        Assert.Equal(("sgl-demo-small", "internvl_chat", 4, 128, 651), (model.Name, model.Family, model.LayerCount, model.HiddenSize, model.VocabularySize));
        Assert.NotEmpty(model.VisualLayoutKey);
        Assert.NotEmpty(model.TokenizerDigest);
        Assert.NotEmpty(model.Version);
        Assert.Equal((0, 3), (model.Stages[0].FirstLayer, model.Stages[^1].LastLayer));
        Assert.Equal((16, 1024, 2048, 64_000_000), (model.MaxImageCount, model.MaxNewTokens, model.MaxSequenceTokenCount, model.MaxImagePixels));
    }
}
