using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>A peer that speaks the small service's contract and answers by script.</summary>
internal sealed class SmallPeer : Peer
{
    private int _atOnce;

    public Wire.ModelInfo Info { get; set; } = new()
    {
        Name = "small-peer",
        Family = "peer",
        LayerCount = 6,
        VisualLayoutKey = "peer/16",
        MaxNewTokens = 256,
        MaxImageCount = 4,
        MaxImageBytes = 1 << 20,
    };

    /// <summary>Texts of the tokens.</summary>
    public string[] Tokens { get; set; } = ["for", "ty", " two"];

    public TimeSpan BeforeTokens { get; set; }

    /// <summary>What it waits for in front of its first token, e.g. that the other peer is somewhere; null: nothing.</summary>
    public Func<Task>? AnswersAfter { get; set; }

    public TimeSpan PerToken { get; set; }

    public TimeSpan AfterTokens { get; set; }

    public int VisualTokens { get; set; } = 20;

    /// <summary>Importance numbers; null: as many as visual tokens, rising, so that the last ones are the most important.</summary>
    public float[]? Importance { get; set; }

    public Func<Wire.SmallServiceGenerateRequest, Wire.ExitScores> Scores { get; set; } = _ => Decision(0.9);

    /// <summary>Ends the call with this after so many tokens.</summary>
    public (int Tokens, RpcException Status)? FailAfter { get; set; }

    public bool OmitCompleted { get; set; }

    /// <summary>Most calls that were between their layout and their first token at once.</summary>
    public int MostAtOnce { get; private set; }

    public ConcurrentQueue<Wire.SmallServiceGenerateRequest> Requests { get; } = [];

    protected override string ServiceName => "sgl.v1.SmallService";

    public static Wire.ExitScores Decision(double decision) => new() { Confidence = decision, Consistency = decision, Decision = decision, Entropy = 0.5 };

    protected override void AddService(IServiceCollection services) => services.AddSingleton(this);

    protected override void Map(WebApplication app) => app.MapGrpcService<Service>();

    private async Task CountedAsync(Task wait)
    {
        lock (Requests)
        {
            MostAtOnce = Math.Max(MostAtOnce, ++_atOnce);
        }

        try
        {
            await wait;
        }
        finally
        {
            lock (Requests)
            {
                _atOnce--;
            }
        }
    }

    private sealed class Service(SmallPeer peer) : Wire.SmallService.SmallServiceBase
    {
        public override Task<Wire.SmallServiceGetModelInfoResponse> GetModelInfo(Wire.SmallServiceGetModelInfoRequest request, ServerCallContext context) =>
            Task.FromResult(new Wire.SmallServiceGetModelInfoResponse { Model = peer.Info });

        public override Task Generate(
            Wire.SmallServiceGenerateRequest request, IServerStreamWriter<Wire.SmallServiceGenerateResponse> responseStream, ServerCallContext context)
        {
            peer.Requests.Enqueue(request);
            return peer.ServeAsync(context, () => AnswerAsync(request, responseStream, context));
        }

        private async Task AnswerAsync(
            Wire.SmallServiceGenerateRequest request, IServerStreamWriter<Wire.SmallServiceGenerateResponse> responseStream, ServerCallContext context)
        {
            var visual = request.Images.Count == 0 ? 0 : peer.VisualTokens;
            await responseStream.WriteAsync(new()
            {
                Layout = new Wire.PromptLayout
                {
                    VisualTokenCount = visual,
                    PromptTokenCount = visual + 9,
                    VisualLayoutKey = peer.Info.VisualLayoutKey,
                    Digest = new Wire.InputDigest { VisualSha256 = Google.Protobuf.ByteString.CopyFromUtf8("digest of the small model's input") },
                },
            });
            peer.Started.Release();
            await (peer.AnswersAfter?.Invoke() ?? Task.CompletedTask);
            await peer.CountedAsync(WaitAsync(peer.BeforeTokens, context));
            for (var i = 0; i < peer.Tokens.Length; i++)
            {
                if (peer.FailAfter is { } fail && fail.Tokens == i)
                {
                    throw fail.Status;
                }

                var token = new Wire.Token { Index = i, Id = 100 + i, Text = peer.Tokens[i], LogProbability = -0.1f };
                for (var k = 0; k < request.Sampling?.TopLogProbabilities; k++)
                {
                    var text = k == 0 ? Google.Protobuf.ByteString.CopyFromUtf8(peer.Tokens[i]) : Google.Protobuf.ByteString.CopyFrom(0xC3);
                    token.Alternatives.Add(new Wire.TokenAlternative { Id = 100 + i + k, Text = text, LogProbability = -0.1f * (k + 1) });
                }

                await responseStream.WriteAsync(new() { Token = token });
                await WaitAsync(peer.PerToken, context);
            }

            await WaitAsync(peer.AfterTokens, context);
            if (!peer.OmitCompleted)
            {
                await responseStream.WriteAsync(new() { Completed = Completed(request, visual) });
            }
        }

        private Wire.SmallCompleted Completed(Wire.SmallServiceGenerateRequest request, int visual)
        {
            var scores = peer.Scores(request).Clone();
            if (visual == 0)
            {
                scores.ClearConsistency();
                scores.ClearDecision();
            }

            var completed = new Wire.SmallCompleted
            {
                Answer = string.Concat(peer.Tokens).Trim(),
                FinishReason = Wire.FinishReason.Stop,
                Scores = scores,
                Usage = new Wire.Usage { PromptTokenCount = visual + 9, CachedPromptTokenCount = 11, VisualTokenCount = visual, KeptVisualTokenCount = visual, GeneratedTokenCount = peer.Tokens.Length },
                Timings = new Wire.Timings { Total = new() { Nanos = 1_000_000 } },
            };
            if (!request.OmitImportance && visual > 0)
            {
                completed.Importance = new Wire.Importance();
                completed.Importance.Values.AddRange(peer.Importance ?? [.. Enumerable.Range(0, visual).Select(i => (float)i)]);
            }

            return completed;
        }
    }
}
