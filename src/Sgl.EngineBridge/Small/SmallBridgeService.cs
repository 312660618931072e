using Grpc.Core;
using Sgl.EngineBridge.Internal;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>
/// <c>sgl.v1.SmallService</c> in front of a foreign engine: its answer, and exit scores from the probabilities of its tokens. There is no importance and no consistency.
/// </summary>
internal sealed class SmallBridgeService(ChatEngine engine, BridgeRequests requests, PictureShaper shaper, RequestGate gate, BridgeMetrics metrics, ExitScoreMetrics exitScores, TimeProvider time)
    : Wire.SmallService.SmallServiceBase
{
    private static readonly Wire.PicturePolicy AsTheyCame = new() { Strategy = Wire.PictureStrategy.None };

    /// <inheritdoc/>
    public override async Task Generate(
        Wire.SmallServiceGenerateRequest request, IServerStreamWriter<Wire.SmallServiceGenerateResponse> responseStream, ServerCallContext context)
    {
        using var place = gate.Enter();
        var started = time.GetTimestamp();

        // At once, however long the engine takes: a caller with several replicas takes silence for a dead one.
        await context.WriteResponseHeadersAsync([]);
        var input = new ChatInput(request.Images, request.Messages, request.Sampling, request.ImageLimits, request.KeepPartOrder, ResponseFormat: request.ResponseFormat);
        var check = requests.Check(input, new ViolationList());
        var shaped = await shaper.ShapeAsync(check, request.Images, AsTheyCame, null, "images", context.CancellationToken);
        var preprocess = time.GetElapsedTime(started);
        await responseStream.WriteAsync(new() { Layout = check.Layout });

        var question = new EngineQuestion { Turns = shaped.Turns, Sampling = request.Sampling, MaxNewTokens = check.MaxNewTokens, LogProbabilities = !request.SkipGuidance, ResponseFormat = request.ResponseFormat };
        var answer = await EngineRun.RunAsync(
            engine, question, RequestIds.Of(context), metrics, time, started, token => responseStream.WriteAsync(new() { Token = token }), context.CancellationToken);
        var scores = request.SkipGuidance ? null : Scores(answer, engine.Model);
        var usage = BridgeRequests.Usage(answer.Usage, answer.LogProbabilities.Count);
        metrics.ObserveResult(answer.Reason, usage, answer.Total);
        if (scores is not null)
        {
            exitScores.Observe("confidence", scores.Confidence);
        }

        BridgeActivity.Tell(context.GetHttpContext(), engine.Model, answer, usage, scores?.Confidence);
        await responseStream.WriteAsync(new()
        {
            Completed = new Wire.SmallCompleted
            {
                Answer = answer.Text,
                FinishReason = answer.Reason,
                Scores = scores,
                Usage = usage,
                Timings = BridgeRequests.Timings(preprocess, answer.FirstToken, answer.Total),
            },
        });
    }

    /// <inheritdoc/>
    public override Task<Wire.SmallServiceGetModelInfoResponse> GetModelInfo(Wire.SmallServiceGetModelInfoRequest request, ServerCallContext context)
    {
        var model = requests.Model();
        model.ProbabilitiesOnly = true;
        return Task.FromResult(new Wire.SmallServiceGetModelInfoResponse { Model = model });
    }

    /// <summary>The scores that probabilities give. An answer without text, or some of whose tokens have none, is one that nobody can be sure of.</summary>
    private static Wire.ExitScores Scores(EngineResult answer, string model)
    {
        if (answer.LogProbabilities.Count > 0 && answer.LogProbabilities.All(p => p is null))
        {
            throw new EngineException(Faults.Create(
                Google.Rpc.Code.FailedPrecondition, $"The engine of {model} tells no token probabilities (logprobs), so that there is no exit score.", ErrorReasons.NotReady));
        }

        var probabilities = answer.LogProbabilities.Select(p => p ?? float.NegativeInfinity).DefaultIfEmpty(float.NegativeInfinity).ToArray();
        var scores = ExitScores.Of(probabilities, [], 0, []);
        return new Wire.ExitScores { Confidence = scores.Confidence, QuantileQ1 = scores.QuantileQ1, QuantileQ2 = scores.QuantileQ2, QuantileQ3 = scores.QuantileQ3 };
    }
}
