using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Logging;
using Sgl.Router.Internal;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Sgl.Router;

/// <summary>Asks one replica for health and model again and again, and watches its health meanwhile, so that a change or its end is seen at once.</summary>
internal sealed class ReplicaProbe(
    ReplicaSet set,
    ReplicaSetSetup setup,
    Replica replica,
    TimeSpan interval,
    TimeSpan timeout,
    Action changed,
    RouterMetrics metrics,
    TimeProvider time,
    ILogger logger)
{
    private static readonly TimeSpan EagerInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Soonest = TimeSpan.FromMilliseconds(20);

    private readonly Health.HealthClient _health = new(replica.Probes);
    private Task _watch = Task.CompletedTask;

    /// <summary>Runs until told to stop.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var failures = 0;
        while (!stopping.IsCancellationRequested)
        {
            replica.Awake();
            try
            {
                failures = await ProbeAsync(stopping) ? 0 : failures + 1;
                changed();
                if (failures == 0 && _watch.IsCompleted)
                {
                    _watch = WatchAsync(stopping);
                }

                // What is woken again and again, for instance by watches that break, is still not asked without end.
                await Task.Delay(Soonest, time, stopping);
                await replica.Woken.WaitAsync(Pause(failures), time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                RouterLog.MonitorFailed(logger, e, set.Name);
                await Task.Delay(Eager, time, CancellationToken.None);
            }
            catch (Exception)
            {
                // The router is stopping: a call it ended itself is no failure, whatever it threw.
                break;
            }
        }

        await _watch;
    }

    private TimeSpan Eager => interval < EagerInterval ? interval : EagerInterval;

    private TimeSpan Pause(int failures)
    {
        if (failures > 0)
        {
            // Silent for the first time: whether it was a moment's weakness or the end is asked at once.
            var eager = replica.Standing.Serving ? TimeSpan.Zero : Eager * Math.Pow(2, Math.Clamp(failures - 1, 0, 20));
            return eager < interval ? eager : interval;
        }

        // What calls wait for is asked more often, so that they do not wait long for one that will never answer.
        return replica.InFlight > 0 && timeout < interval ? timeout : interval;
    }

    private async Task<bool> ProbeAsync(CancellationToken stopping)
    {
        var started = time.GetTimestamp();
        var (info, problem, silent) = await AskAsync(replica.Standing.WasSilent ? timeout / 2 : timeout, stopping);

        // A connection may have been closed for good reasons while nobody used it; one that was just made may not.
        if (info is null && !silent && replica.Standing.Serving)
        {
            (info, problem, silent) = await AskAsync(timeout, stopping);
        }

        metrics.Replicas.ObserveProbe(set.Name, replica.Label, time.GetElapsedTime(started));
        var before = replica.View;
        if (info is not null)
        {
            // Not to be taken before it was compared with the others.
            if (before.Info is null || !ModelIdentity.Alike(info, before.Info))
            {
                replica.Refusal = $"its model was not compared yet at {replica.Label}";
            }

            if (before.Problem.Length > 0)
            {
                RouterLog.ReplicaServes(logger, set.Name, replica.Label, info.Name);
            }

            replica.View = new ReplicaView(true, info, "");
            replica.Standing.ProbeServes();
            replica.SetSilent(false);
            return true;
        }

        // One whose answers come in while a probe waits is busy and not dead; one that was silent once is still thought of as serving.
        if (silent && replica.Standing.Serving && (replica.LastHeard > started || !replica.Standing.ProbeIsSilent()))
        {
            return false;
        }

        // Where it does not serve yet, silence is as good as a refusal.
        replica.Standing.ProbeFails();
        replica.SetSilent(silent);

        replica.View = new ReplicaView(true, before.Info, problem);
        if (!before.Probed || before.Problem.Length == 0)
        {
            RouterLog.ReplicaDown(logger, set.Name, replica.Label, problem);
            set.LookAgain();
        }

        return false;
    }

    private async Task<(Wire.ModelInfo? Info, string Problem, bool Silent)> AskAsync(TimeSpan patience, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            var options = new CallOptions(cancellationToken: both.Token);
            var health = await _health.CheckAsync(new HealthCheckRequest { Service = setup.ServiceName }, options);
            return health.Status == ServingStatus.Serving
                ? (await setup.ModelInfo(replica.Probes, options), "", false)
                : (null, $"it reports {health.Status} at {replica.Label}", false);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException && limit.IsCancellationRequested && !stopping.IsCancellationRequested)
        {
            return (null, FormattableString.Invariant($"no answer within {patience.TotalSeconds:0.###} s at {replica.Label}"), true);
        }
        catch (RpcException e) when (!stopping.IsCancellationRequested)
        {
            return (null, $"{e.StatusCode} at {replica.Label}: {e.Status.Detail}", false);
        }
    }

    // Only a hint to probe: what counts is what the probe finds. Begun again after a later probe.
    private async Task WatchAsync(CancellationToken stopping)
    {
        try
        {
            using var watch = _health.Watch(new HealthCheckRequest { Service = setup.ServiceName }, cancellationToken: stopping);
            await foreach (var update in watch.ResponseStream.ReadAllAsync(stopping))
            {
                if (update.Status != ServingStatus.Serving)
                {
                    replica.Wake();
                }
            }

            replica.Wake();
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            // Probes alone will do.
        }
        catch (RpcException)
        {
            replica.Wake();
        }
    }
}
