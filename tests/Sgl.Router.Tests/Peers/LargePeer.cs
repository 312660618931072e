using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>A peer that speaks the large service's contract and answers by script.</summary>
internal sealed class LargePeer : Peer
{
    public Wire.ModelInfo Info { get; set; } = new()
    {
        Name = "large-peer",
        Family = "peer",
        LayerCount = 10,
        VisualLayoutKey = "peer/16",
        MaxNewTokens = 200,
        PruneLayers = { 0, 1, 2, 4 },
        CutsTiles = true,
    };

    public string[] Tokens { get; set; } = ["for", "ty", "-two"];

    public TimeSpan BeforeTokens { get; set; }

    public TimeSpan PerToken { get; set; }

    /// <summary>Waited for before a token, by its index.</summary>
    public Func<int, CancellationToken, Task> BeforeToken { get; set; } = (_, _) => Task.CompletedTask;

    public int VisualTokens { get; set; } = 20;

    public (int Tokens, RpcException Status)? FailAfter { get; set; }

    public bool OmitCompleted { get; set; }

    /// <summary>Claims to have accepted another mask.</summary>
    public bool ChangesMasks { get; set; }

    /// <summary>Keeps one visual token more than the ranked points say.</summary>
    public bool KeepsMore { get; set; }

    /// <summary>Claims to have pruned at another layer.</summary>
    public int? PrunesAt { get; set; }

    public ConcurrentQueue<Wire.LargeInput> Inputs { get; } = [];

    public ConcurrentQueue<Wire.Guidance> Guidances { get; } = [];

    /// <summary>Released when a cancel message comes.</summary>
    public SemaphoreSlim CancelMessages { get; } = new(0);

    protected override string ServiceName => "sgl.v1.LargeService";

    protected override void AddService(IServiceCollection services) => services.AddSingleton(this);

    protected override void Map(WebApplication app) => app.MapGrpcService<Service>();

    private sealed class Service(LargePeer peer) : Wire.LargeService.LargeServiceBase
    {
        public override Task<Wire.LargeServiceGetModelInfoResponse> GetModelInfo(Wire.LargeServiceGetModelInfoRequest request, ServerCallContext context) =>
            Task.FromResult(new Wire.LargeServiceGetModelInfoResponse { Model = peer.Info });

        public override Task Generate(
            IAsyncStreamReader<Wire.LargeServiceGenerateRequest> requestStream,
            IServerStreamWriter<Wire.LargeServiceGenerateResponse> responseStream,
            ServerCallContext context) => peer.ServeAsync(context, () => ReadAsync(requestStream, responseStream, context));

        private async Task ReadAsync(
            IAsyncStreamReader<Wire.LargeServiceGenerateRequest> requestStream,
            IServerStreamWriter<Wire.LargeServiceGenerateResponse> responseStream,
            ServerCallContext context)
        {
            await requestStream.MoveNext(context.CancellationToken);
            var message = requestStream.Current;
            peer.Inputs.Enqueue(message.Input);
            var visual = message.Input.Images.Count == 0 ? 0 : peer.VisualTokens;
            await responseStream.WriteAsync(new() { Layout = new Wire.PromptLayout { VisualTokenCount = visual, PromptTokenCount = visual + 12 } });
            peer.Started.Release();
            if (message.ContinuationCase == Wire.LargeServiceGenerateRequest.ContinuationOneofCase.None)
            {
                if (!await requestStream.MoveNext(context.CancellationToken))
                {
                    return;
                }

                message = requestStream.Current;
            }

            if (message.ContinuationCase == Wire.LargeServiceGenerateRequest.ContinuationOneofCase.Cancel)
            {
                peer.CancelMessages.Release();
                return;
            }

            await AnswerAsync(message.Guidance, visual, responseStream, context);
        }

        /// <summary>As the real service does where the second half of the tokens is of tiles that stay.</summary>
        private static IEnumerable<Wire.PruneStep> Ranked(Wire.Guidance guidance, int visual, bool keepsMore)
        {
            if (guidance.Ranked is null)
            {
                yield break;
            }

            var present = guidance.Tiles is null ? visual : visual / 2;
            if (present < visual)
            {
                yield return Step(0, present);
            }

            foreach (var point in guidance.Ranked.Points.Where(p => p is { HasLayer: true, Layer: > 0 }))
            {
                yield return Step(point.Layer, Math.Min(present, (int)(visual * point.KeepRatio)) + (keepsMore ? 1 : 0));
            }

            Wire.PruneStep Step(int layer, int count) => new()
            {
                Layer = layer,
                Mask = new Wire.KeepMask { VisualTokenCount = visual, Bits = Google.Protobuf.ByteString.CopyFrom(Guidance.KeepMask.FromIndices(visual, [.. Enumerable.Range(visual - count, count)]).ToBytes()) },
            };
        }

        private async Task AnswerAsync(Wire.Guidance guidance, int visual, IServerStreamWriter<Wire.LargeServiceGenerateResponse> responseStream, ServerCallContext context)
        {
            peer.Guidances.Enqueue(guidance);
            var outcome = new Wire.PruneOutcome { AverageRetention = 1 };
            outcome.Steps.AddRange(guidance.Masks?.Steps ?? Ranked(guidance, visual, peer.KeepsMore));
            outcome.KeptVisualTokenCounts.AddRange(outcome.Steps.Select(s => s.Mask.Bits.Sum(b => System.Numerics.BitOperations.PopCount(b))));
            if (peer.PrunesAt is { } layer)
            {
                outcome.Steps[^1].Layer = layer;
            }

            if (peer.ChangesMasks)
            {
                outcome.Steps[0] = new Wire.PruneStep { Layer = outcome.Steps[0].Layer, Mask = new Wire.KeepMask { VisualTokenCount = visual } };
            }

            await responseStream.WriteAsync(new() { Accepted = outcome });
            await WaitAsync(peer.BeforeTokens, context);
            for (var i = 0; i < peer.Tokens.Length; i++)
            {
                if (peer.FailAfter is { } fail && fail.Tokens == i)
                {
                    throw fail.Status;
                }

                await peer.BeforeToken(i, context.CancellationToken);
                await responseStream.WriteAsync(new() { Token = new Wire.Token { Index = i, Id = 200 + i, Text = peer.Tokens[i] } });
                await WaitAsync(peer.PerToken, context);
            }

            if (!peer.OmitCompleted)
            {
                await responseStream.WriteAsync(new()
                {
                    Completed = new Wire.LargeCompleted
                    {
                        Answer = string.Concat(peer.Tokens).Trim(),
                        FinishReason = Wire.FinishReason.Stop,
                        Usage = new Wire.Usage
                        {
                            VisualTokenCount = visual,
                            GeneratedTokenCount = peer.Tokens.Length,
                            TileCount = visual == 0 ? 0 : 5,
                            EncodedTileCount = visual == 0 ? 0 : guidance.Tiles is null ? 5 : 2,
                            CachedTileCount = visual == 0 || guidance.Tiles is null ? 0 : 1,
                        },
                        Timings = new Wire.Timings { Total = new() { Nanos = 1_000_000 } },
                    },
                });
            }
        }
    }
}
