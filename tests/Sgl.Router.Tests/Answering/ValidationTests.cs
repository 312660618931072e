using Google.Rpc;
using Grpc.Core;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class ValidationTests : IAsyncLifetime
{
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync();

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    public static TheoryData<string, Action<Wire.AnswerRequest>> Mistakes() => new()
    {
        { "messages", r => r.Messages.Clear() },
        { "messages[0].role", r => r.Messages[0].Role = Wire.ChatRole.Unspecified },
        { "messages[0].role", r => r.Messages[0].Role = (Wire.ChatRole)77 },
        { "messages[0].role", r => r.Messages[0].Role = Wire.ChatRole.Assistant },
        {
            "messages[2].role", r =>
            {
                r.Messages.Add(new Wire.ChatMessage { Role = Wire.ChatRole.Assistant });
                r.Messages.Add(new Wire.ChatMessage { Role = Wire.ChatRole.System, Parts = { new Wire.ChatPart { Text = "x" } } });
            }
        },
        { "messages", r => r.Messages.Add(Enumerable.Repeat(r.Messages[0], 1024)) },
        { "messages[0].parts", r => r.Messages[0].Parts.Clear() },
        { "messages[0].parts", r => r.Messages[0].Parts[0].Text = " \n" },
        { "messages[0].parts[1]", r => r.Messages[0].Parts.Add(new Wire.ChatPart()) },
        { "messages[0].parts[1].image_index", r => r.Messages[0].Parts.Add(new Wire.ChatPart { ImageIndex = 1 }) },
        { "messages[0].parts[1].image_index", r => r.Messages[0].Parts.Add(new Wire.ChatPart { ImageIndex = -1 }) },
        {
            "messages[0].parts[2].image_index", r =>
            {
                r.Messages[0].Parts.Add(new Wire.ChatPart { ImageIndex = 0 });
                r.Messages[0].Parts.Add(new Wire.ChatPart { ImageIndex = 0 });
            }
        },
        { "images[0].data", r => r.Images[0].Data = Google.Protobuf.ByteString.Empty },
        { "images[0].data", r => r.Images[0].Data = Google.Protobuf.ByteString.CopyFrom(new byte[(1 << 20) + 1]) },
        { "images", r => r.Images.Add(Enumerable.Repeat(r.Images[0], 4)) },
        { "sampling.max_new_tokens", r => r.Sampling = new Wire.Sampling { MaxNewTokens = 0 } },
        { "sampling.max_new_tokens", r => r.Sampling = new Wire.Sampling { MaxNewTokens = 201 } },
        { "sampling.min_new_tokens", r => r.Sampling = new Wire.Sampling { MaxNewTokens = 5, MinNewTokens = 6 } },
        { "sampling.temperature", r => r.Sampling = new Wire.Sampling { Temperature = float.NaN } },
        { "sampling.top_p", r => r.Sampling = new Wire.Sampling { TopP = 0 } },
        { "sampling.top_k", r => r.Sampling = new Wire.Sampling { TopK = -1 } },
        { "sampling.stop[0]", r => r.Sampling = new Wire.Sampling { Stop = { "" } } },
        { "sampling.stop", r => r.Sampling = new Wire.Sampling { Stop = { Enumerable.Repeat("x", 17) } } },
        { "image_limits.max_tile_count", r => r.ImageLimits = new Wire.ImageLimits { MinTileCount = 5, MaxTileCount = 4 } },
        { "image_limits.min_pixels", r => r.ImageLimits = new Wire.ImageLimits { MinPixels = 0 } },
        { "policy.threshold", r => r.Policy = new Wire.RoutingPolicy { Threshold = double.NaN } },
        { "policy.threshold", r => r.Policy = new Wire.RoutingPolicy { Threshold = -0.1 } },
        { "policy.threshold", r => r.Policy = new Wire.RoutingPolicy { Criterion = Wire.ExitCriterion.Entropy } },
        { "policy.criterion", r => r.Policy = new Wire.RoutingPolicy { Criterion = (Wire.ExitCriterion)99 } },
        { "policy.force", r => r.Policy = new Wire.RoutingPolicy { Force = (Wire.Route)9 } },
        { "policy.on_large_failure", r => r.Policy = new Wire.RoutingPolicy { OnLargeFailure = (Wire.LargeFailurePolicy)9 } },
        { "policy.large_timeout", r => r.Policy = new Wire.RoutingPolicy { LargeTimeout = new() } },
        { "policy.large_timeout", r => r.Policy = new Wire.RoutingPolicy { LargeTimeout = new() { Seconds = 1, Nanos = -5 } } },
        { "policy.unpruned", r => r.Policy = new Wire.RoutingPolicy { Unpruned = true, Prune = { new Wire.PrunePoint { Layer = 1, KeepRatio = 0.5 } } } },
        { "policy.prune[0]", r => r.Policy = new Wire.RoutingPolicy { Prune = { new Wire.PrunePoint { KeepRatio = 0.5 } } } },
        { "policy.prune[0].keep_ratio", r => r.Policy = new Wire.RoutingPolicy { Prune = { new Wire.PrunePoint { Layer = 1 } } } },
        { "policy.prune[0].keep_ratio", r => r.Policy = new Wire.RoutingPolicy { Prune = { new Wire.PrunePoint { Layer = 1, KeepRatio = double.NaN } } } },
        { "policy.prune[0].layer", r => r.Policy = new Wire.RoutingPolicy { Prune = { new Wire.PrunePoint { Layer = 3, KeepRatio = 0.5 } } } },
        { "policy.prune[0].layer_fraction", r => r.Policy = new Wire.RoutingPolicy { Prune = { new Wire.PrunePoint { LayerFraction = 1.1, KeepRatio = 0.5 } } } },
        {
            "policy.prune[1].keep_ratio", r => r.Policy = new Wire.RoutingPolicy
            {
                Prune = { new Wire.PrunePoint { Layer = 1, KeepRatio = 0.2 }, new Wire.PrunePoint { Layer = 4, KeepRatio = 0.3 } },
            }
        },
        {
            "policy.prune[1]", r => r.Policy = new Wire.RoutingPolicy
            {
                Prune = { new Wire.PrunePoint { Layer = 1, KeepRatio = 0.2 }, new Wire.PrunePoint { LayerFraction = 0.1, KeepRatio = 0.2 } },
            }
        },
        { "policy.importance.layer_fraction", r => r.Policy = new Wire.RoutingPolicy { Importance = new Wire.ImportanceOptions { LayerFraction = 0 } } },
        { "policy.importance.consistency_ratio", r => r.Policy = new Wire.RoutingPolicy { Importance = new Wire.ImportanceOptions { ConsistencyRatio = 2 } } },
        { "policy.importance.source", r => r.Policy = new Wire.RoutingPolicy { Importance = new Wire.ImportanceOptions { Source = (Wire.ImportanceSource)50 } } },
        { "policy.importance.skip_consistency", r => r.Policy = new Wire.RoutingPolicy { Importance = new Wire.ImportanceOptions { SkipConsistency = true } } },
    };

    [Fact]
    public async Task Answer_OneMistake_RefusedWithItsFieldAndNobodyIsAsked()
    {
        foreach (var row in Mistakes())
        {
            var (field, spoil) = ((string)row[0], (Action<Wire.AnswerRequest>)row[1]);
            var request = Trio.Request();
            spoil(request);

            var error = await Assert.ThrowsAsync<RpcException>(() => _trio.AskAsync(request));

            Assert.True(error.StatusCode == StatusCode.InvalidArgument, $"{field}: {error.Status}");
            var violation = Assert.Single(error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations);
            Assert.Equal(field, violation.Field);
            Assert.NotEmpty(violation.Description);
        }

        Assert.Equal(0, _trio.Small.Calls);
        Assert.Equal(Wire.AnswerPath.Exit, (await _trio.AnswerAsync()).Path);
        Assert.Equal(0, await _trio.MetricAsync("sgl_requests_total", "path=\"failed\""));
    }

    [Fact]
    public async Task Answer_SeveralMistakes_AllAreTold()
    {
        var request = Trio.Request(new() { Threshold = double.NaN, Prune = { new Wire.PrunePoint { Layer = 3, KeepRatio = 0.5 } } });
        request.Messages[0].Parts[0].Text = "";
        request.Images[0].Data = Google.Protobuf.ByteString.Empty;

        var error = await Assert.ThrowsAsync<RpcException>(() => _trio.AskAsync(request));

        var violations = error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations;
        Assert.Equal(["images[0].data", "messages[0].parts", "policy.threshold", "policy.prune[0].layer"], violations.Select(v => v.Field));
        Assert.Equal("3 is not a prune layer of large-peer; use one of 0, 1, 2, 4", violations[3].Description);
    }

    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(0.19, 1)]
    [InlineData(0.3, 4)]
    [InlineData(0.9, 4)]
    [InlineData(1.0, null)]
    public async Task Answer_LayerFraction_NearestPruneLayerAndOneNeverPrunes(double fraction, int? layer)
    {
        await _trio.AnswerAsync(new() { Threshold = 2, Prune = { new Wire.PrunePoint { LayerFraction = fraction, KeepRatio = 0.5 } } });

        Assert.True(_trio.Large.Guidances.TryDequeue(out var guidance));
        Assert.Equal(layer, guidance.Masks?.Steps.Single().Layer);
    }
}
