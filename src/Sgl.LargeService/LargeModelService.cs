using Grpc.Core;
using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>
/// <c>sgl.v1.LargeService</c>: takes an input, encodes its images while guidance is awaited, lets the engine answer under the guidance, streams what
/// comes.
/// </summary>
public sealed partial class LargeModelService(
    EngineHost host,
    RequestGate gate,
    UnguidedInputs unguided,
    RequestPreparer preparer,
    AnswerRunner runner,
    DiverseTokens diverse,
    ITenants tenants,
    IOptions<EngineOptions> engine,
    IOptions<RequestLimits> limits,
    IOptions<GuidanceOptions> guidanceOptions,
    ILogger<LargeModelService> logger,
    TimeProvider time) : Wire.LargeService.LargeServiceBase
{
    /// <inheritdoc/>
    public override async Task Generate(
        IAsyncStreamReader<Wire.LargeServiceGenerateRequest> requestStream,
        IServerStreamWriter<Wire.LargeServiceGenerateResponse> responseStream,
        ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(requestStream);
        ArgumentNullException.ThrowIfNull(responseStream);
        ArgumentNullException.ThrowIfNull(context);
        using var call = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var client = new GuidedRequestReader(requestStream, time);
        try
        {
            await AnswerAsync(client, responseStream, context, call);
        }
        finally
        {
            // Nothing that was begun for this call, an encoding or a read, may outlive it.
            await call.CancelAsync();
        }
    }

    /// <inheritdoc/>
    public override Task<Wire.LargeServiceGetModelInfoResponse> GetModelInfo(Wire.LargeServiceGetModelInfoRequest request, ServerCallContext context) =>
        Task.FromResult(new Wire.LargeServiceGetModelInfoResponse { Model = WireModel.From(host.Engine.Model, engine.Value, limits.Value) });

    private async Task AnswerAsync(
        GuidedRequestReader client, IServerStreamWriter<Wire.LargeServiceGenerateResponse> responses, ServerCallContext context, CancellationTokenSource call)
    {
        var model = host.Engine.Model;
        var started = time.GetTimestamp();
        var violations = new ViolationList();
        var input = await client.ReadInputAsync(call.Token);
        using var place = gate.Enter();
        using var waiting = client.IsWhole ? null : unguided.Enter();

        // At once, however long the queue is: a caller with several replicas takes silence for a dead one.
        await context.WriteResponseHeadersAsync([]);
        if (client.EarlyCancel)
        {
            return;
        }

        if (client.EarlyGuidance is { } early)
        {
            GuidanceReader.CheckShape(early, model, violations);
        }

        var chat = new ChatInput(input.Images, input.Messages, input.Sampling, input.ImageLimits, input.KeepPartOrder, tenants.Of(context.GetHttpContext()), "input.", input.ResponseFormat);
        using var prepared = await preparer.PrepareAsync(chat, violations, call.Token);
        await Write(new() { Layout = prepared.Layout });

        if (client.EarlyGuidance is null)
        {
            BeginEncoding(prepared, input.GuidedTiles, call.Token);
        }

        var guidance = await client.ReadGuidanceAsync(guidanceOptions.Value.Timeout, call.Token);
        waiting?.Dispose();
        if (guidance is null)
        {
            return;
        }

        if (client.EarlyGuidance is null)
        {
            started = time.GetTimestamp();
            GuidanceReader.CheckShape(guidance, model, violations);
            violations.ThrowIfAny();
        }

        InputDigests.Check(guidance.Digest, prepared.Layout.Digest, "guidance.digest", violations);
        var plan = GuidanceReader.Read(guidance, model, prepared.Prompt.VisualTokenCount, violations, prepared.Prompt.Tiles);
        var draft = DraftReader.Read(guidance.Draft, model, violations);
        violations.ThrowIfAny();
        var watch = new CancelWatch(client, call);
        if (guidance.Ranked is { HasDiversityWeight: true } ranked)
        {
            var choice = diverse.PlanAsync(prepared, ranked, plan, call.Token);
            if (await watch.EndsAsync(choice))
            {
                return;
            }

            plan = await choice;
        }

        await Write(new() { Accepted = WirePruning.Outcome(plan, model.Layers) });

        var options = new GenerationOptions { Sampling = prepared.Sampling, Plan = plan, Draft = draft, Grammar = prepared.Grammar };
        var answer = runner.RunAsync(prepared, options, started, token => Write(new() { Token = token }), call.Token);
        if (await watch.EndsAsync(answer))
        {
            return;
        }

        var result = await answer;
        ServingActivity.Tell(context.GetHttpContext(), model.Name, result, scores: null);
        if (result.Usage.LeftOutTiles > 0)
        {
            LogTiles(RequestIds.Of(context), result.Usage.Tiles, result.Usage.EncodedTiles, result.Usage.CachedTiles, result.Usage.LeftOutTiles);
        }

        await Write(new() { Completed = Completed(result) });

        // Without a token: one that is cancelled while a message is written resets the stream, and the client would never get the status.
        Task Write(Wire.LargeServiceGenerateResponse response) => responses.WriteAsync(response);
    }

    /// <summary>
    /// What will be needed whatever the guidance says is encoded while that is awaited: all tiles, or those that guided tiles always keep. Generation awaits the
    /// same run.
    /// </summary>
    private static void BeginEncoding(PreparedRequest prepared, bool guidedTiles, CancellationToken cancellationToken)
    {
        var tiles = prepared.Prompt.Tiles;
        var overviews = tiles.Overviews();
        var encoding = guidedTiles && overviews.Contains(false)
            ? prepared.Engine.EncodeAsync(prepared.Prompt, tiles.TokensOf(overviews), cancellationToken) // kept rows are of no use to a prompt without some of its tiles
            : prepared.Engine.EncodeAheadAsync(prepared.Prompt, null, cancellationToken);
        encoding.ObserveFailure();
    }

    [LoggerMessage(EventId = 1, EventName = "TilesLeftOut", Level = LogLevel.Debug, Message = "{RequestId}: of {Tiles} tiles {Encoded} were encoded, {Cached} known, {LeftOut} left out.")]
    private partial void LogTiles(string requestId, int tiles, int encoded, int cached, int leftOut);

    private static Wire.LargeCompleted Completed(GenerationResult result) => new()
    {
        Answer = result.Text,
        FinishReason = WireResult.FinishReason(result.FinishReason),
        Usage = WireResult.Usage(result.Usage),
        Timings = WireResult.Timings(result.Timings),
    };
}
