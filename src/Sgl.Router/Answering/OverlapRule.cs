using System.Net;

namespace Sgl.Router;

/// <summary>What became of an input that the large model got ahead of the decision.</summary>
internal enum OverlapOutcome
{
    /// <summary>The answer was made from it.</summary>
    Used,

    /// <summary>No large answer was needed.</summary>
    Wasted,

    /// <summary>The call that had it failed.</summary>
    Lost,
}

/// <summary>
/// Whether it pays to give the large model a request's input while the small one still answers. A second of work ahead is a second of latency saved where the
/// request escalates. Where it exits, the second is wasted: it holds up each of the calls that the replica works on by as much, and costs a little by itself.
/// So it pays while P(escalate) is at least P(exit) x (price + calls in flight). Thread-safe.
/// </summary>
internal sealed class OverlapRule(RouterMetrics metrics)
{
    // What a second of an idle machine is worth, in seconds of latency.
    private const double IdlePrice = 0.25;

    // Decisions before the ratio of exits is believed, and how many it looks back on.
    private const int Few = 16;
    private const int Memory = 64;

    private readonly Lock _gate = new();
    private double _exits;
    private int _seen;

    /// <summary>What speaks against it, or that it pays.</summary>
    public enum Verdict
    {
        /// <summary>It pays.</summary>
        Pays,

        /// <summary>Too few decisions were seen.</summary>
        Unknown,

        /// <summary>Even idle: too many requests exit.</summary>
        Exits,

        /// <summary>Too many calls at the replica for so many exits.</summary>
        Busy,

        /// <summary>Both models compute on the same processors: what the large one does ahead the small one waits for.</summary>
        Shared,
    }

    /// <summary>Takes note of a decision between the models.</summary>
    public void Record(bool exits)
    {
        lock (_gate)
        {
            _seen = Math.Min(_seen + 1, Memory);
            _exits += ((exits ? 1 : 0) - _exits) / _seen;
            metrics.SetExitRatio(_exits);
        }
    }

    /// <summary>Decides for one request.</summary>
    /// <param name="certain">Whether it goes to the large model whatever the small one says.</param>
    /// <param name="large">The replica that would get the input.</param>
    /// <param name="others">Calls in flight there beside it.</param>
    /// <param name="small">The replica that answers first; null: not known yet.</param>
    public Verdict Judge(bool certain, Replica large, int others, Replica? small) =>
        small is not null && ShareProcessors(large, small) ? Verdict.Shared : Judge(certain, others);

    /// <summary>Decides from exits and load alone.</summary>
    public Verdict Judge(bool certain, int others)
    {
        double exits;
        lock (_gate)
        {
            if (!certain && _seen < Few)
            {
                return Verdict.Unknown;
            }

            exits = certain ? 0 : _exits;
        }

        return 1 - exits >= exits * (IdlePrice + others) ? Verdict.Pays
            : 1 - exits >= exits * IdlePrice ? Verdict.Busy
            : Verdict.Exits;
    }

    private static bool ShareProcessors(Replica large, Replica small) => OnProcessor(large) && OnProcessor(small) && SameMachine(large.Address, small.Address);

    private static bool OnProcessor(Replica replica) =>
        replica.View.Info is { Stages.Count: > 0 } info && info.Stages.All(s => s.Device.StartsWith("cpu", StringComparison.Ordinal));

    private static bool SameMachine(ReplicaAddress a, ReplicaAddress b) =>
        a.Endpoint is { } one && b.Endpoint is { } other ? one.Address.Equals(other.Address) || (IPAddress.IsLoopback(one.Address) && IPAddress.IsLoopback(other.Address))
        : (a.Service.IsLoopback && b.Service.IsLoopback) || a.Service.Host.Equals(b.Service.Host, StringComparison.OrdinalIgnoreCase);
}
