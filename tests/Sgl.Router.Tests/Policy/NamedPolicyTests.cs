using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Requests;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class NamedPolicyTests : IAsyncLifetime
{
    private static readonly (string Key, string Value)[] Policies =
    [
        ("Router:Policies:0:Name", "fast"), ("Router:Policies:0:Description", "Small answers wherever they will do"), ("Router:Policies:0:Threshold", "0.3"),
        ("Router:Policies:0:Prune:0:Layer", "2"), ("Router:Policies:0:Prune:0:KeepRatio", "0.1"),
        ("Router:Policies:1:Name", "alone"), ("Router:Policies:1:Force", "Small"), ("Router:Policies:1:SkipConsistency", "true"),
        ("Router:Policies:2:Name", "careful"), ("Router:Policies:2:Force", "large"), ("Router:Policies:2:Unpruned", "true"), ("Router:Policies:2:OnLargeFailure", "Fail"),
        ("Router:Policies:2:LargeTimeout", "00:00:07"),
    ];

    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.5), Policies);

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Fact]
    public async Task List_Configured_DefaultFirstThenByNameWithWhatTheyLeaveOpenFilledIn()
    {
        var list = (await _trio.Client.ListPoliciesAsync(new())).Policies;

        Assert.Equal(["default", "alone", "careful", "fast"], list.Select(p => p.Name));
        Assert.Equal((await _trio.Client.GetInfoAsync(new())).DefaultPolicy, list[0].Policy);
        var fast = list[3];
        Assert.Equal("Small answers wherever they will do", fast.Description);
        Assert.Equal((0.3, Wire.ExitCriterion.Decision, 2, 0.1, 120), (fast.Policy.Threshold, fast.Policy.Criterion, fast.Policy.Prune.Single().Layer, fast.Policy.Prune.Single().KeepRatio, fast.Policy.LargeTimeout.Seconds));
        Assert.Equal((true, Wire.Route.Large, Wire.LargeFailurePolicy.Fail, 7L, 0.7), (list[2].Policy.Unpruned, list[2].Policy.Force, list[2].Policy.OnLargeFailure, list[2].Policy.LargeTimeout.Seconds, list[2].Policy.Threshold));
        Assert.True(list[1].Policy.Importance.SkipConsistency);
    }

    [Fact]
    public async Task List_OverHttp_TheSame()
    {
        var list = (await _trio.Http.GetFromJsonAsync<JsonNode>(At("/v1/policies")))!["data"]!.AsArray();

        Assert.Equal(["default", "alone", "careful", "fast"], list.Select(p => (string)p!["id"]!));
        Assert.Equal(0.3, (double)list[3]!["policy"]!["threshold"]!);
        Assert.Equal("large", (string?)list[2]!["policy"]!["force"]);
        var models = (await _trio.Http.GetFromJsonAsync<JsonNode>(At("/v1/models")))!["data"]!.AsArray();
        Assert.Equal(["sgl", "sgl:alone", "sgl:careful", "sgl:fast", "small-peer", "large-peer"], models.Select(m => (string)m!["id"]!));
        Assert.Equal("sgl:fast", (string?)(await _trio.Http.GetFromJsonAsync<JsonNode>(At("/v1/models/sgl:fast")))!["id"]);
    }

    [Theory]
    [InlineData("", Wire.AnswerPath.Escalated)]
    [InlineData("default", Wire.AnswerPath.Escalated)]
    [InlineData("fast", Wire.AnswerPath.Exit)]
    [InlineData("alone", Wire.AnswerPath.Exit)]
    [InlineData("careful", Wire.AnswerPath.Escalated)]
    public async Task Answer_Named_AsThePolicySays(string name, Wire.AnswerPath path) =>
        Assert.Equal(path, (await _trio.AnswerAsync(new Wire.RoutingPolicy { Name = name })).Path);

    [Fact]
    public async Task Answer_NamedWithFieldsOfItsOwn_TheyComeFirst()
    {
        var completed = await _trio.AnswerAsync(new Wire.RoutingPolicy { Name = "fast", Threshold = 0.9 });

        Assert.Equal(Wire.AnswerPath.Escalated, completed.Path);
        Assert.Equal(2, completed.Pruning.Steps.Single().Layer);
        Assert.Equal(Wire.AnswerPath.Escalated, (await _trio.AnswerAsync(new Wire.RoutingPolicy { Name = "alone", Force = Wire.Route.Large })).Path);
    }

    [Fact]
    public async Task Answer_UnknownName_RefusedByNameWithTheOnesThereAre()
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => _trio.AnswerAsync(new Wire.RoutingPolicy { Name = "quick" }));

        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        var violation = e.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>().FieldViolations.Single();
        Assert.Equal("policy.name", violation.Field);
        Assert.Contains("default, alone, careful, fast", violation.Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"sgl":{"policy":"fast"}}""", 200, "exit")]
    [InlineData("""{"model":"sgl:fast"}""", 200, "exit")]
    [InlineData("""{"model":"sgl:fast","sgl":{"policy":"fast","threshold":0.9}}""", 200, "escalated")]
    [InlineData("""{"sgl":{"policy":"careful"}}""", 200, "escalated")]
    [InlineData("""{"sgl":{"policy":"quick"}}""", 400, "sgl.policy")]
    [InlineData("""{"model":"sgl:fast","sgl":{"policy":"careful"}}""", 400, "sgl.policy")]
    [InlineData("""{"model":"sgl:quick"}""", 404, "model")]
    public async Task Post_Named_AsThePolicySays(string fields, int status, string pathOrParam)
    {
        var body = JsonNode.Parse(fields)!.AsObject();
        body["messages"] = JsonNode.Parse("""[{"role":"user","content":"q"}]""");
        using var response = await _trio.Http.PostAsJsonAsync(At("/v1/chat/completions"), body);
        var answer = (await response.Content.ReadFromJsonAsync<JsonNode>())!;

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(pathOrParam, (string?)(status == 200 ? answer["sgl"]!["path"] : answer["error"]!["param"]));
    }

    [Fact]
    public async Task PostStream_PolicyForcesTheSmallModel_ItsTokensAreTheContentAtOnce()
    {
        using var response = await _trio.Http.PostAsync(
            At("/v1/chat/completions"), JsonContent.Create(JsonNode.Parse("""{"model":"sgl:alone","stream":true,"messages":[{"role":"user","content":"q"}]}""")));
        var contents = (await response.Content.ReadAsStringAsync()).Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal))
            .Select(l => (string?)JsonNode.Parse(l["data: ".Length..])!["choices"]![0]!["delta"]!["content"]).Where(c => !string.IsNullOrEmpty(c)).ToList();

        Assert.Equal("forty two", string.Concat(contents));
        Assert.Equal(3, contents.Count);
    }

    [Fact]
    public async Task Key_HeldToAPolicy_NothingElse()
    {
        await using var guarded = await GuardedTrio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.5), null, [.. Policies, ("Access:Keys:0:Policies:0", "fast"), ("Access:Keys:1:Routes:0", "auto")]);

        Assert.Equal(Wire.AnswerPath.Exit, (await guarded.AnswerAsync(GuardedTrio.AlicesKey, new Wire.RoutingPolicy { Name = "fast" })).Path);
        foreach (var policy in new[] { null, new Wire.RoutingPolicy { Name = "careful" }, new Wire.RoutingPolicy { Name = "quick" }, new Wire.RoutingPolicy { Name = "fast", Threshold = 1 } })
        {
            Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(() => guarded.AnswerAsync(GuardedTrio.AlicesKey, policy))).StatusCode);
        }

        Assert.Equal(Wire.AnswerPath.Exit, (await guarded.AnswerAsync(GuardedTrio.BobsKey, new Wire.RoutingPolicy { Name = "fast" })).Path);
        Assert.Equal(
            StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(() => guarded.AnswerAsync(GuardedTrio.BobsKey, new Wire.RoutingPolicy { Name = "careful" }))).StatusCode);
        using var health = await guarded.Trio.Http.GetAsync(new Uri(guarded.Trio.Endpoints.Http!, "/health"));
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    [Fact]
    public void Adaptive_OfANamedPolicy_LearnsFromItsOwnRequests()
    {
        var options = new RouterOptions { Policy = { MinimumSamples = 1, Window = 10 } };
        options.Policies.Add(new NamedPolicyOptions { Name = "half", TargetExitRatio = 0.5 });
        options.Policies.Add(new NamedPolicyOptions { Name = "same" });
        var policies = new RouterPolicies(Options.Create(options));
        var half = policies.Find("half")!;

        half.Threshold.Record(WireGuidance.To(SmallPeer.Decision(0.2)));
        half.Threshold.Record(WireGuidance.To(SmallPeer.Decision(0.4)));

        Assert.True(half.IsAdaptive);
        Assert.Equal(0.4, half.Threshold.For(ExitCriterion.Decision));
        Assert.Equal(0.7, policies.Default.Threshold.For(ExitCriterion.Decision));
        Assert.Same(policies.Default.Threshold, policies.Find("same")!.Threshold);
    }

    [Fact]
    public async Task Start_Mistakes_AllReportedByKey()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Router:Small:Address"] = "http://a:1",
            ["Router:Large:Address"] = "http://b:1",
            ["Router:Policies:0:Name"] = "fa st",
            ["Router:Policies:1:Name"] = "default",
            ["Router:Policies:2:Name"] = "a",
            ["Router:Policies:3:Name"] = "a",
            ["Router:Policies:3:Criterion"] = "Entropy",
            ["Router:Policies:4:Name"] = "b",
            ["Router:Policies:4:Threshold"] = "-1",
            ["Router:Policies:4:SkipConsistency"] = "true",
            ["Router:Policies:4:Prune:0:KeepRatio"] = "2",
            ["Router:Policies:4:Unpruned"] = "true",
            ["Router:Policies:4:LargeTimeout"] = "00:00:00",
            ["Router:Policies:4:Force"] = "Medium",
            ["Router:Policies:4:Treshold"] = "1",
        };
        using var output = new StringWriter();

        Assert.Equal(ServiceRunner.BadSettings, await ServiceRunner.RunAsync(() => RouterHost.Create(settings), output).WaitAsync(TimeSpan.FromSeconds(30)));

        foreach (var wrong in new[]
        {
            "Policies:0:Name is 'fa st'", "Policies:1:Name is 'default'", "Policies:3:Name is 'a', like an earlier one", "Policies:3:Criterion is set without a threshold", "Policies:4:Threshold is -1",
            "Policies:4:SkipConsistency", "Policies:4:Prune:0 needs", "Policies:4:Prune:0:KeepRatio is 2", "Policies:4:Unpruned", "Policies:4:LargeTimeout", "Policies:4:Force is 'Medium'",
            "Policies:4:Treshold is not a setting; did you mean Router:Policies:0:Threshold?",
        })
        {
            Assert.Contains($"Router:{wrong}", output.ToString(), StringComparison.Ordinal);
        }
    }

    private Uri At(string path) => new(_trio.Endpoints.Http!, path);
}
