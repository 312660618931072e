using Grpc.Core;
using Microsoft.Extensions.Options;
using Sgl.EngineBridge.Internal;
using Sgl.Hosting;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary><c>sgl.v1.LargeService</c> in front of a foreign engine: the same contract, answered over an OpenAI-compatible API.</summary>
internal sealed class LargeBridgeService(
    ChatEngine engine,
    BridgeRequests requests,
    PictureShaper shaper,
    VisualTokenMeter meter,
    RequestGate gate,
    UnguidedInputs unguided,
    BridgeMetrics metrics,
    IOptions<BridgeOptions> options,
    IOptions<GuidanceOptions> guidanceOptions,
    TimeProvider time) : Wire.LargeService.LargeServiceBase
{
    /// <inheritdoc/>
    public override async Task Generate(
        IAsyncStreamReader<Wire.LargeServiceGenerateRequest> requestStream, IServerStreamWriter<Wire.LargeServiceGenerateResponse> responseStream, ServerCallContext context)
    {
        using var call = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        try
        {
            await AnswerAsync(new GuidedRequestReader(requestStream, time), responseStream, context, call);
        }
        finally
        {
            // Neither a read nor the engine's work may outlive the call.
            await call.CancelAsync();
        }
    }

    /// <inheritdoc/>
    public override Task<Wire.LargeServiceGetModelInfoResponse> GetModelInfo(Wire.LargeServiceGetModelInfoRequest request, ServerCallContext context)
    {
        var model = requests.Model();
        model.GuidedByPictures = true;
        return Task.FromResult(new Wire.LargeServiceGetModelInfoResponse { Model = model });
    }

    private async Task AnswerAsync(
        GuidedRequestReader client, IServerStreamWriter<Wire.LargeServiceGenerateResponse> responses, ServerCallContext context, CancellationTokenSource call)
    {
        var started = time.GetTimestamp();
        var violations = new ViolationList();
        var input = await client.ReadInputAsync(call.Token);
        using var place = gate.Enter();
        using var waiting = client.IsWhole ? null : unguided.Enter();

        // At once, however long the engine takes: a caller with several replicas takes silence for a dead one.
        await context.WriteResponseHeadersAsync([]);
        if (client.EarlyCancel)
        {
            return;
        }

        if (client.EarlyGuidance is { } early)
        {
            BridgeGuidance.CheckShape(early, engine.Model, violations);
        }

        if (input.GuidedTiles)
        {
            violations.Add("input.guided_tiles", BridgeGuidance.NoTiles(engine.Model));
        }

        var chat = new ChatInput(input.Images, input.Messages, input.Sampling, input.ImageLimits, input.KeepPartOrder, Field: "input.", ResponseFormat: input.ResponseFormat);
        var request = requests.Check(chat, violations);
        var preprocess = time.GetElapsedTime(started);
        await Write(new() { Layout = request.Layout });

        var guidance = await client.ReadGuidanceAsync(guidanceOptions.Value.Timeout, call.Token);
        waiting?.Dispose();
        if (guidance is null)
        {
            return;
        }

        if (client.EarlyGuidance is null)
        {
            started = time.GetTimestamp();
            BridgeGuidance.CheckShape(guidance, engine.Model, violations);
        }

        InputDigests.Check(BridgeGuidance.Comparable(guidance.Digest), request.Layout.Digest, "guidance.digest", violations);
        violations.ThrowIfAny();
        var plan = guidance.Pictures is { } pictures ? PictureRules.Plan(pictures, request.Layout, violations) : null;
        violations.ThrowIfAny();
        var shaping = time.GetTimestamp();
        var shaped = await shaper.ShapeAsync(request, input.Images, BridgeGuidance.Policy(guidance), plan, "input.images", call.Token);
        preprocess += time.GetElapsedTime(shaping);
        await Write(new() { Accepted = new Wire.PruneOutcome { AverageRetention = 1, Pictures = shaped.Outcome } });

        var watch = new CancelWatch(client, call);
        var question = new EngineQuestion
        {
            Turns = shaped.Turns,
            Fields = shaped.Fields,
            Sampling = input.Sampling,
            MaxNewTokens = request.MaxNewTokens,
            LogProbabilities = options.Value.LogProbabilities,
            ResponseFormat = input.ResponseFormat,
        };
        var counts = CountAsync(request, shaped, BridgeGuidance.Policy(guidance), RequestIds.Of(context));
        var answer = RunAsync(question, started, preprocess, token => Write(new() { Token = token }), counts, context, call.Token);
        if (await watch.EndsAsync(answer))
        {
            return;
        }

        await Write(new() { Completed = await answer });

        // Without a token: one that is cancelled while a message is written resets the stream, and the client would never get the status.
        Task Write(Wire.LargeServiceGenerateResponse response) => responses.WriteAsync(response);
    }

    private async Task<Wire.LargeCompleted> RunAsync(
        EngineQuestion question, long started, TimeSpan preprocess, Func<Wire.Token, Task> onToken, Task<(int? Whole, int? Sent)> counts, ServerCallContext context,
        CancellationToken cancellationToken)
    {
        var answer = await EngineRun.RunAsync(engine, question, RequestIds.Of(context), metrics, time, started, onToken, cancellationToken);
        var usage = BridgeRequests.Usage(answer.Usage, answer.LogProbabilities.Count);
        var (whole, sent) = await counts.WaitAsync(cancellationToken);
        (usage.VisualTokenCount, usage.KeptVisualTokenCount) = (whole ?? 0, sent ?? 0);
        metrics.ObserveResult(answer.Reason, usage, answer.Total);
        BridgeActivity.Tell(context.GetHttpContext(), engine.Model, answer, usage, score: null);
        return new Wire.LargeCompleted
        {
            Answer = answer.Text,
            FinishReason = answer.Reason,
            Usage = usage,
            Timings = BridgeRequests.Timings(preprocess, answer.FirstToken, answer.Total),
        };
    }

    private async Task<(int? Whole, int? Sent)> CountAsync(CheckedRequest request, ShapedRequest shaped, Wire.PicturePolicy policy, string correlationId)
    {
        var whole = await meter.CountAsync([.. request.Layout.Images.Select(i => (i.Width, i.Height))], default, [], correlationId);
        var sent = await meter.CountAsync(
            [.. shaped.Outcome.Pictures.Select(p => (p.Width, p.Height))], shaped.Hints, shaped.Fields, correlationId);
        return (whole, sent);
    }
}
