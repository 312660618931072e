using System.Diagnostics;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>What the large model gave.</summary>
internal sealed record LargeAnswer(Wire.PromptLayout Layout, Wire.PruneOutcome Pruning, Wire.LargeCompleted Completed);

/// <summary>What the large model is asked.</summary>
internal sealed record LargeQuestion
{
    public required Wire.LargeInput Input { get; init; }

    public required Wire.Guidance Guidance { get; init; }

    /// <summary>Visual tokens the guidance speaks about; null where it speaks about none.</summary>
    public required int? VisualTokens { get; init; }

    /// <summary>Most time, from now on.</summary>
    public required TimeSpan Timeout { get; init; }
}

/// <summary>Asks the large model.</summary>
internal sealed class LargeHop
{
    // A model that has too many inputs ahead of their guidance gets none for a while.
    private static readonly TimeSpan EarlyPause = TimeSpan.FromSeconds(1);

    private readonly Backends _backends;
    private readonly RetryLoop _retry;
    private readonly RouterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<LargeHop> _logger;
    private DateTimeOffset _earlyFrom;

    public LargeHop(Backends backends, IOptions<RouterOptions> options, RouterMetrics metrics, TimeProvider time, ILogger<LargeHop> logger)
    {
        (_backends, _metrics, _time, _logger) = (backends, metrics, time, logger);
        _retry = new RetryLoop(backends.Large, options.Value.Retry, metrics, time, logger);
    }

    /// <summary><c>large</c>, for metrics.</summary>
    public string Name => _backends.Large.Name;

    /// <summary>Sends the input ahead of the decision; null where no replica serves and has room for it, or where it does not pay.</summary>
    /// <param name="input">The input.</param>
    /// <param name="call">The request.</param>
    /// <param name="pays">Whether it pays at a replica with so many other calls in flight.</param>
    public LargeCall? OpenEarly(Wire.LargeInput input, AnswerCall call, Func<Replica, int, bool> pays)
    {
        if (_time.GetUtcNow() < _earlyFrom || _backends.Large.Pick(new HashSet<Replica>()) is not { } lease)
        {
            return null;
        }

        if (lease.Fits && pays(lease.Replica, lease.Replica.InFlight - 1))
        {
            lease.CountSent();
            return LargeCall.OpenEarly(lease, input, call.ToHop(null, _time, call.CancellationToken), _time.GetTimestamp());
        }

        lease.Dispose();
        return null;
    }

    /// <summary>Asks, and tells layout and tokens as they come.</summary>
    /// <param name="question">The question.</param>
    /// <param name="early">A call that has the input already; null: none. Taken over.</param>
    /// <param name="call">The request.</param>
    /// <param name="onLayout">Gets the prompt as the large model sees it.</param>
    /// <param name="onToken">Gets each token.</param>
    /// <exception cref="HopException">There is no answer.</exception>
    /// <exception cref="OperationCanceledException">The request ended.</exception>
    public async Task<LargeAnswer> AskAsync(
        LargeQuestion question, LargeCall? early, AnswerCall call, Func<Wire.PromptLayout, Task> onLayout, Func<Wire.Token, Task> onToken)
    {
        using var activity = RouterActivity.Hop();
        var started = _time.GetTimestamp();
        using var limit = new CancellationTokenSource(question.Timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken, limit.Token);
        Wire.PromptLayout? told = null;
        var usedEarly = false;
        var shown = new ShownTokens(_backends.Large.Name, call.RequestId);
        try
        {
            return await _retry.RunAsync(
                new HopCall(
                    call.RequestId, question.Input.CalculateSize() + question.Guidance.CalculateSize(), ShownTokens.CanBeMadeAgain(question.Input.Sampling), early?.Lease),
                AttemptAsync, both.Token);
        }
        catch (Exception e) when (HopErrors.IsTheClients(e, limit.IsCancellationRequested, call, _time.GetUtcNow()))
        {
            throw e is ClientGoneException or OperationCanceledException ? e : new OperationCanceledException("The request ended.", e);
        }
        catch (Exception e)
        {
            var hop = HopErrors.From(_backends.Large.Name, e, limit.IsCancellationRequested, question.Timeout, call, _time.GetUtcNow());
            RouterLog.HopEnded(_logger, e, hop, _backends.Large.Name, call.RequestId);
            activity?.SetStatus(ActivityStatusCode.Error, hop.Message);
            throw hop;
        }
        finally
        {
            if (early is not null)
            {
                _metrics.CountOverlap(usedEarly ? OverlapOutcome.Used : OverlapOutcome.Lost, _time.GetElapsedTime(early.OpenedAt, started));
                early.Dispose();
            }

            _metrics.ObserveHop(_backends.Large.Name, _time.GetElapsedTime(started));
        }

        async Task<LargeAnswer> AttemptAsync(Attempt attempt)
        {
            RouterActivity.Tell(activity, attempt);
            if (attempt.Number == 0 && early is not null)
            {
                try
                {
                    var answer = await ReadAsync(early, attempt);
                    usedEarly = true;
                    return answer;
                }
                catch (RpcException e) when (HopErrors.IsUnguided(e) && !attempt.IsCommitted && !attempt.Token.IsCancellationRequested && !call.IsLate(_time.GetUtcNow()))
                {
                    // It had too many inputs that nobody asked about yet. With guidance, this is not one of them.
                    _earlyFrom = _time.GetUtcNow() + EarlyPause;
                }
            }

            var remaining = question.Timeout - _time.GetElapsedTime(started);
            using var stream = LargeCall.Open(attempt.Replica, question.Input, Guided(), call.ToHop(remaining, _time, attempt.Token));
            return await ReadAsync(stream, attempt);
        }

        async Task<LargeAnswer> ReadAsync(LargeCall stream, Attempt attempt)
        {
            await attempt.RespondedAsync(stream.Responded);
            if (stream == early)
            {
                await stream.GuideAsync(question.Guidance).WaitAsync(attempt.Token);
            }

            var position = 0;
            return await AnswerOfAsync(stream, question, call.RequestId, async message =>
            {
                attempt.Heard();
                switch (message.EventCase)
                {
                    case Wire.LargeServiceGenerateResponse.EventOneofCase.Layout when told is null:
                        await onLayout(told = message.Layout);
                        break;
                    case Wire.LargeServiceGenerateResponse.EventOneofCase.Token:
                        attempt.Commit();
                        await (shown.IsNew(position++, message.Token) ? onToken(message.Token) : Task.CompletedTask);
                        break;
                    case Wire.LargeServiceGenerateResponse.EventOneofCase.Completed:
                        RouterActivity.Tell(activity, attempt, message.Completed.Usage, message.Completed.FinishReason);
                        break;
                }
            }, attempt.Token);
        }

        // What was shown already is a draft that costs one pass.
        Wire.Guidance Guided()
        {
            if (!shown.Any || shown.Ids.Any(id => id < 0))
            {
                return question.Guidance;
            }

            var guidance = question.Guidance.Clone();
            guidance.Draft = new Wire.Draft { TokenIds = { shown.Ids } };
            return guidance;
        }
    }

    /// <summary>Asks where a replica has nothing else to do, once and without anybody waiting; null: none is idle.</summary>
    /// <param name="question">The question.</param>
    /// <param name="call">What it is asked for.</param>
    /// <exception cref="RpcException">The replica failed.</exception>
    /// <exception cref="HopException">It broke the contract.</exception>
    public async Task<LargeAnswer?> AskIfIdleAsync(LargeQuestion question, AnswerCall call)
    {
        using var lease = _backends.Large.Pick(new HashSet<Replica>());
        if (lease is not { Fits: true } || lease.Replica.InFlight > 1)
        {
            return null;
        }

        lease.CountSent();
        using var stream = LargeCall.Open(lease.Replica, question.Input, question.Guidance, call.ToHop(question.Timeout, _time, call.CancellationToken));
        return await AnswerOfAsync(stream, question, call.RequestId, _ => Task.CompletedTask, call.CancellationToken);
    }

    /// <summary>Masks made from the small model's importance, or none without prune points.</summary>
    /// <param name="points">By rising layer, keep ratios not rising; so each mask is a subset of the one before.</param>
    /// <param name="policy">How many of the tokens stay there, and which.</param>
    /// <param name="small">The small model's answer; null: it was not asked.</param>
    public static Wire.Guidance Guidance(IReadOnlyList<PrunePoint> points, RequestPolicy policy, SmallAnswer? small)
    {
        if (small is null || small.Layout.VisualTokenCount == 0 || (points.Count == 0 && policy.TileThreshold is null))
        {
            return new Wire.Guidance { Unpruned = new Wire.Unpruned() };
        }

        var importance = small.Completed.Importance.Values.ToArray();
        if (policy.TileThreshold is not null || policy.DiversityWeight is not null)
        {
            return Ranked([.. points.Select(p => p with { KeepRatio = Adapted(p.KeepRatio) })], policy, small);
        }

        var masks = new Wire.MaskGuidance();
        foreach (var point in points)
        {
            masks.Steps.Add(new Wire.PruneStep { Layer = point.Layer, Mask = WireGuidance.From(KeepMask.FromImportance(importance, Adapted(point.KeepRatio))) });
        }

        // A half more, so that the ratio is of that count however it is rounded.
        double Adapted(double keepRatio) => policy.ImportanceShare is { } share
            ? Math.Min(1, (AdaptiveRetention.Count(importance, share, keepRatio) + 0.5) / importance.Length)
            : keepRatio;

        return new Wire.Guidance { Masks = masks, Digest = small.Layout.Digest };
    }

    /// <summary>What a model that is guided by its pictures is told: the policy, and for parts of images where the small model looked.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="small">The small model's answer; null: it was not asked.</param>
    public static Wire.Guidance PictureGuidance(Wire.PicturePolicy policy, SmallAnswer? small)
    {
        var hasPlaces = small?.Completed.Importance is not null && small.Layout.VisualTokenCount > 0;
        if (policy.Strategy is Wire.PictureStrategy.None or Wire.PictureStrategy.Unspecified || (policy.Strategy == Wire.PictureStrategy.Crops && !hasPlaces))
        {
            return new Wire.Guidance { Unpruned = new Wire.Unpruned() };
        }

        var pictures = new Wire.PictureGuidance { Policy = policy };
        if (policy.Strategy == Wire.PictureStrategy.Crops)
        {
            pictures.Importance = small!.Completed.Importance;
            pictures.Images.AddRange(small.Layout.Images);
        }

        return new Wire.Guidance { Pictures = pictures, Digest = small?.Layout.Digest };
    }

    // Which tokens are a tile's, and what features they have, is known to the large service, not here: it makes the masks.
    private static Wire.Guidance Ranked(IReadOnlyList<PrunePoint> points, RequestPolicy policy, SmallAnswer small)
    {
        var ranked = new Wire.RankedGuidance { Importance = small.Completed.Importance };
        ranked.Points.AddRange(points.Select(p => new Wire.PrunePoint { Layer = p.Layer, KeepRatio = p.KeepRatio }));
        if (points.Count == 0)
        {
            ranked.Points.Add(new Wire.PrunePoint { LayerFraction = 1, KeepRatio = 1 });
        }

        if (policy.DiversityWeight is { } weight)
        {
            ranked.DiversityWeight = weight;
        }

        var guidance = new Wire.Guidance { Ranked = ranked, Digest = small.Layout.Digest };
        if (policy.TileThreshold is { } threshold)
        {
            guidance.Tiles = new Wire.GuidedTiles { Threshold = threshold };
        }

        return guidance;
    }

    /// <summary>Reads a call to its end, and holds what the service says of prompt and masks against the question.</summary>
    /// <param name="stream">All was sent.</param>
    /// <param name="question">What it was asked.</param>
    /// <param name="requestId">For errors.</param>
    /// <param name="tell">Gets each event, after it was checked.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<LargeAnswer> AnswerOfAsync(
        LargeCall stream, LargeQuestion question, string requestId, Func<Wire.LargeServiceGenerateResponse, Task> tell, CancellationToken cancellationToken)
    {
        Wire.PromptLayout? layout = null;
        Wire.PruneOutcome? pruning = null;
        await foreach (var message in stream.EventsAsync(cancellationToken))
        {
            switch (message.EventCase)
            {
                case Wire.LargeServiceGenerateResponse.EventOneofCase.Layout:
                    layout = message.Layout;
                    RequireSameTokens(layout, question, requestId);
                    break;
                case Wire.LargeServiceGenerateResponse.EventOneofCase.Accepted:
                    pruning = message.Accepted;
                    RequireOurMasks(pruning, question, requestId);
                    break;
            }

            await tell(message);
            if (message.Completed is { } completed)
            {
                return layout is not null && pruning is not null
                    ? new LargeAnswer(layout, pruning, completed)
                    : throw HopErrors.Broken(_backends.Large.Name, requestId, "it completed without layout and accepted guidance");
            }
        }

        throw HopErrors.Broken(_backends.Large.Name, requestId, "its stream ended without a completed event");
    }

    // A mask of another length would keep the wrong tokens without anyone noticing.
    private void RequireSameTokens(Wire.PromptLayout layout, LargeQuestion question, string requestId)
    {
        if (question.VisualTokens is { } expected && layout.VisualTokenCount != expected)
        {
            throw HopErrors.Broken(
                _backends.Large.Name, requestId,
                $"it sees {layout.VisualTokenCount} visual tokens where the small model saw {expected}, so the mask does not fit");
        }
    }

    private void RequireOurMasks(Wire.PruneOutcome accepted, LargeQuestion question, string requestId)
    {
        if (question.Guidance.Ranked is not null)
        {
            RequireOurPoints(accepted, question, requestId);
            return;
        }

        var sent = question.Guidance.Masks?.Steps.Select(s => (s.Layer, s.Mask.Bits)) ?? [];
        if (!accepted.Steps.Select(s => (s.Layer, s.Mask.Bits)).SequenceEqual(sent))
        {
            throw HopErrors.Broken(_backends.Large.Name, requestId, "it accepted other masks than it was given");
        }
    }

    // Which tokens and tiles stay is the service's to say; where it prunes, and how much it keeps at most, is not.
    private void RequireOurPoints(Wire.PruneOutcome accepted, LargeQuestion question, string requestId)
    {
        var visualTokens = question.VisualTokens ?? 0;
        var points = question.Guidance.Ranked.Points.Where(p => p.HasLayer).ToDictionary(p => p.Layer, p => KeepCount.Of(visualTokens, p.KeepRatio));
        points.TryAdd(0, visualTokens);
        var steps = accepted.Steps.Zip(accepted.KeptVisualTokenCounts).ToDictionary(s => s.First.Layer, s => s.Second);
        if (points.Keys.Any(layer => layer != 0 && !steps.ContainsKey(layer)) || steps.Any(s => !points.TryGetValue(s.Key, out var most) || s.Value > most))
        {
            throw HopErrors.Broken(_backends.Large.Name, requestId, "it prunes otherwise than it was told");
        }
    }
}
