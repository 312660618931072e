using Sgl.Guidance;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Event = Sgl.V1.AnswerResponse.EventOneofCase;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>The real services with a small model of one generation and a large one of another, or of another layout.</summary>
public sealed class GenerationPairTests
{
    private const double KeepRatio = 0.25;

    private static readonly Dictionary<string, (Action<string> Small, Action<string> Large)> Pairs = new()
    {
        ["InternVL2.5 guides InternVL3"] = (f => PairFolders.InternVl(f, third: false, 3, 1), f => PairFolders.InternVl(f, third: true, 6, 2)),
        ["InternVL3 of transformers guides InternVL3.5 of the authors"] = (f => PairFolders.Golden(f, "small-internvl3hf"), f => PairFolders.Golden(f, "large-internvl35")),
        ["InternVL3.5 of the authors guides InternVL3 of transformers"] = (f => PairFolders.Golden(f, "small-internvl35"), f => PairFolders.Golden(f, "small-internvl3hf")),
        ["Qwen2-VL guides Qwen2.5-VL"] = (f => PairFolders.Golden(f, "small-qwen2vl", qwen: true), f => PairFolders.Golden(f, "small-qwen25vl", qwen: true)),
    };

    public static TheoryData<string> Names => [.. Pairs.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Answer_PairAcrossGenerations_GuidedPrunedAndDraftedAsOneOfAGeneration(string name)
    {
        using var folder = new TemporaryFolder();
        var (small, large) = (folder.Combine("small"), folder.Combine("large"));
        Pairs[name].Small(small);
        Pairs[name].Large(large);
        var trio = new DemoTrio { Folders = (small, large) };
        await trio.InitializeAsync();
        try
        {
            var info = await trio.Client.GetInfoAsync(new());
            Assert.Equal("", info.PairingProblem);
            Assert.Equal(info.Small.VisualLayoutKey, info.Large.VisualLayoutKey);
            foreach (var layer in info.Large.PruneLayers)
            {
                await GuidedAsync(trio, layer, Samples.Image("shapes.jpg"));
            }

            await GuidedAsync(trio, info.Large.PruneLayers[^1], Samples.Image("codes.png"), Samples.Image("shapes.jpg"));
            await ExitAsync(trio);
        }
        finally
        {
            await trio.DisposeAsync();
        }
    }

    private static async Task GuidedAsync(DemoTrio trio, int layer, params Wire.Image[] images)
    {
        var request = Question(images);
        request.Policy = new Wire.RoutingPolicy { Force = Wire.Route.Large, Prune = { new Wire.PrunePoint { Layer = layer, KeepRatio = KeepRatio } } };

        var events = await trio.AskAsync(request);

        var completed = events[^1].Completed;
        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        var importance = completed.Importance.Values;
        Assert.Equal(completed.Large.Usage.VisualTokenCount, importance.Count);
        Assert.Equal(importance.Count, events.Single(e => e.EventCase == Event.Layout).Layout.Images.Sum(i => i.TokenCount));
        var step = Assert.Single(completed.Pruning.Steps);
        Assert.Equal(layer, step.Layer);
        var mask = KeepMask.FromBytes(step.Mask.Bits.Span, step.Mask.VisualTokenCount);
        Assert.Equal(KeepMask.FromImportance([.. importance], KeepRatio), mask);
        Assert.Equal(mask.Count, completed.Large.Usage.KeptVisualTokenCount);
        Assert.InRange(mask.Count, 1, importance.Count - 1);
        Assert.Equal(await trio.LargeAloneAsync(request, completed.Pruning), completed.Answer);

        request.Policy.OmitDraft = true;
        var plain = (await trio.AskAsync(request))[^1].Completed;
        Assert.Equal(plain.Answer, completed.Answer);
        Assert.True(completed.Large.Usage.DraftTokenCount > 0);
        Assert.Equal(0, plain.Large.Usage.DraftTokenCount);
    }

    private static async Task ExitAsync(DemoTrio trio)
    {
        var request = Question(Samples.Image("codes.png"));
        request.Policy = new Wire.RoutingPolicy { Force = Wire.Route.Small };
        var completed = (await trio.AskAsync(request))[^1].Completed;
        Assert.Equal(Wire.AnswerPath.Exit, completed.Path);
        Assert.NotEmpty(completed.Importance.Values);
    }

    private static Wire.AnswerRequest Question(params Wire.Image[] images)
    {
        var request = DemoTrio.Ask("What is this?", images);
        request.Sampling = new Wire.Sampling { MaxNewTokens = 8, MinNewTokens = 4 };
        return request;
    }
}
