using System.Text.Json.Nodes;
using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>A small model here, a large one behind HTTP; and a cascade of two foreign engines.</summary>
[Collection(nameof(OwnEndpoint))]
public sealed class EndToEndTests(OwnEndpoint own)
{
    private static readonly (string Key, string Value) Never = ("Router:Policy:Threshold", "2");
    private static readonly (string Key, string Value) Always = ("Router:Policy:Threshold", "0");
    private static readonly (string Key, string Value) Confidence = ("Router:Policy:Criterion", "Confidence");

    private static Wire.AnswerRequest Question(Wire.RoutingPolicy? policy = null) => new()
    {
        Images = { Samples.Image("codes.png") },
        Messages = { Chats.User("What is the code in the orange box?") },
        Policy = policy,
    };

    [Fact]
    public async Task Answer_ScoreReached_ExitsAndTheEngineIsNotAsked()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Always);

        Assert.Equal(Wire.AnswerPath.Exit, (await cascade.AskAsync(Question())).Path);
        Assert.Empty(engine.Questions);
    }

    [Fact]
    public async Task Answer_ScoreBelow_IsTheEngines()
    {
        await using var bridge = await own.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Never);

        var completed = await cascade.AskAsync(Question());

        Assert.Equal((Wire.AnswerPath.Escalated, OwnEndpoint.LargeModel), (completed.Path, completed.Large.Model));
        Assert.Equal(completed.Answer, completed.Large.Answer);
        Assert.NotEmpty(completed.Answer);
        Assert.Equal(Wire.PictureStrategy.None, completed.Pruning.Pictures.Strategy);
    }

    [Fact]
    public async Task Answer_EngineGoesDown_IsDegradedUntilItIsBack()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Never);
        Assert.Equal("The answer is 42.", (await cascade.AskAsync(Question())).Answer);

        await engine.StopAsync();
        var degraded = await cascade.AskAsync(Question());

        Assert.Equal((Wire.AnswerPath.Degraded, Wire.RoutingReason.LargeUnavailable), (degraded.Path, degraded.Reason));
        Assert.Equal(degraded.Small.Answer, degraded.Answer);
        await engine.RestartAsync();
        for (var i = 0; (await cascade.AskAsync(Question())).Path != Wire.AnswerPath.Escalated; i++)
        {
            Assert.True(i < 600, "The engine is back, and not asked after a minute.");
            await Task.Delay(100);
        }
    }

    [Fact]
    public async Task Answer_EngineIsFull_SaysSo()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync(("Bridge:Retries", "0"));
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Never, ("Router:Retry:MaxAttempts", "1"));
        engine.Script.Enqueue(ScriptedEngine.Error(429, "later", ("Retry-After", "9")));

        Assert.Equal((Wire.AnswerPath.Degraded, Wire.RoutingReason.LargeOverloaded), await PathAsync(cascade.AskAsync(Question())));
    }

    [Fact]
    public async Task Answer_ClientLeaves_TheEngineSeesIt()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Never);
        engine.Script.Enqueue(ScriptedEngine.HangAsync);
        using (var call = cascade.Client.Answer(Question()))
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None) && call.ResponseStream.Current.LargeToken is null)
            {
            }
        }

        Assert.True(await engine.Gone.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Answer_CropsByPolicy_AreCutWhereTheSmallModelLooked()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(
            own.Small, bridge, Never, ("Router:Policy:Pictures:Strategy", "Crops"), ("Router:Policy:Pictures:OverviewSide", "112"), ("Router:Policy:Pictures:Coverage", "0.5"));

        var pictures = (await cascade.AskAsync(Question())).Pruning.Pictures;

        Assert.Equal(Wire.PictureStrategy.Crops, pictures.Strategy);
        Assert.InRange(pictures.CoveredShare, 0.5, 1);
        Assert.Equal(Wire.PictureKind.Overview, pictures.Pictures[0].Kind);
        Assert.True(pictures.Pictures.Count > 1);
        Assert.Equal(pictures.Pictures.Count, engine.Questions.Single()["messages"]![0]!["content"]!.AsArray().Count(p => p!["image_url"] is not null));
    }

    [Fact]
    public async Task Answer_PruneForAnEngineThatCannot_IsRefusedByName()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Never);

        var failure = await Failure.OfAsync(() => cascade.AskAsync(Question(new() { Prune = { new Wire.PrunePoint { Layer = 2, KeepRatio = 0.5 } } })));

        Assert.Equal((StatusCode.InvalidArgument, "PRUNE_LAYER_UNAVAILABLE"), (failure.Code, failure.Reason));
        Assert.Contains("scripted/vlm-72b", failure.Violations.Single().Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PrunePointsForAnEngineThatCannot_AreToldToBeIdle()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var configured = await Cascade.StartAsync(own.Small, bridge, Never, ("Router:Policy:Prune:0:Layer", "2"), ("Router:Policy:Prune:0:KeepRatio", "0.5"));
        await using var builtIn = await Cascade.StartAsync(own.Small, bridge, Never);
        await configured.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));
        await builtIn.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Contains("prune points of policy default are not used: scripted/vlm-72b runs in a foreign engine", await configured.ReadyAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("not used", await builtIn.ReadyAsync(), StringComparison.Ordinal);
        Assert.Empty((await configured.AskAsync(Question())).Pruning.Steps);
    }

    [Fact]
    public async Task Start_PicturesForAModelThatPrunes_AreToldToBeIdle()
    {
        await using var cascade = await Cascade.StartAsync(own.Small, own.Large, Never, ("Router:Policy:Pictures:Strategy", "Crops"));
        await cascade.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Contains("pictures of policy default are not used: sgl-demo-large", await cascade.ReadyAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_PicturesOverHttp_ReachTheEngine()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(own.Small, bridge, Never);
        var url = "data:image/png;base64," + Samples.Image("codes.png").Data.ToBase64();
        var body = (string pictures) => JsonNode.Parse($$$"""
            {"messages":[{"role":"user","content":[{"type":"text","text":"Why?"},{"type":"image_url","image_url":{"url":"{{{url}}}"}}]}],"sgl":{"include":["pruning"],"pictures":{{{pictures}}}}}
            """)!;

        var crops = await cascade.PostAsync(body("""{"strategy":"crops","crops":{"overview_side":112,"coverage":0.5}}"""));
        var budget = await cascade.PostAsync(body("""{"strategy":"budget","budget":{"resize_pixels":12544}}"""));
        var wrong = await cascade.PostAsync(body("""{"strategy":"crops","crops":{"coverage":2,"grids":1}}"""));

        var pictures = crops["sgl"]!["pruning"]!["pictures"]!;
        Assert.Equal("crops", (string?)pictures["strategy"]);
        Assert.InRange((double)pictures["covered_share"]!, 0.5, 1);
        Assert.Equal(("overview", "part"), ((string?)pictures["sent"]![0]!["kind"], (string?)pictures["sent"]![1]!["kind"]));
        var whole = Assert.Single(budget["sgl"]!["pruning"]!["pictures"]!["sent"]!.AsArray())!;
        Assert.Equal(("whole", true), ((string?)whole["kind"], (int)whole["width"]! * (int)whole["height"]! <= 12_544 * 1.05));
        Assert.Contains("sgl.pictures.crops.grids: is not a field; did you mean grid?", (string?)wrong["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_PicturesForAModelThatPrunes_AreRefusedByName()
    {
        await using var cascade = await Cascade.StartAsync(own.Small, own.Large, Never);

        var failure = await Failure.OfAsync(() => cascade.AskAsync(Question(new() { Pictures = new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.Crops } })));

        Assert.Equal(["policy.pictures"], failure.Fields);
    }

    [Fact]
    public async Task Answer_TwoForeignEngines_ConfidenceDecides()
    {
        await using var small = await Bridges.StartAsync(own.Address, OwnEndpoint.SmallModel, ("Bridge:Role", "Small"));
        await using var large = await own.BridgeAsync();
        await using var cascade = await Cascade.StartAsync(small, large, Confidence);

        var exit = await cascade.AskAsync(Question(new() { Threshold = 0 }));
        var escalated = await cascade.AskAsync(Question(new() { Threshold = 2 }));

        Assert.Equal((Wire.AnswerPath.Exit, OwnEndpoint.SmallModel), (exit.Path, exit.Small.Model));
        Assert.Equal((Wire.AnswerPath.Escalated, OwnEndpoint.LargeModel), (escalated.Path, escalated.Large.Model));
        Assert.Null(exit.Importance);
    }

    [Fact]
    public async Task Answer_ForeignSmallModel_ScoreIsTheProbabilityOfItsTokens()
    {
        await using var small = await Bridges.StartAsync(own.Address, OwnEndpoint.SmallModel, ("Bridge:Role", "Small"));
        var service = new Wire.SmallService.SmallServiceClient(small.Channel);
        var request = new Wire.SmallServiceGenerateRequest { Images = { Samples.Image("codes.png") }, Messages = { Chats.User("What is the code in the orange box?") } };

        var (tokens, completed) = await AskAsync(service, request);
        var (_, plain) = await AskAsync(service, new(request) { SkipGuidance = true });

        Assert.Equal(Math.Exp(tokens.Average(t => (double)t.LogProbability)), completed.Scores.Confidence, 5);
        Assert.False(completed.Scores.HasConsistency || completed.Scores.HasDecision || completed.Scores.HasEntropy);
        Assert.Null(completed.Importance);
        Assert.Null(plain.Scores);
    }

    [Fact]
    public async Task Start_ForeignSmallModelWithTheDefaultCriterion_IsRefusedByName()
    {
        await using var small = await Bridges.StartAsync(own.Address, OwnEndpoint.SmallModel, ("Bridge:Role", "Small"));
        await using var cascade = await Cascade.BeginAsync(small, own.Large);

        await UntilNotServingAsync(cascade, "decision cannot be had, since sgl-demo-small runs in a foreign engine");
    }

    [Fact]
    public async Task Start_ForeignSmallModelAndCrops_IsRefusedByName()
    {
        await using var small = await Bridges.StartAsync(own.Address, OwnEndpoint.SmallModel, ("Bridge:Role", "Small"));
        await using var large = await own.BridgeAsync();
        await using var cascade = await Cascade.BeginAsync(small, large, Confidence, ("Router:Policy:Pictures:Strategy", "Crops"));

        await UntilNotServingAsync(cascade, "crops cannot be made, since sgl-demo-small runs in a foreign engine");
    }

    [Fact]
    public async Task Start_SmallEngineWithoutProbabilities_IsRefusedByName()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var small = await Bridges.BeginAsync(engine.Address, ScriptedEngine.Model, [("Bridge:Role", "Small")]);

        for (var i = 0; EngineBridgeHost.Unusable(small.App.Services).Length == 0; i++)
        {
            Assert.True(i < 1200, $"Health says '{small.Health.Reason}' after a minute.");
            await Task.Delay(50);
        }

        Assert.Contains("tells no token probabilities (logprobs)", EngineBridgeHost.Unusable(small.App.Services), StringComparison.Ordinal);
        Assert.False(small.Health.IsServing);
    }

    private static async Task UntilNotServingAsync(Cascade cascade, string reason)
    {
        for (var i = 0; !cascade.Health.Reason.Contains(reason, StringComparison.Ordinal); i++)
        {
            Assert.True(i < 1200, $"Health says '{cascade.Health.Reason}' after a minute.");
            await Task.Delay(50);
        }
    }

    private static async Task<(Wire.AnswerPath, Wire.RoutingReason)> PathAsync(Task<Wire.AnswerCompleted> answer) => (await answer) is var a ? (a.Path, a.Reason) : default;

    private static async Task<(List<Wire.Token> Tokens, Wire.SmallCompleted Completed)> AskAsync(Wire.SmallService.SmallServiceClient client, Wire.SmallServiceGenerateRequest request)
    {
        var (tokens, completed) = (new List<Wire.Token>(), new Wire.SmallCompleted());
        using var call = client.Generate(request);
        await foreach (var e in call.ResponseStream.ReadAllAsync())
        {
            completed = e.Completed ?? completed;
            if (e.Token is not null)
            {
                tokens.Add(e.Token);
            }
        }

        return (tokens, completed);
    }
}
