using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>One request on its way through the models.</summary>
internal sealed class AnswerRun(
    AnswerPipeline pipeline,
    Wire.AnswerRequest request,
    RequestPolicy policy,
    ModelPair models,
    AnswerCall call,
    ReplicaLease? place,
    Func<Wire.AnswerResponse, Task> emit,
    long started)
{
    private SmallAnswer? _small;
    private Wire.Decision? _heldDecision;
    private bool _layoutTold;
    private long _lastToken;
    private long _promptTokens;
    private long _generatedTokens;
    private RequestSummary _summary = new();
    private TimeSpan? _firstToken;
    private TimeSpan? _firstSmallToken;
    private TimeSpan? _firstLargeToken;

    /// <summary>What has become of it so far; also where there is no answer in the end. Tokens are those of both models that the router has seen.</summary>
    public RequestSummary Summary => _summary with { PromptTokens = _promptTokens, GeneratedTokens = _generatedTokens, FirstToken = _firstToken };

    /// <summary>Answers, and returns the last event.</summary>
    public async Task<Wire.AnswerCompleted> AnswerAsync()
    {
        // Without pictures there is no tower to run ahead.
        var early = policy is { Overlap: not OverlapMode.Never, AsksSmall: true, MayAskLarge: true } && request.Images.Count > 0 && models.Large.Serving
            ? pipeline.Large.OpenEarly(Input(), call, Overlaps)
            : null;
        try
        {
            _small = policy.AsksSmall ? await AskSmallAsync() : null;
            var decision = Decide();
            _summary = _summary with { Score = RouterActivity.Score(decision), Threshold = decision.Threshold };
            RouterActivity.Tell(decision, _summary.Score);
            await TellDecisionAsync(decision);
            if (decision.Action == Wire.DecisionAction.Exit)
            {
                var exit = await CompleteAsync(Wire.AnswerPath.Exit, decision.Reason, decision.Explanation, null);
                if (decision.Reason == Wire.RoutingReason.ScoreReached && request.Sampling is not { Temperature: > 0 })
                {
                    pipeline.SecondOpinions.Consider(policy.Calibration.Policy, exit.Answer, () => Question(policy.LargeTimeout), call);
                }

                return exit;
            }

            try
            {
                var (taken, question) = (early, Question(LargeTimeout()));
                early = null; // from here on the hop disposes it
                var large = await pipeline.Large.AskAsync(question, taken, call, TellLayoutAsync, TellLargeTokenAsync);
                return await CompleteAsync(Wire.AnswerPath.Escalated, decision.Reason, decision.Explanation, large);
            }
            catch (HopException e) when (_small is not null && policy.OnLargeFailure == LargeFailure.Degrade)
            {
                var explanation = $"the small model's answer stands in: {e.Message}";
                return await CompleteAsync(Wire.AnswerPath.Degraded, e.Reason, explanation, null);
            }
        }
        finally
        {
            if (early is not null)
            {
                pipeline.Metrics.CountOverlap(OverlapOutcome.Wasted, pipeline.Time.GetElapsedTime(early.OpenedAt));
                early.Abandon();
            }
        }
    }

    /// <summary>Whether a replica of the large model gets the input ahead of the decision.</summary>
    private bool Overlaps(Replica large, int others)
    {
        if (large.View.Info is { GuidedByPictures: true })
        {
            return false; // it would only hold the input
        }

        if (policy.Overlap == OverlapMode.Always)
        {
            return true;
        }

        var verdict = pipeline.Overlap.Judge(policy.Force == Wire.Route.Large, large, others, place?.Replica);
        if (verdict != OverlapRule.Verdict.Pays)
        {
            pipeline.Metrics.CountOverlapLeft(verdict);
        }

        return verdict == OverlapRule.Verdict.Pays;
    }

    private Task<SmallAnswer> AskSmallAsync()
    {
        var question = new Wire.SmallServiceGenerateRequest
        {
            Sampling = request.Sampling,
            ImageLimits = models.Small.Info is { ProbabilitiesOnly: true } ? null : request.ImageLimits,
            Importance = policy.Importance,
            // Without a large model to guide, importance is only worth its bytes when the client wants to see it.
            OmitImportance = request.OmitImportance && !policy.MayAskLarge,
            KeepPartOrder = request.KeepPartOrder,
            ResponseFormat = request.ResponseFormat,
        };
        question.Images.AddRange(request.Images);
        question.Messages.AddRange(request.Messages);
        return pipeline.Small.AskAsync(question, place, call, TellLayoutAsync, TellSmallTokenAsync);
    }

    private Wire.Decision Decide()
    {
        if (_small is null)
        {
            return new Wire.Decision
            {
                Action = Wire.DecisionAction.Escalate,
                Reason = Wire.RoutingReason.ForcedLarge,
                Explanation = "the large model was asked for, without pruning",
                Criterion = WireGuidance.From(policy.Criterion),
                Threshold = policy.Threshold ?? policy.Source.For(policy.Criterion),
            };
        }

        var scores = WireGuidance.To(_small.Completed.Scores);
        scores = scores with { Learnt = policy.Learnt?.Score(scores, _small.Completed.Usage.GeneratedTokenCount) ?? double.NaN };
        var criterion = Criterion(scores);
        var threshold = policy.Threshold ?? policy.Source.For(criterion);
        Observe(scores, criterion, threshold);
        var (exits, reason, explanation) = Judge(criterion, scores[criterion], threshold);
        if (policy.Force == Wire.Route.Unspecified)
        {
            pipeline.Overlap.Record(exits);
        }

        return new Wire.Decision
        {
            Action = exits ? Wire.DecisionAction.Exit : Wire.DecisionAction.Escalate,
            Reason = reason,
            Explanation = explanation,
            Scores = WireGuidance.From(scores),
            Criterion = WireGuidance.From(criterion),
            Threshold = threshold,
        };
    }

    private (bool Exits, Wire.RoutingReason Reason, string Explanation) Judge(ExitCriterion criterion, double score, double threshold)
    {
        switch (policy.Force)
        {
            case Wire.Route.Small:
                return (true, Wire.RoutingReason.ForcedSmall, "the small model was asked for");
            case Wire.Route.Large:
                return (false, Wire.RoutingReason.ForcedLarge, "the large model was asked for");
        }

        var exits = ExitDecision.Exits(score, threshold);
        var (name, value, limit) = (WireGuidance.Name(criterion), Number(score), Number(threshold));
        return exits
            ? (true, Wire.RoutingReason.ScoreReached, $"{name} {value} is at or above the threshold {limit}")
            : (false, Wire.RoutingReason.ScoreBelow, double.IsNaN(score) ? $"{name} was not computed" : $"{name} {value} is below the threshold {limit}");
    }

    // Without images there is no consistency pass, so what is built on it does not exist; confidence does.
    private ExitCriterion Criterion(ExitScoreSet scores) =>
        _small!.Layout.VisualTokenCount == 0 && double.IsNaN(scores[policy.Criterion]) ? ExitCriterion.Confidence : policy.Criterion;

    private void Observe(ExitScoreSet scores, ExitCriterion criterion, double threshold)
    {
        foreach (var c in System.Enum.GetValues<ExitCriterion>())
        {
            pipeline.Metrics.Scores.Observe(WireGuidance.Name(c), scores[c]);
        }

        if (policy.Force == Wire.Route.Unspecified)
        {
            pipeline.Metrics.SetThreshold(WireGuidance.Name(criterion), threshold);

            // Recorded after the threshold was taken: a request does not take part in its own decision.
            policy.Source.Record(scores);
            if (policy.Calibration.Drift?.Record(scores) is { } drift)
            {
                pipeline.Metrics.SetDrift(policy.Calibration.Policy, drift);
            }
        }
    }

    private Wire.LargeInput Input()
    {
        var input = new Wire.LargeInput
        {
            Sampling = request.Sampling,
            ImageLimits = pipeline.Models.Large.Info is { GuidedByPictures: true } ? null : request.ImageLimits,
            KeepPartOrder = request.KeepPartOrder,
            GuidedTiles = policy.TileThreshold is not null,
            ResponseFormat = request.ResponseFormat,
        };
        input.Images.AddRange(request.Images);
        input.Messages.AddRange(request.Messages);
        return input;
    }

    private LargeQuestion Question(TimeSpan timeout)
    {
        // What was unknown when the request came may be known by now.
        var large = pipeline.Models.Large;
        if (pipeline.Models.PairingProblem is { Length: > 0 } problem)
        {
            throw new HopException(
                Wire.RoutingReason.LargeFailed, problem, Faults.Create(Code.FailedPrecondition, problem, ErrorReasons.ModelsNotPaired));
        }

        if (large.Info is null)
        {
            const string away = "The large model cannot be reached.";
            throw new HopException(
                Wire.RoutingReason.LargeUnavailable, "the large model cannot be reached", Faults.Unavailable(away, pipeline.Options.HealthInterval));
        }

        var violations = new ViolationList();
        var points = large.Info.GuidedByPictures ? [] : PrunePointRules.Read(policy.Prune, PrunableModel.Of(large.Info), policy.PruneField, violations);
        violations.ThrowIfAny();

        var guidance = large.Info.GuidedByPictures ? LargeHop.PictureGuidance(policy.Pictures, _small) : LargeHop.Guidance(points, policy, _small);
        guidance.Draft = policy.Draft ? Pairing.Draft(pipeline.Models.Small.Info, large.Info, _small) : null;
        return new LargeQuestion
        {
            Input = Input(),
            Guidance = guidance,
            VisualTokens = large.Info.GuidedByPictures || pipeline.Models.Small.Info is { ProbabilitiesOnly: true } ? null : _small?.Layout.VisualTokenCount,
            Timeout = timeout,
        };
    }

    private TimeSpan LargeTimeout()
    {
        if (call.Deadline == DateTimeOffset.MaxValue)
        {
            return policy.LargeTimeout;
        }

        // A degraded answer is worth nothing after the client's deadline.
        var margin = _small is not null && policy.OnLargeFailure == LargeFailure.Degrade ? pipeline.Options.DegradeMargin : TimeSpan.Zero;
        var left = call.Deadline - pipeline.Time.GetUtcNow() - margin;
        if (left <= TimeSpan.Zero)
        {
            const string late = "the request's deadline leaves no time for the large model";
            throw new HopException(
                Wire.RoutingReason.LargeTimeout, late,
                Faults.Create(Code.DeadlineExceeded, "The request's deadline leaves no time for the large model.", ErrorReasons.DeadlineExceeded));
        }

        return left < policy.LargeTimeout ? left : policy.LargeTimeout;
    }

    private async Task TellLayoutAsync(Wire.PromptLayout layout)
    {
        _promptTokens += layout.PromptTokenCount;
        if (!_layoutTold)
        {
            _layoutTold = true;
            await emit(new Wire.AnswerResponse { Layout = layout });
            if (_heldDecision is { } decision)
            {
                _heldDecision = null;
                await emit(new Wire.AnswerResponse { Decision = decision });
            }
        }
    }

    /// <summary>The layout comes first, also where it is the large model that tells it.</summary>
    private async Task TellDecisionAsync(Wire.Decision decision)
    {
        if (_layoutTold)
        {
            await emit(new Wire.AnswerResponse { Decision = decision });
        }
        else
        {
            _heldDecision = decision;
        }
    }

    private async Task TellSmallTokenAsync(Wire.Token token)
    {
        Clock(ref _firstSmallToken);
        await emit(new Wire.AnswerResponse { SmallToken = token });
    }

    private async Task TellLargeTokenAsync(Wire.Token token)
    {
        Clock(ref _firstLargeToken);
        await emit(new Wire.AnswerResponse { LargeToken = token });
    }

    private void Clock(ref TimeSpan? first)
    {
        _generatedTokens++;
        var now = pipeline.Time.GetTimestamp();
        if (first is null)
        {
            first = pipeline.Time.GetElapsedTime(started, now);
            _firstToken ??= first;
        }
        else
        {
            pipeline.Metrics.Common.InterToken.Observe(pipeline.Time.GetElapsedTime(_lastToken, now).TotalSeconds);
        }

        _lastToken = now;
    }

    private async Task<Wire.AnswerCompleted> CompleteAsync(Wire.AnswerPath path, Wire.RoutingReason reason, string explanation, LargeAnswer? large)
    {
        var completed = new Wire.AnswerCompleted
        {
            Answer = large?.Completed.Answer ?? _small!.Completed.Answer,
            Path = path,
            Reason = reason,
            Explanation = explanation,
            Importance = request.OmitImportance ? null : _small?.Completed.Importance,
            Pruning = Pruning(large?.Pruning),
            Small = _small is { Completed: var s } ? Run(models.Small.Info, s.Answer, s.FinishReason, s.Usage, s.Timings) : null,
            Large = large is { Completed: var l } ? Run(pipeline.Models.Large.Info, l.Answer, l.FinishReason, l.Usage, l.Timings) : null,
            TimeToFirstToken = _firstToken is { } first ? Duration.FromTimeSpan(first) : null,
            Total = Duration.FromTimeSpan(pipeline.Time.GetElapsedTime(started)),
        };
        var prices = pipeline.Options.Policy.Cost;
        var (smallCost, largeCost) = (prices.OfSmall(_small?.Completed.Timings), prices.OfLarge(large?.Completed.Timings));
        if (_small is not null)
        {
            pipeline.Metrics.CountUsage(pipeline.Small.Name, _small.Completed.Usage);
            pipeline.Metrics.CountCost(pipeline.Small.Name, smallCost);
            if (policy is { Force: Wire.Route.Unspecified, Source: TargetCostThreshold target })
            {
                target.Spent(smallCost, large is null ? null : largeCost);
            }
        }

        if (large is not null)
        {
            pipeline.Metrics.CountUsage(pipeline.Large.Name, large.Completed.Usage);
            pipeline.Metrics.CountCost(pipeline.Large.Name, largeCost);
        }

        if (_firstToken is { } any)
        {
            pipeline.Metrics.Common.TimeToFirstToken.Observe(any.TotalSeconds);
        }

        if ((large is null ? _firstSmallToken : _firstLargeToken) is { } final)
        {
            completed.TimeToFirstFinalToken = Duration.FromTimeSpan(final);
            pipeline.Metrics.FirstFinalToken.Observe(final.TotalSeconds);
        }

        _summary = _summary with { Path = path.ToString().ToLowerInvariant(), Explanation = explanation, IsDegraded = path == Wire.AnswerPath.Degraded };
        RouterActivity.Tell(completed, call.Caller?.Name);
        await emit(new Wire.AnswerResponse { Completed = completed });
        return completed;
    }

    private Wire.PruneOutcome? Pruning(Wire.PruneOutcome? outcome)
    {
        if (outcome is null || !request.OmitImportance)
        {
            return outcome;
        }

        var slim = outcome.Clone();
        foreach (var step in slim.Steps)
        {
            step.Mask = null;
        }

        return slim;
    }

    private static Wire.ModelRun Run(Wire.ModelInfo? model, string answer, Wire.FinishReason reason, Wire.Usage usage, Wire.Timings timings) => new()
    {
        Model = model?.Name ?? "",
        Answer = answer,
        FinishReason = reason,
        Usage = usage,
        Timings = timings,
    };

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
