using Grpc.Core;
using Sgl.Guidance;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

[Collection(nameof(LargeServer))]
public sealed class GenerateTests(LargeServer server)
{
    private static readonly Wire.Image Codes = Samples.Image("codes.png");

    private static Wire.LargeInput Question => Ask("What is the code in the orange box?", Codes);

    [Fact]
    public async Task Generate_Unpruned_StreamsLayoutAcceptedTokensThenTheEnd()
    {
        var answer = await server.AnswerAsync(Question, Unpruned());

        Assert.Equal(Wire.LargeServiceGenerateResponse.EventOneofCase.Layout, answer.Events[0].EventCase);
        Assert.Equal(Wire.LargeServiceGenerateResponse.EventOneofCase.Accepted, answer.Events[1].EventCase);
        Assert.Equal(Wire.LargeServiceGenerateResponse.EventOneofCase.Completed, answer.Events[^1].EventCase);
        Assert.Equal(Enumerable.Range(0, answer.Events.Count - 3), answer.Tokens.Select(t => t.Index));
        Assert.Equal((0, 1.0), (answer.Accepted!.Steps.Count, answer.Accepted.AverageRetention));
        Assert.Equal(answer.Completed!.Answer, string.Concat(answer.Tokens.Select(t => t.Text)).Trim());
        Assert.All(answer.Completed.Usage.KvLengths, n => Assert.Equal(answer.Layout!.PromptTokenCount + answer.Tokens.Count - 1, n));
    }

    [Fact]
    public async Task Generate_GuidanceLater_GetsTheLayoutBeforeIt()
    {
        using var call = server.Client.Generate();
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = Question });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        var layout = call.ResponseStream.Current.Layout;
        await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Guidance = Ranked(Rising(layout.VisualTokenCount), At(0, 0.5)) });
        var later = await ReadAsync(call);

        var atOnce = await server.AnswerAsync(Question, Ranked(Rising(layout.VisualTokenCount), At(0, 0.5)));

        Assert.Equal(atOnce.Tokens.Select(t => t.Id), later.Tokens.Select(t => t.Id));
        Assert.Equal(atOnce.Accepted, later.Accepted);
        Assert.True(later.Completed!.Usage is { } usage && usage.EncodedTileCount + usage.CachedTileCount > 0);
    }

    [Fact]
    public async Task Generate_Ranked_ShortensTheCacheFromThePruneLayerOn()
    {
        var n = (await server.AnswerAsync(Question, Unpruned())).Layout!.VisualTokenCount;
        var layers = server.Service.Engine.Model.Layers;
        var layer = server.Service.Engine.Model.PruneLayers[^1];

        var answer = await server.AnswerAsync(Question, Ranked(Rising(n), At(layer, 0.25)));

        var kept = KeepCount.Of(n, 0.25);
        var full = answer.Layout!.PromptTokenCount + answer.Tokens.Count - 1;
        Assert.Equal([kept], answer.Accepted!.KeptVisualTokenCounts);
        Assert.Equal((layer + ((layers - layer) * (double)kept / n)) / layers, answer.Accepted.AverageRetention, 9);
        Assert.Equal(kept, answer.Completed!.Usage.KeptVisualTokenCount);
        Assert.Equal(
            Enumerable.Range(0, layers).Select(l => l < layer ? full : full - n + kept), answer.Completed.Usage.KvLengths);
    }

    [Fact]
    public async Task Generate_MaskOfTheRanking_GivesTheSameAnswer()
    {
        var n = (await server.AnswerAsync(Question, Unpruned())).Layout!.VisualTokenCount;
        var ranked = await server.AnswerAsync(Question, Ranked(Rising(n), At(2, 0.3), At(0, 0.6)));
        var masks = new Wire.Guidance { Masks = new Wire.MaskGuidance(), Digest = ranked.Layout!.Digest };
        masks.Masks.Steps.AddRange(ranked.Accepted!.Steps);

        var masked = await server.AnswerAsync(Question, masks);

        Assert.Equal(ranked.Tokens, masked.Tokens);
        Assert.Equal(ranked.Accepted, masked.Accepted);
        Assert.Equal(KeepMask.FromImportance(Rising(n), 0.6).ToBytes(), masked.Accepted!.Steps[0].Mask.Bits.ToByteArray());
    }

    [Fact]
    public async Task Generate_EverythingKept_IsTheUnprunedAnswer()
    {
        var unpruned = await server.AnswerAsync(Question, Unpruned());

        var kept = await server.AnswerAsync(Question, Ranked(Rising(unpruned.Layout!.VisualTokenCount), At(2, 1)));

        Assert.Equal(unpruned.Tokens.Select(t => t.Id), kept.Tokens.Select(t => t.Id));
    }

    [Fact]
    public async Task Generate_NoImage_Answers()
    {
        var answer = await server.AnswerAsync(Ask("What color is the sky?"), Unpruned());

        Assert.Equal((0, 1.0), (answer.Layout!.VisualTokenCount, answer.Accepted!.AverageRetention));
        Assert.NotNull(answer.Completed);
    }

    [Fact]
    public async Task Generate_SeveralDevices_AnswerAsOne()
    {
        await using var split = await StartAsync(("Engine:Placement", "0-2:cpu:0,3-5:cpu:1,6-7:cpu:2"));
        var client = new Wire.LargeService.LargeServiceClient(split.Channel);
        foreach (var (image, question) in Samples.Questions.Take(4))
        {
            var input = Ask(question, Samples.Image(image));
            var n = (await server.AnswerAsync(input, Unpruned())).Layout!.VisualTokenCount;
            var guidance = Ranked(Rising(n), At(2, 0.5));

            var together = await server.AnswerAsync(input, guidance);
            var apart = await AnswerAsync(client, new Wire.LargeServiceGenerateRequest { Input = input, Guidance = guidance });

            Assert.Equal(together.Tokens.Select(t => t.Id), apart.Tokens.Select(t => t.Id));
            // The server had seen the image a moment before.
            Assert.Equal(n, together.Completed!.Usage.CachedVisualTokenCount);
            together.Completed.Usage.CachedVisualTokenCount = apart.Completed!.Usage.CachedVisualTokenCount;
            Assert.Equal(together.Completed.Usage.TileCount, together.Completed.Usage.CachedTileCount);
            (together.Completed.Usage.EncodedTileCount, together.Completed.Usage.CachedTileCount) = (apart.Completed.Usage.EncodedTileCount, apart.Completed.Usage.CachedTileCount);
            Assert.True(together.Completed.Usage.CachedPromptTokenCount > 0);
            together.Completed.Usage.CachedPromptTokenCount = apart.Completed.Usage.CachedPromptTokenCount;
            Assert.Equal(together.Completed.Usage, apart.Completed.Usage);
        }

        var stages = (await client.GetModelInfoAsync(new Wire.LargeServiceGetModelInfoRequest())).Model.Stages;
        Assert.Equal(["cpu", "cpu:1", "cpu:2"], stages.Select(s => s.Device).Distinct());
        Assert.Equal(0, stages[0].FirstLayer);
        Assert.Equal(7, stages[^1].LastLayer);
    }

    [Fact]
    public async Task Generate_ManyAtOnce_AnswerAsOneByOne()
    {
        var requests = new List<Wire.LargeServiceGenerateRequest>();
        var alone = new List<LargeAnswer>();
        foreach (var (image, question) in Samples.Questions)
        {
            var input = Ask(question, Samples.Image(image));
            var n = (await server.AnswerAsync(input, Unpruned())).Layout!.VisualTokenCount;
            requests.Add(new() { Input = input, Guidance = requests.Count % 3 == 0 ? Unpruned() : Ranked(Rising(n), At(requests.Count % 3 == 1 ? 0 : 2, 0.4)) });
            alone.Add(await AnswerAsync(server.Client, requests[^1]));
        }

        for (var round = 0; round < 3; round++)
        {
            var together = await Task.WhenAll(requests.Select(r => AnswerAsync(server.Client, r)));
            Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First.Tokens.Select(t => t.Id), pair.Second.Tokens.Select(t => t.Id)));
        }

        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task Generate_CancelMessage_EndsWithoutCompletion()
    {
        var cancel = new Wire.LargeServiceGenerateRequest { Cancel = new Wire.Cancel() };

        var later = await AnswerAsync(server.Client, new Wire.LargeServiceGenerateRequest { Input = Question }, cancel);
        var atOnce = await AnswerAsync(server.Client, new Wire.LargeServiceGenerateRequest { Input = Question, Cancel = new Wire.Cancel() });

        Assert.Equal(Wire.LargeServiceGenerateResponse.EventOneofCase.Layout, Assert.Single(later.Events).EventCase);
        Assert.Empty(atOnce.Events);
        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task Generate_CancelMessageWhileAnswering_EndsTheAnswer()
    {
        for (var i = 0; i < 10; i++)
        {
            using var call = server.Client.Generate();
            await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = AskForLong(), Guidance = Unpruned() });
            while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.Token is null)
            {
            }

            await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Cancel = new Wire.Cancel() });
            var rest = await ReadAsync(call);

            Assert.Null(rest.Completed);
            Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
            await server.Service.IdleAsync();
        }
    }

    [Fact]
    public async Task Generate_ClientGoesAway_FreesTheEngine()
    {
        using (var call = server.Client.Generate())
        {
            await call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = AskForLong(), Guidance = Unpruned() });
            while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.Token is null)
            {
            }

            Assert.NotEqual(0, server.Service.Engine.Load.Running);
        }

        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task GetModelInfo_DemoModel_ListsItsPruneLayers()
    {
        var model = (await server.Client.GetModelInfoAsync(new Wire.LargeServiceGetModelInfoRequest())).Model;

        Assert.Equal(("sgl-demo-large", 8), (model.Name, model.LayerCount));
        Assert.Equal(server.Service.Engine.Model.PruneLayers, model.PruneLayers);
        Assert.Contains(0, model.PruneLayers);
    }

    private static float[] Rising(int n) => [.. Enumerable.Range(0, n).Select(i => (float)((i * 37) % 101))];
}
