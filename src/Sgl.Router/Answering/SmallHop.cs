using System.Diagnostics;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>What the small model gave.</summary>
/// <param name="Layout">The prompt as it sees it.</param>
/// <param name="Completed">Answer, importance, scores.</param>
/// <param name="TokenIds">Generated ids, the end token included.</param>
internal sealed record SmallAnswer(Wire.PromptLayout Layout, Wire.SmallCompleted Completed, IReadOnlyList<int> TokenIds);

/// <summary>Asks the small model.</summary>
internal sealed class SmallHop
{
    private readonly Backends _backends;
    private readonly RetryLoop _retry;
    private readonly RouterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<SmallHop> _logger;

    public SmallHop(Backends backends, IOptions<RouterOptions> options, RouterMetrics metrics, TimeProvider time, ILogger<SmallHop> logger)
    {
        (_backends, _metrics, _time, _logger) = (backends, metrics, time, logger);
        _retry = new RetryLoop(backends.Small, options.Value.Retry, metrics, time, logger);
    }

    /// <summary><c>small</c>, for metrics.</summary>
    public string Name => _backends.Small.Name;

    /// <summary>Takes a place at a replica, before anything is done for the request; null where none serves. One that does not fit means that all are full.</summary>
    public ReplicaLease? Reserve() => _backends.Small.Pick(new HashSet<Replica>());

    /// <summary>Asks, and tells layout and tokens as they come.</summary>
    /// <param name="request">The question.</param>
    /// <param name="place">Where the first try goes; null: to the best replica.</param>
    /// <param name="call">The request.</param>
    /// <param name="onLayout">Gets the prompt as the small model sees it.</param>
    /// <param name="onToken">Gets each token.</param>
    /// <exception cref="HopException">There is no answer.</exception>
    /// <exception cref="OperationCanceledException">The request ended.</exception>
    public async Task<SmallAnswer> AskAsync(
        Wire.SmallServiceGenerateRequest request, ReplicaLease? place, AnswerCall call, Func<Wire.PromptLayout, Task> onLayout, Func<Wire.Token, Task> onToken)
    {
        using var activity = RouterActivity.Hop();
        var started = _time.GetTimestamp();
        using var limit = new CancellationTokenSource(_backends.Small.Options.Timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken, limit.Token);
        Wire.PromptLayout? told = null;
        var shown = new ShownTokens(_backends.Small.Name, call.RequestId);
        try
        {
            return await _retry.RunAsync(
                new HopCall(call.RequestId, request.CalculateSize(), ShownTokens.CanBeMadeAgain(request.Sampling), place), AttemptAsync, both.Token);
        }
        catch (Exception e) when (HopErrors.IsTheClients(e, limit.IsCancellationRequested, call, _time.GetUtcNow()))
        {
            throw e is ClientGoneException or OperationCanceledException ? e : new OperationCanceledException("The request ended.", e);
        }
        catch (Exception e)
        {
            var hop = HopErrors.From(_backends.Small.Name, e, limit.IsCancellationRequested, _backends.Small.Options.Timeout, call, _time.GetUtcNow());
            RouterLog.HopEnded(_logger, e, hop, _backends.Small.Name, call.RequestId);
            activity?.SetStatus(ActivityStatusCode.Error, hop.Message);
            throw hop;
        }
        finally
        {
            _metrics.ObserveHop(_backends.Small.Name, _time.GetElapsedTime(started));
        }

        async Task<SmallAnswer> AttemptAsync(Attempt attempt)
        {
            RouterActivity.Tell(activity, attempt);
            var remaining = _backends.Small.Options.Timeout - _time.GetElapsedTime(started);
            using var stream = new Wire.SmallService.SmallServiceClient(attempt.Replica.Calls).Generate(request, call.ToHop(remaining, _time, attempt.Token));
            await attempt.RespondedAsync(stream.ResponseHeadersAsync);
            Wire.PromptLayout? layout = null;
            var ids = new List<int>();
            await foreach (var message in stream.ResponseStream.ReadAllAsync(attempt.Token))
            {
                attempt.Heard();
                switch (message.EventCase)
                {
                    case Wire.SmallServiceGenerateResponse.EventOneofCase.Layout:
                        layout = message.Layout;
                        if (told is null)
                        {
                            await onLayout(told = layout);
                        }

                        break;
                    case Wire.SmallServiceGenerateResponse.EventOneofCase.Token:
                        attempt.Commit();
                        var isNew = shown.IsNew(ids.Count, message.Token);
                        ids.Add(message.Token.Id);
                        await (isNew ? onToken(message.Token) : Task.CompletedTask);
                        break;
                    case Wire.SmallServiceGenerateResponse.EventOneofCase.Completed:
                        RouterActivity.Tell(activity, attempt, message.Completed.Usage, message.Completed.FinishReason);
                        return Checked(layout, message.Completed, ids, request, call.RequestId);
                }
            }

            throw HopErrors.Broken(_backends.Small.Name, call.RequestId, "its stream ended without a completed event");
        }
    }

    private SmallAnswer Checked(
        Wire.PromptLayout? layout, Wire.SmallCompleted completed, IReadOnlyList<int> ids, Wire.SmallServiceGenerateRequest request, string requestId)
    {
        if (layout is null)
        {
            throw HopErrors.Broken(_backends.Small.Name, requestId, "it sent no layout");
        }

        if (!request.OmitImportance && layout.VisualTokenCount > 0 && completed.Importance?.Values.Count != layout.VisualTokenCount)
        {
            throw HopErrors.Broken(
                _backends.Small.Name, requestId,
                $"it has {layout.VisualTokenCount} visual tokens but {completed.Importance?.Values.Count ?? 0} importance numbers");
        }

        return new SmallAnswer(layout, completed, ids);
    }
}
