using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Answers requests: checks, small model, decision, large model, fallback. The same for gRPC and HTTP.</summary>
internal sealed class AnswerPipeline
{
    private static readonly TimeSpan RetryWhenFull = TimeSpan.FromSeconds(1);

    private readonly BackendMonitor _monitor;
    private readonly ILogger<AnswerPipeline> _logger;
    private int _running;

    public AnswerPipeline(
        BackendMonitor monitor,
        SmallHop small,
        LargeHop large,
        SecondOpinions opinions,
        RouterPolicies policies,
        RouterMetrics metrics,
        IOptions<RouterOptions> options,
        TimeProvider time,
        ILogger<AnswerPipeline> logger)
    {
        (_monitor, Small, Large, SecondOpinions, Policies, Metrics, Options, Time, _logger) = (monitor, small, large, opinions, policies, metrics, options.Value, time, logger);
        Overlap = new OverlapRule(metrics);
    }

    public SmallHop Small { get; }

    public LargeHop Large { get; }

    public SecondOpinions SecondOpinions { get; }

    public RouterPolicies Policies { get; }

    public OverlapRule Overlap { get; }

    public RouterMetrics Metrics { get; }

    public RouterOptions Options { get; }

    public TimeProvider Time { get; }

    public ModelPair Models => _monitor.Pair;

    /// <summary>Answers a request.</summary>
    /// <param name="request">From the wire.</param>
    /// <param name="call">Who asks and until when.</param>
    /// <param name="emit">Takes each event; awaited, so that a slow client slows its own request only.</param>
    /// <exception cref="InvalidRequestException">The request is wrong; with all violations.</exception>
    /// <exception cref="HopException">A model that is needed gave no answer and there is no fallback.</exception>
    public async Task AnswerAsync(Wire.AnswerRequest request, AnswerCall call, Func<Wire.AnswerResponse, Task> emit)
    {
        var started = Time.GetTimestamp();
        var models = Models;
        CallerRights.Check(request.Policy, Policies, call.Caller);
        var policy = Check(request, models);
        if (models.PairingProblem.Length > 0)
        {
            throw Faults.Create(Code.FailedPrecondition, models.PairingProblem, ErrorReasons.ModelsNotPaired).ToRpcException();
        }

        AnswerRun? run = null;
        try
        {
            Enter();
            using var place = Reserve(policy);
            run = new AnswerRun(this, request, policy, models, call, place, emit, started);
            var completed = await run.AnswerAsync();
            Metrics.CountRequest(completed.Path switch
            {
                Wire.AnswerPath.Exit => RequestPath.Exit,
                Wire.AnswerPath.Escalated => RequestPath.Escalated,
                _ => RequestPath.Degraded,
            });
            Metrics.Common.EndToEnd.Observe(Time.GetElapsedTime(started).TotalSeconds);
            if (completed.Path == Wire.AnswerPath.Degraded)
            {
                Metrics.CountDegraded(completed.Reason);
            }
        }
        catch (Exception e)
        {
            if (Outcome(e, call) is { } outcome)
            {
                Metrics.CountRequest(outcome);
            }

            throw;
        }
        finally
        {
            run?.Summary.Attach(call.Http);
            call.Caller?.Spend(run is null ? 0 : run.Summary.PromptTokens + run.Summary.GeneratedTokens);
            Metrics.Common.Running.Set(Interlocked.Decrement(ref _running));
        }
    }

    private void Enter()
    {
        var running = Interlocked.Increment(ref _running);
        Metrics.Common.Running.Set(running);
        if (running > Options.MaxConcurrentRequests)
        {
            throw new OverloadedException($"The router answers {Options.MaxConcurrentRequests} requests already.", RetryWhenFull);
        }
    }

    /// <summary>
    /// A place at the small model before anything is done for the request: in overload most of them end here, and what one costs is what is left of the
    /// machine's time for those that are answered.
    /// </summary>
    private ReplicaLease? Reserve(RequestPolicy policy)
    {
        var place = policy.AsksSmall ? Small.Reserve() : null;
        if (place is not { Fits: false })
        {
            return place;
        }

        place.Dispose();
        Metrics.CountShed(Small.Name);
        throw new OverloadedException("The small model has no capacity.", place.Replica.Standing.Limit.RetryAfter);
    }

    /// <summary>
    /// What needs no model is checked by the model services' own rules. What needs a tokenizer or an image decoder is checked by these, whose violations are passed
    /// on under the same field names.
    /// </summary>
    private RequestPolicy Check(Wire.AnswerRequest request, ModelPair models)
    {
        var violations = new ViolationList();
        RequestRules.CheckImages(request.Images, models.Least(m => m.MaxImageCount), models.Least(m => m.MaxImageBytes), violations);
        RequestRules.Check(new ChatInput(request.Images, request.Messages, request.Sampling, request.ImageLimits), models.Least(m => m.MaxNewTokens), violations);
        ResponseFormatRules.Read(request.ResponseFormat, "response_format", violations);
        var policy = PolicyRules.Resolve(request.Policy, Policies, models.Small.Info, models.Large.Info, violations);
        violations.ThrowIfAny();
        return policy;
    }

    /// <summary>What a question without an answer counts as; null: it was no question.</summary>
    private RequestPath? Outcome(Exception exception, AnswerCall call) => exception switch
    {
        InvalidRequestException or HopException { Status.Code: (int)Code.InvalidArgument } => null,
        _ when call.IsLate(Time.GetUtcNow()) => RequestPath.Deadline,
        ClientGoneException => RequestPath.Cancelled,
        _ when call.CancellationToken.IsCancellationRequested => RequestPath.Cancelled,
        OverloadedException or HopException { Status.Code: (int)Code.ResourceExhausted } => RequestPath.Shed,
        _ => RequestPath.Failed,
    };
}
