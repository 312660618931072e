using System.Runtime.InteropServices;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary><c>sgl.v1.SmallService</c>: checks a request, lets the engine answer it, streams what comes.</summary>
public sealed class SmallModelService(
    EngineHost host,
    RequestGate gate,
    RequestPreparer preparer,
    AnswerRunner runner,
    ExitScoreMetrics metrics,
    ITenants tenants,
    IOptions<EngineOptions> engine,
    IOptions<RequestLimits> limits,
    TimeProvider time) : Wire.SmallService.SmallServiceBase
{
    /// <inheritdoc/>
    public override async Task Generate(
        Wire.SmallServiceGenerateRequest request, IServerStreamWriter<Wire.SmallServiceGenerateResponse> responseStream, ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(responseStream);
        ArgumentNullException.ThrowIfNull(context);
        using var place = gate.Enter();
        var started = time.GetTimestamp();

        // At once, however long the queue is: a caller with several replicas takes silence for a dead one.
        await context.WriteResponseHeadersAsync([]);
        var violations = new ViolationList();
        var (importance, consistencyRatio) = ImportanceRules.Read(request.Importance, "importance", violations);
        var input = new ChatInput(request.Images, request.Messages, request.Sampling, request.ImageLimits, request.KeepPartOrder, tenants.Of(context.GetHttpContext()), ResponseFormat: request.ResponseFormat);
        using var prepared = await preparer.PrepareAsync(input, violations, context.CancellationToken);
        await Write(new() { Layout = prepared.Layout });

        // Without images there is nothing to weigh; the consistency pass then leaves nothing out, and is still a second opinion.
        var guided = !request.SkipGuidance;
        var options = new GenerationOptions
        {
            Sampling = prepared.Sampling,
            Importance = guided && prepared.Prompt.VisualTokenCount > 0 ? importance : null,
            ConsistencyRatio = guided ? consistencyRatio : null,
            Grammar = prepared.Grammar,
        };
        var logProbabilities = new List<float>();
        var result = await runner.RunAsync(prepared, options, started, WriteToken, context.CancellationToken);

        // Without the consistency pass the engine scores nothing; what follows from the tokens alone is still worth having.
        var scores = !guided ? null : result.Scores ?? ExitScores.Of(CollectionsMarshal.AsSpan(logProbabilities), [], prepared.Engine.Model.VocabularySize, []);
        ObserveScores(scores);
        ServingActivity.Tell(context.GetHttpContext(), prepared.Engine.Model.Name, result, scores);
        await Write(new() { Completed = Completed(result, scores, request.OmitImportance) });

        Task WriteToken(Wire.Token token)
        {
            logProbabilities.Add(token.LogProbability);
            return Write(new() { Token = token });
        }

        // Without a token: one that is cancelled while a message is written resets the stream, and the client would never get the status.
        Task Write(Wire.SmallServiceGenerateResponse response) => responseStream.WriteAsync(response);
    }

    /// <inheritdoc/>
    public override Task<Wire.SmallServiceGetModelInfoResponse> GetModelInfo(Wire.SmallServiceGetModelInfoRequest request, ServerCallContext context) =>
        Task.FromResult(new Wire.SmallServiceGetModelInfoResponse { Model = WireModel.From(host.Engine.Model, engine.Value, limits.Value) });

    private static Wire.SmallCompleted Completed(GenerationResult result, ExitScoreSet? scores, bool omitImportance)
    {
        var completed = new Wire.SmallCompleted
        {
            Answer = result.Text,
            FinishReason = WireResult.FinishReason(result.FinishReason),
            Scores = scores is null ? null : WireGuidance.From(scores),
            Usage = WireResult.Usage(result.Usage),
            Timings = WireResult.Timings(result.Timings),
        };
        if (result.Importance is { } values && !omitImportance)
        {
            completed.Importance = new Wire.Importance();
            completed.Importance.Values.AddRange(values);
        }

        return completed;
    }

    private void ObserveScores(ExitScoreSet? scores)
    {
        if (scores is not null)
        {
            metrics.Observe("confidence", scores.Confidence);
            metrics.Observe("consistency", scores.Consistency);
            metrics.Observe("decision", scores.Decision);
        }
    }
}
