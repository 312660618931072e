using Grpc.Core;
using Microsoft.Extensions.Logging;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>One try of a call.</summary>
internal sealed class Attempt(int number)
{
    /// <summary>0-based.</summary>
    public int Number => number;

    /// <summary>Set once the caller has seen something that a second try would repeat.</summary>
    public bool Committed { get; set; }
}

/// <summary>The single retry loop of a hop; see <see cref="RetryOptions"/>.</summary>
internal sealed class RetryLoop(string hop, RetryOptions options, RouterMetrics metrics, TimeProvider time, ILogger logger)
{
    private readonly RetryBudget _budget = new(options.BudgetRatio, options.BudgetBurst);

    public async Task<T> RunAsync<T>(Func<Attempt, Task<T>> call, string requestId, CancellationToken cancellationToken)
    {
        _budget.Earn();
        TriedReplicas.Begin();
        for (var number = 0; ; number++)
        {
            var attempt = new Attempt(number);
            try
            {
                return await call(attempt);
            }
            catch (RpcException e) when (
                HopErrors.IsAway(e) && !attempt.Committed && number + 1 < options.MaxAttempts
                && !cancellationToken.IsCancellationRequested && _budget.TrySpend())
            {
                metrics.CountRetry(hop);
                var wait = Backoff(number);
                RouterLog.Retry(logger, hop, requestId, number + 2, options.MaxAttempts, wait.TotalMilliseconds, e.Status.Detail);
                await Task.Delay(wait, time, cancellationToken);
            }
        }
    }

    private TimeSpan Backoff(int number)
    {
        var bound = Math.Min(options.MaxBackoff.TotalMilliseconds, options.InitialBackoff.TotalMilliseconds * Math.Pow(2, number));
#pragma warning disable CA5394 // jitter needs no secrecy
        return TimeSpan.FromMilliseconds(bound * Random.Shared.NextDouble());
#pragma warning restore CA5394
    }
}
