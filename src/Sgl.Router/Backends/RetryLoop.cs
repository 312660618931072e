using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Sgl.Hosting;
using Sgl.Router.Internal;
using Status = Grpc.Core.Status;

namespace Sgl.Router;

/// <summary>What the loop has to know of a call.</summary>
/// <param name="RequestId">For the log.</param>
/// <param name="RequestBytes">Size of what is sent.</param>
/// <param name="Resumable">Whether another replica may go on where one was lost that has shown something.</param>
/// <param name="First">Where the first try goes; null: to the best replica.</param>
internal sealed record HopCall(string RequestId, long RequestBytes, bool Resumable, ReplicaLease? First);

/// <summary>The single retry loop of a hop: picks a replica for each try and takes note of how that went. See <see cref="RetryOptions"/>.</summary>
internal sealed class RetryLoop(ReplicaSet replicas, RetryOptions options, RouterMetrics metrics, TimeProvider time, ILogger logger)
{
    // What a slow link needs; a large request is not silence.
    private const double BytesPerSecond = 8 << 20;

    private static readonly TimeSpan DefaultFull = TimeSpan.FromSeconds(1);

    private readonly RetryBudget _budget = new(options.BudgetRatio, options.BudgetBurst);

    /// <summary>Calls until a try succeeds or no further one is allowed.</summary>
    /// <param name="call">What is called.</param>
    /// <param name="tryAsync">One try.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<T> RunAsync<T>(HopCall call, Func<Attempt, Task<T>> tryAsync, CancellationToken cancellationToken)
    {
        _budget.Earn();
        var patience = replicas.Options.FirstResponseTimeout + TimeSpan.FromSeconds(call.RequestBytes / BytesPerSecond);
        var tried = new HashSet<Replica>();
        RpcException? last = null;
        for (var number = 0; ; number++)
        {
            using var lease = (number == 0 ? call.First : null) ?? replicas.Pick(tried) ?? throw last ?? NoReplica();
            if (!lease.Fits)
            {
                metrics.CountShed(replicas.Name);
                throw last ?? Full(lease.Replica);
            }

            tried.Add(lease.Replica);
            lease.CountSent();
            using var attempt = new Attempt(number, lease.Replica, replicas, tried, call.Resumable, patience, time, cancellationToken);
            try
            {
                var result = await tryAsync(attempt);
                lease.Replica.Standing.CallSucceeds();
                lease.Replica.Standing.Limit.Answered(lease.Replica.InFlight);
                return result;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && (attempt.WasCut || e is RpcException or HopException))
            {
                var failure = Judge(e, attempt);
                Note(lease.Replica, failure, e);
                last = attempt.WasCut ? Silence(lease.Replica, e) : e as RpcException;
                if (last is null || number + 1 >= options.MaxAttempts || !(attempt.IsCommitted ? call.Resumable && MayGoOn(failure, tried) : MayTryAgain(failure, tried)))
                {
                    if (attempt.WasCut)
                    {
                        throw last!;
                    }

                    throw;
                }
            }

            metrics.CountRetry(replicas.Name);
            var wait = replicas.HasOther(tried, ReplicaRank.Full) ? TimeSpan.Zero : Backoff(number);
            RouterLog.Retry(logger, replicas.Name, call.RequestId, number + 2, options.MaxAttempts, wait.TotalMilliseconds, last.Status.Detail);
            await Task.Delay(wait, time, cancellationToken);
        }
    }

    private RpcException NoReplica() => new(new Status(StatusCode.Unavailable, $"no replica of the {replicas.Name} model serves"));

    private static RpcException Full(Replica replica) =>
        Faults.Overloaded($"{replica.Label} has as many calls as it can hold", replica.Standing.Limit.RetryAfter).ToRpcException();

    private static RpcException Silence(Replica replica, Exception cause) =>
        cause as RpcException is { StatusCode: StatusCode.Unavailable } told ? told : new(new Status(StatusCode.Unavailable, $"{replica.Label} fell silent", cause));

    /// <summary>What the replica is to blame for; null: nothing.</summary>
    private static ReplicaFailure? Judge(Exception exception, Attempt attempt) => exception switch
    {
        _ when attempt.WasCut => ReplicaFailure.Silent,
        HopException => ReplicaFailure.Failed,
        RpcException e when HopErrors.IsAway(e) => e.Status.DebugException is null ? ReplicaFailure.Unavailable : ReplicaFailure.Broken,
        RpcException { StatusCode: StatusCode.ResourceExhausted } e when e.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason != ErrorReasons.MessageTooLarge => ReplicaFailure.Full,
        RpcException { StatusCode: StatusCode.Internal or StatusCode.Unknown or StatusCode.DataLoss or StatusCode.Unimplemented } => ReplicaFailure.Failed,
        _ => null,
    };

    private void Note(Replica replica, ReplicaFailure? failure, Exception exception)
    {
        if (failure is not { } kind)
        {
            replica.Standing.CallSucceeds();
            return;
        }

        metrics.Replicas.CountFailure(replicas.Name, replica.Label, kind);
        if (kind == ReplicaFailure.Full)
        {
            var wait = (exception as RpcException)?.GetRpcStatus()?.GetDetail<RetryInfo>()?.RetryDelay?.ToTimeSpan();
            replica.Standing.CallIsRefusedAsFull(replica.InFlight, wait ?? DefaultFull);
            return;
        }

        var gone = kind != ReplicaFailure.Failed;
        if (replica.Standing.CallFails(unreachable: gone, eject: kind == ReplicaFailure.Silent) is { } held)
        {
            metrics.Replicas.CountEjection(replicas.Name, replica.Label);
            RouterLog.ReplicaEjected(logger, replicas.Name, replica.Label, held.TotalSeconds, exception.Message);
        }

        if (gone)
        {
            replica.Wake();
        }
    }

    /// <summary>
    /// Going over to another replica that serves costs nothing: each replica is left after it broke once. All else is what the budget is for, among it
    /// asking one that is as full as the last.
    /// </summary>
    private bool MayTryAgain(ReplicaFailure? failure, IReadOnlySet<Replica> tried) => failure switch
    {
        ReplicaFailure.Broken or ReplicaFailure.Silent => replicas.HasOther(tried, ReplicaRank.Doubtful) || _budget.TrySpend(),
        ReplicaFailure.Unavailable => _budget.TrySpend(),
        ReplicaFailure.Full => replicas.HasOther(tried, ReplicaRank.Ready) && _budget.TrySpend(),
        _ => false,
    };

    private bool MayGoOn(ReplicaFailure? failure, IReadOnlySet<Replica> tried) =>
        failure is ReplicaFailure.Broken or ReplicaFailure.Silent or ReplicaFailure.Unavailable && replicas.HasOther(tried, ReplicaRank.Doubtful);

    private TimeSpan Backoff(int number)
    {
        var bound = Math.Min(options.MaxBackoff.TotalMilliseconds, options.InitialBackoff.TotalMilliseconds * Math.Pow(2, number));
#pragma warning disable CA5394 // jitter needs no secrecy
        return TimeSpan.FromMilliseconds(bound * Random.Shared.NextDouble());
#pragma warning restore CA5394
    }
}
